"""Edits streams: changes any bytes, then corrects the checksums around the change.

    31 bytes of header | sections | crc || index | crc || payloads

It also works on damaged streams: parts that cannot be found are not changed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import fields

import numpy as np

from rscodec.bitstreams.header import FIXED, Header
from rscodec.bitstreams.index import ENTRY
from rscodec.bitstreams.sections import pack_section

SECTIONS = {"metadata": 0b1, "radiometry": 0b10, "bound": 0b10000}  # their bits in the flags
SECTION_BITS = 0b10011
PLANES_BIT = 0b100


def _places() -> dict[str, tuple[int, str]]:
    """The offset and struct code of every field of the fixed header."""
    places, at = {"magic": (0, "4s"), "version": (4, "B")}, 5
    for field in fields(Header):
        code = field.metadata["kind"].code
        places[field.name] = at, code
        at += struct.calcsize("<" + code)
    return places


PLACES = _places()


def field(data: bytes, name: str):
    """The wire number of a header field."""
    offset, code = PLACES[name]
    return struct.unpack_from("<" + code, data, offset)[0]


def patch(data: bytes, **numbers) -> bytes:
    """The stream with other wire numbers in its header."""
    data = bytearray(data)
    for name, number in numbers.items():
        offset, code = PLACES[name]
        struct.pack_into("<" + code, data, offset, number)
    return bytes(data)


def with_section(data: bytes, name: str, content: bytes, packed: bool = False) -> bytes:
    """Add this section to a stream without sections. `packed`: the content includes its length."""
    data = patch(data, flags=field(data, "flags") & ~SECTION_BITS | SECTIONS[name])
    return data[: FIXED.size] + (content if packed else pack_section(content)) + data[FIXED.size :]


def without_sections(data: bytes) -> bytes:
    """The stream without metadata, radiometry and bound."""
    crc, _ = layout(data)
    return patch(data, flags=field(data, "flags") & ~SECTION_BITS)[: FIXED.size] + data[crc:]


def layout(data: bytes) -> tuple[int | None, int | None]:
    """The positions of the checksums of header and index; None if beyond the end."""
    at = FIXED.size
    if len(data) < at + 4:
        return None, None
    for _ in range((field(data, "flags") & SECTION_BITS).bit_count()):
        length = shift = 0
        while at < len(data) and shift < 35:
            length |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                break
        at += length
    if at + 4 > len(data):
        return None, None
    tiles = tiles_of(data)
    flags = field(data, "flags")
    entries = field(data, "groups") + bool(flags & PLANES_BIT) + bool(flags & SECTIONS["bound"])
    end = at + 4 + tiles * entries * ENTRY.itemsize
    return at, end if end + 4 <= len(data) else None


def tiles_of(data: bytes) -> int:
    """The number of tiles in the header."""
    edge = 64 * field(data, "tile")
    return -(-field(data, "width") // edge) * -(-field(data, "height") // edge) if edge else 0


def index_of(data: bytes) -> np.ndarray:
    """The entries of the index, in order; empty if the index is incomplete."""
    crc, end = layout(data)
    return np.frombuffer(data[crc + 4 : end] if end else b"", ENTRY).copy()


def with_index(data: bytes, entries: np.ndarray) -> bytes:
    """The stream with other index entries; their number does not change."""
    crc, end = layout(data)
    return data[: crc + 4] + entries.tobytes() + data[end:]


def payloads_of(data: bytes) -> list[bytes]:
    """The payloads, as the index divides them."""
    _, end = layout(data)
    if end is None:
        return []
    ends = end + 4 + np.cumsum(index_of(data)["length"], dtype=np.int64)
    return [data[stop - length : stop] for stop, length in zip(ends, index_of(data)["length"], strict=True)]


def repair(data: bytes, crc_decoded: Callable[[int, bytes], int | None] = lambda number, payload: None) -> bytes:
    """Correct the checksums of header, index and payloads, and crc_decoded if crc_decoded(entry,
    payload) returns one.
    """
    crc, end = layout(data)
    if end is not None:
        entries = index_of(data)
        for number, payload in enumerate(payloads_of(data)):
            if payload:
                entries["crc_coded"][number] = zlib.crc32(payload)
                known = crc_decoded(number, payload)
                entries["crc_decoded"][number] = entries["crc_decoded"][number] if known is None else known
        data = with_index(data, entries)
        data = data[:end] + struct.pack("<I", zlib.crc32(entries.tobytes())) + data[end + 4 :]
    if crc is not None:
        data = data[:crc] + struct.pack("<I", zlib.crc32(data[:crc])) + data[crc + 4 :]
    return data
