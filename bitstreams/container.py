"""Complete streams: StreamReader finds the bytes of each tile, StreamWriter writes them.

    fixed header │ metadata? │ radiometry? │ bound? │ crc32 ║ tile index │ crc32 ║ payloads, tile by tile
    └──────── one read of 4 KiB, more for large scenes ─────────────────────────┘ └─ one read per payload

This module does not interpret payloads. It verifies the checksum of each payload and delivers its bytes.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from . import wire
from .atomic import AtomicPath
from .errors import HeaderDamaged, IndexDamaged, MaskDamaged, TileDamaged, TrailingBytes, naming
from .header import FIXED, Header, wire_numbers
from .index import ENTRY, Entry, check_index, empty_index, index_size, offsets
from .limits import MAX_BOUND_BYTES, MAX_METADATA_BYTES, MAX_RADIOMETRY_BYTES
from .sections import pack_bound, pack_metadata, pack_section, unpack_bound, unpack_metadata
from .source import Cursor, FileSource, fetch

RESIDUAL = "residual"  # in place of a group number
SECTIONS = {"metadata": MAX_METADATA_BYTES, "radiometry": MAX_RADIOMETRY_BYTES, "bound": MAX_BOUND_BYTES}


class StreamReader:
    """Reads header and index when it is made, payloads on demand.

    get_bytes(offset, length) returns that part of the stream, or less at the end of the stream. It may read a file,
    send a range request, or do anything else. `size` is the length of the stream, if known. A source may have a method
    prefetch(spans), which receives the (offset, length) of the parts that will be read next. `parts` maps the name of
    each part of the stream to its (offset, size), for `dump.py`. `path` is the path or URL of the stream, or None.
    """

    path: str | os.PathLike | None = None

    def __init__(self, get_bytes: Callable[[int, int], bytes], size: int | None = None):
        self._get_bytes, self.size = get_bytes, size
        start = Cursor(get_bytes, size)
        numbers = wire_numbers(start.data)
        start.take(FIXED.size, "header")
        self.parts = {"fixed": (0, start.at)}
        blobs = {}
        for name, limit in SECTIONS.items():
            if numbers["flags"] >> wire.FLAGS.index(name) & 1:
                at = start.at
                blobs[name] = start.section(name, limit)
                self.parts[name] = (at, start.at - at)
        start.take_checked(0, 0, "header", HeaderDamaged)
        self.header = Header.from_wire(numbers)
        self.metadata = unpack_metadata(blobs["metadata"]) if "metadata" in blobs else {}
        self.radiometry = blobs.get("radiometry")
        self.bound = unpack_bound(blobs["bound"], self.header.dtype) if "bound" in blobs else None

        at, length = start.at, index_size(self.header)
        index = np.frombuffer(start.take_checked(length, at, "tile index", IndexDamaged), ENTRY)
        self.parts["index"] = (at, length)
        self.index = index.reshape(-1, self.header.entries)
        check_index(self.index, self.header)
        self.offsets = offsets(self.index, start.at)
        self.end = start.at + int(index["length"].sum(dtype=np.int64))
        self.parts["payloads"] = (start.at, self.end - start.at)
        if size is not None and size > self.end:
            raise TrailingBytes(
                f"{size - self.end} bytes follow the last payload, which ends at {self.end}; "
                "remove them or fetch the stream again"
            )

    @classmethod
    def from_bytes(cls, data: bytes) -> StreamReader:
        data = bytes(data)
        return cls(lambda offset, length: data[offset : offset + length], len(data))

    @classmethod
    def from_path(cls, path: str | os.PathLike) -> StreamReader:
        """A reader that holds the file open: use it in a `with` block, or close it. Threads may share it."""
        source = FileSource(path)
        try:
            with naming(path):
                reader = cls(source, source.size)
        except BaseException:
            source.close()
            raise
        reader.path = path
        return reader

    def close(self) -> None:
        if isinstance(self._get_bytes, FileSource):
            self._get_bytes.close()

    def __enter__(self) -> StreamReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of tiles."""
        return self.header.grid

    def entry(self, row: int, col: int, group: int | str | None) -> Entry:
        """The position of a payload. Group None means the lossless planes, RESIDUAL the residual."""
        rows, cols = self.grid
        names: list[int | str | None] = [None] * self.header.planes
        names += [*range(self.header.groups), *[RESIDUAL] * self.header.bounded]
        if row not in range(rows) or col not in range(cols) or group not in names:
            raise IndexError(f"no entry for tile ({row}, {col}), group {group}: the grid is {rows} x {cols}")
        at = row * cols + col, names.index(group)
        return Entry(int(self.offsets[at]), *(int(number) for number in self.index[at]))

    def prefetch(self, entries: list[tuple[int, int, int | str | None]]) -> None:
        """Tell the source which (row, col, group) will be read next, if it can read several parts at once."""
        if hasattr(self._get_bytes, "prefetch"):
            found = [self.entry(*entry) for entry in entries]
            self._get_bytes.prefetch([(entry.offset, entry.length) for entry in found if entry.length])

    def planes(self, row: int, col: int) -> bytes:
        """The lossless planes of a tile. Empty means that every pixel is valid and no band is lossless."""
        return self._read(row, col, None, MaskDamaged) if self.header.planes else b""

    def payload(self, row: int, col: int, group: int) -> bytes:
        """The coded bytes of one group of a tile. Empty means that the tile has no valid pixel."""
        return self._read(row, col, group, TileDamaged)

    def residual(self, row: int, col: int) -> bytes:
        """The residual that brings a tile within the bound. Empty means that the tile needs none."""
        return self._read(row, col, RESIDUAL, TileDamaged)

    def _read(self, row: int, col: int, group: int | str | None, error: type[TileDamaged]) -> bytes:
        offset, length, crc, _ = self.entry(row, col, group)
        inside = self.size is None or offset + length <= self.size
        data = fetch(self._get_bytes, offset, length) if length and inside else b""
        if len(data) == length and zlib.crc32(data) == crc:
            return data
        names: dict[int | str | None, str] = {None: "the lossless planes", RESIDUAL: "the residual"}
        what = names.get(group, f"group {group}")
        why = "do not match their checksum" if len(data) == length else "are cut off by the end of the stream"
        raise error(
            f"tile ({row}, {col}): the {length} bytes of {what} at byte {offset} {why}; fetch the "
            "stream again, or decode the other tiles with `on_error=nodata`",
            (row, col, group),
        )


class StreamWriter:
    """Writes tiles in row-major order, and the index in front of them when all tiles are written.

    `target` is a path, at which the stream appears complete or not at all, or a seekable binary file at its start. The
    writer sets the header flags `metadata`, `radiometry` and `bound` from its arguments.
    """

    def __init__(
        self,
        target: str | os.PathLike | BinaryIO,
        header: Header,
        metadata: Mapping[str, object] | None = None,
        radiometry: bytes | None = None,
        overwrite: bool = False,
        bound: float | None = None,
    ):
        given = {
            "metadata": pack_metadata(metadata) if metadata else None,
            "radiometry": radiometry,
            "bound": None if bound is None else pack_bound(bound, header.dtype),
        }
        blobs = {name: data for name, data in given.items() if data}
        self.header = replace(header, flags=frozenset({"planes"} & set(header.flags) | set(blobs)))
        head = self.header.pack() + b"".join(pack_section(data) for data in blobs.values())
        head += struct.pack("<I", zlib.crc32(head))
        self._index, self._index_at = empty_index(self.header), len(head)
        self._done, self._open = 0, True

        self._output: AtomicPath | None = None
        if isinstance(target, (str, os.PathLike)):
            self._output = AtomicPath(target, overwrite)
            self._file = _create(self._output)
        else:
            self._file = target
        try:
            self._file.write(head)
            self._file.seek(len(head) + index_size(self.header) + 4)
        except BaseException as problem:
            self._end(problem)
            raise

    def add(
        self,
        row: int,
        col: int,
        planes: tuple[bytes, int] | None,
        groups: list[tuple[bytes, int]],
        residual: tuple[bytes, int] = (b"", 0),
    ) -> None:
        """Write the next tile: each payload with the checksum of its decoded form. A tile without valid pixels has no
        groups.
        """
        if divmod(self._done, self.header.grid[1]) != (row, col):
            raise ValueError(f"tile ({row}, {col}) is out of order: {self._done} tiles are written")
        if planes and not self.header.planes:
            raise ValueError("planes, but the header was made without the flag of planes")
        payloads = [planes or (b"", 0)] * self.header.planes + list(groups or [(b"", 0)] * self.header.groups)
        payloads += [residual] * self.header.bounded
        if len(payloads) != self._index.shape[1]:
            raise ValueError(f"{len(payloads)} payloads, but a tile of this header has {self._index.shape[1]}")
        entries = self._index[self._done : self._done + 1]
        told = self.header.checks_empty
        entries[0] = [(len(data), zlib.crc32(data), crc if data or told else 0) for data, crc in payloads]
        check_index(entries, self.header, self._done)
        for data, _ in payloads:
            self._file.write(data)
        self._done += 1

    def close(self) -> None:
        """Write index and checksum, flush the file to disk and rename it to its final name."""
        if not self._open:
            return
        try:
            if self._done != len(self._index):
                raise ValueError(f"{self._done} of {len(self._index)} tiles were written")
            index = self._index.tobytes()
            self._file.seek(self._index_at)
            self._file.write(index + struct.pack("<I", zlib.crc32(index)))
            if self._output:
                self._file.flush()
                os.fsync(self._file.fileno())
        except BaseException as problem:
            self._end(problem)
            raise
        self._end(None)

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.close()
        elif self._open:
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        self._open = False
        if self._output:
            with suppress(OSError):  # the error of a full disk is known already
                self._file.close()
            self._output.__exit__(type(error), error, None)


def _create(output: AtomicPath) -> BinaryIO:
    place = output.__enter__()
    try:
        return place.open("xb")
    except OSError as problem:
        output.__exit__(type(problem), problem, None)
        raise output.error(problem) from problem
