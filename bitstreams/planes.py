"""The lossless part of a tile: which pixels hold data, and the bands that are stored without loss.

    classes (P, h, w)  0 valid, 1 the nodata value, 2 NaN, 3 masked        exact (E, h, w)  alpha
        │ per plane: the set of its classes, one byte                          │ per band: one value for all,
        │ and a bit per pixel for each class but the last                      │ or every byte
        └──────────────────────────────┬───────────────────────────────────────┘
           head │ filter │ zlib(bits and bytes, row by row)

A plane with a single class takes one byte. A band with a single value takes that value and one byte. A tile whose
pixels are all valid and that has no exact band takes nothing. Filter 1 replaces each row by its difference (exclusive
or) from the row above, which compresses straight edges well. The encoder tries both filters and keeps the shorter
result.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from .errors import MaskDamaged
from .sections import inflate
from .wire import CLASSES

CONSTANT, ROWS = 0, 1  # kinds of an exact band
PLAIN, ABOVE = 0, 1  # filters
CLASS_COUNT = len(CLASSES)


def encode_planes(classes: np.ndarray, exact: np.ndarray) -> bytes:
    """Classes and exact bands as bytes. `exact` has the dtype of the scene."""
    if not len(exact) and not classes.any():
        return b""
    head, stacks = bytearray(), []
    for plane in classes:
        present = np.flatnonzero(np.bincount(plane.ravel(), minlength=CLASS_COUNT))
        head.append(sum(1 << int(c) for c in present))
        stacks += [np.packbits(plane == c, axis=-1) for c in present[:-1]]
    for rows in _as_bytes(exact):
        values = rows.reshape(-1, exact.dtype.itemsize)
        if (values == values[0]).all():
            head += bytes([CONSTANT]) + values[0].tobytes()
        else:
            head.append(ROWS)
            stacks.append(rows)
    if not stacks:
        return bytes(head)
    bodies = [
        bytes([PLAIN]) + zlib.compress(b"".join(s.tobytes() for s in stacks), 9),
        bytes([ABOVE]) + zlib.compress(b"".join(_above(s).tobytes() for s in stacks), 9),
    ]
    return bytes(head) + min(bodies, key=len)


def decode_planes(
    data: bytes, planes: int, bands: int, height: int, width: int, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    """(classes, exact) of a tile with `planes` class planes and `bands` exact bands. Raises MaskDamaged."""
    kind = np.dtype(dtype).newbyteorder("<")
    classes = np.zeros((planes, height, width), np.uint8)
    exact = np.zeros((bands, height, width), kind)
    if not data and not bands:
        return classes, exact.astype(dtype)
    head = _Head(data)
    sets = [head.class_set() for _ in range(planes)]
    values = [head.value(kind.itemsize) for _ in range(bands)]
    bit_row, byte_row = -(-width // 8), width * kind.itemsize
    widths = [bit_row] * sum(len(s) - 1 for s in sets) + [byte_row] * values.count(None)
    stacks = head.body(widths, height)
    for plane, present in zip(classes, sets, strict=True):
        plane[:] = present[-1]
        for c in present[:-1]:
            bits = np.unpackbits(next(stacks), axis=-1)
            if bits[:, width:].any() or (bits[:, :width].astype(bool) & (plane != present[-1])).any():
                raise _damaged("have pixels of two classes")
            plane[bits[:, :width].astype(bool)] = c
    for band, value in zip(exact, values, strict=True):
        band[:] = np.frombuffer(next(stacks) if value is None else value, kind).reshape(
            (height, width) if value is None else ()
        )
    return classes, exact.astype(dtype)


def planes_crc(classes: np.ndarray, exact: np.ndarray) -> int:
    """crc_decoded of a planes entry: CRC-32 over the classes, then the little-endian bytes of the bands."""
    return zlib.crc32(_as_bytes(exact).tobytes(), zlib.crc32(classes.astype(np.uint8).tobytes()))


def _as_bytes(exact: np.ndarray) -> np.ndarray:
    """(E, h, w) of any dtype -> (E, h, w * itemsize) bytes."""
    little = np.ascontiguousarray(exact, exact.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(*exact.shape[:2], exact.shape[2] * exact.dtype.itemsize)


def _above(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows[:1], rows[1:] ^ rows[:-1]])


def _damaged(how: str) -> MaskDamaged:
    return MaskDamaged(f"the lossless planes of a tile {how}; decode the other tiles with `on_error=nodata`")


class _Head:
    """Parses the head byte by byte, then inflates the body."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def _take(self, length: int) -> bytes:
        data = self._data[self._at : self._at + length]
        if len(data) < length:
            raise _damaged("are too short")
        self._at += length
        return data

    def class_set(self) -> list[int]:
        bits = self._take(1)[0]
        if not 0 < bits < 1 << CLASS_COUNT:
            raise _damaged(f"have the impossible class set {bits:#x}")
        return [c for c in range(CLASS_COUNT) if bits >> c & 1]

    def value(self, size: int) -> bytes | None:
        """The value of an exact band that has only one; None if the body holds every pixel."""
        kind = self._take(1)[0]
        if kind > ROWS:
            raise _damaged(f"have an exact band of the unknown kind {kind}")
        return self._take(size) if kind == CONSTANT else None

    def body(self, widths: list[int], height: int) -> Iterator[np.ndarray]:
        """For each of `widths`, an array (height, width) of bytes."""
        filtered = self._take(1)[0] if widths else PLAIN
        rest, size = self._data[self._at :], sum(widths) * height
        try:
            plain = inflate(rest, size) if widths else rest
        except ValueError as problem:
            raise _damaged(f"are unreadable ({problem})") from None
        if filtered > ABOVE or len(plain) != size:
            raise _damaged("do not have the size of the tile")
        parts = np.split(np.frombuffer(plain, np.uint8), np.cumsum(widths, dtype=int)[:-1] * height)
        stacks = (part.reshape(height, -1) for part in parts)
        return (np.bitwise_xor.accumulate(s, axis=0) if filtered else s for s in stacks)
