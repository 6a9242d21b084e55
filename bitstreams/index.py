"""The tile index: for each tile, row by row, [planes] + groups + [residual] entries of length, crc_coded, crc_decoded.

Payloads follow each other in the order of the index, so the offset of a payload is the sum of the lengths before it.

    tile (0,0)  planes group0 group1 │ tile (0,1)  planes group0 group1 │ ...      12 bytes each
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .errors import IndexDamaged, LimitExceeded
from .header import Header
from .limits import MAX_BANDS, MAX_GROUP_BYTES_PER_PIXEL, MAX_RESIDUAL_BYTES_PER_SAMPLE

ENTRY = np.dtype([("length", "<u4"), ("crc_coded", "<u4"), ("crc_decoded", "<u4")])


class Entry(NamedTuple):
    """The position of one payload, and the checksums of its coded and decoded forms."""

    offset: int
    length: int
    crc_coded: int
    crc_decoded: int


def empty_index(header: Header) -> np.ndarray:
    """An index (tiles, entries) of zeros."""
    rows, cols = header.grid
    return np.zeros((rows * cols, header.entries), ENTRY)


def index_size(header: Header) -> int:
    """Size of the index in bytes, without its checksum."""
    rows, cols = header.grid
    return rows * cols * header.entries * ENTRY.itemsize


def check_index(index: np.ndarray, header: Header, first: int = 0) -> None:
    """Raise IndexDamaged for entries that no writer writes. `first` is the number of the first tile of `index`, for the
    message.
    """
    length = index["length"]
    groups = length[:, header.planes : header.planes + header.groups] > 0
    if header.bounded:
        _refuse((length[:, -1] > 0) & ~groups.any(axis=1), header, first, "a residual but no groups")
    if header.groups:
        absent, unmasked = ~groups.any(axis=1), length[:, 0] == 0 if header.planes else True
        _refuse(~absent & ~groups.all(axis=1), header, first, "some groups but not all")
        _refuse(absent & unmasked, header, first, "neither groups nor planes that say why")
    told = (index["crc_decoded"] > 0) & ~_checked_if_empty(index, header)
    stray = (length == 0) & ((index["crc_coded"] > 0) | told)
    _refuse(stray.any(axis=1), header, first, "a checksum of nothing")
    limit = np.array(payload_limits(header))
    if (length > limit).any():
        tile, entry = np.argwhere(length > limit)[0]
        raise LimitExceeded(
            f"{_tile_name(header, first + int(tile))} has a payload of {length[tile, entry]} "
            f"bytes, above the limit of {limit[entry]}"
        )


def _checked_if_empty(index: np.ndarray, header: Header) -> np.ndarray:
    """bool (tiles, entries): which entries have a checksum of their decoded form even if their length is 0."""
    checked = np.zeros(index.shape, bool)
    if header.checks_empty:
        checked[:, : header.planes] = True
    if header.checks_empty and header.bounded:
        checked[:, -1] = (index["length"][:, header.planes : -1] > 0).any(axis=1)
    return checked


def payload_limits(header: Header) -> list[int]:
    """The largest legal length of each entry of a tile: raw size for planes, a largest rate for the others."""
    pixels = header.tile**2
    planes = pixels * header.bands * (np.dtype(header.dtype).itemsize + 1) + 9 * MAX_BANDS
    planes += planes // 1000 + 64  # what zlib may add to data that it cannot compress
    residual = pixels * header.bands * MAX_RESIDUAL_BYTES_PER_SAMPLE
    groups = [pixels * MAX_GROUP_BYTES_PER_PIXEL] * header.groups
    return [planes] * header.planes + groups + [residual] * header.bounded


def offsets(index: np.ndarray, start: int) -> np.ndarray:
    """Positions (tiles, entries) of payloads in the stream. The first payload is at `start`."""
    ends = start + np.cumsum(index["length"], dtype=np.int64).reshape(index.shape)
    return ends - index["length"]


def _refuse(bad: np.ndarray, header: Header, first: int, what: str) -> None:
    if bad.any():
        raise IndexDamaged(
            f"the index gives {_tile_name(header, first + int(bad.argmax()))} {what}; "
            "the stream is not one that rscodec writes"
        )


def _tile_name(header: Header, number: int) -> str:
    row, col = divmod(number, header.grid[1])
    return f"tile ({row}, {col})"
