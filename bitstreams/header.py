"""The fixed part of a stream: every field is declared once, and pack and unpack both follow the declaration.

    Header(width=640, dtype="uint8", tile=512, ...)          what the rest of the project sees
        │ pack: value -> wire number, refused if illegal          ▲ unpack: wire number -> value, or a named error
        ▼                                                         │
    d2 52 53 43 │ 01 │ 01 │ 01 00 │ ...   31 bytes, little endian, in the order of declaration
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from . import limits, wire
from .errors import BadField, BitstreamError, FutureVersion, InputError, LimitExceeded, NotAStream, Truncated, UnknownModel


@dataclass(frozen=True)
class Number:
    """wire * unit, with low <= wire <= high. Above `high` is LimitExceeded where the field is a `limit`."""

    code: str
    low: int
    high: int
    unit: float = 1
    limit: bool = False

    def to_wire(self, value):
        number = round(value / self.unit)
        if number * self.unit != value or not self.low <= number <= self.high:
            raise ValueError(f"{self.low * self.unit} to {self.high * self.unit} in steps of {self.unit}")
        return number

    def from_wire(self, name, number):
        if not self.low <= number <= self.high:
            error = LimitExceeded if self.limit and number > self.high else BadField
            raise error(f"header field {name} is {number}, but the format allows {self.low} to {self.high}; "
                        "the stream was not written by rscodec")
        return number * self.unit


@dataclass(frozen=True)
class Name:
    """A number of a wire table, seen as the name beside it."""

    code: str
    table: Mapping[int, str]
    error: type[BitstreamError]

    def to_wire(self, value):
        for number, name in self.table.items():
            if name == value:
                return number
        raise ValueError(f"one of {', '.join(self.table.values())}")

    def from_wire(self, name, number):
        if number not in self.table:
            raise self.error(f"header field {name} is {number:#x}, which this rscodec does not know "
                             f"(known: {', '.join(self.table.values())}); a newer release may")
        return self.table[number]


@dataclass(frozen=True)
class Bits:
    """A set of names, one bit each."""

    code: str
    names: tuple[str, ...]

    def to_wire(self, value):
        if not value <= set(self.names):
            raise ValueError(f"some of {', '.join(self.names)}")
        return sum(1 << self.names.index(name) for name in value)

    def from_wire(self, name, number):
        if number >> len(self.names):
            raise BadField(f"header field {name} is {number:#04x}, with bits that mean nothing in version "
                           f"{wire.VERSION}; the stream was not written by rscodec")
        return frozenset(bit for i, bit in enumerate(self.names) if number >> i & 1)


@dataclass(frozen=True)
class Raw:
    """Bytes as they are."""

    code: str
    size: int

    def to_wire(self, value):
        if len(value) != self.size:
            raise ValueError(f"{self.size} bytes")
        return bytes(value)

    def from_wire(self, name, value):
        return value


def _on_wire(kind, meaning: str, **default):
    return field(metadata={"kind": kind, "meaning": meaning}, **default)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a decoder must know before anything else. Order, wire type and legal values stand here and nowhere else."""

    arithmetic: str = _on_wire(Name("B", wire.ARITHMETICS, FutureVersion), "arithmetic of the entropy path",
                               default="integer-1")
    model: str = _on_wire(Name("H", wire.MODELS, UnknownModel), "model that made the stream")
    weights_hash: bytes = _on_wire(Raw("8s", 8), "hash of what the entropy path computes with")
    quality: float = _on_wire(Number("H", 32, 256, 1 / 32), "quality, 1 to 8 in steps of 1/32")
    width: int = _on_wire(Number("I", 1, limits.MAX_EDGE, limit=True), "columns, in pixels")
    height: int = _on_wire(Number("I", 1, limits.MAX_EDGE, limit=True), "rows, in pixels")
    bands: int = _on_wire(Number("B", 1, limits.MAX_BANDS, limit=True), "bands, the lossless ones included")
    dtype: str = _on_wire(Name("B", wire.DTYPES, BadField), "type of a pixel")
    tile: int = _on_wire(Number("B", 1, limits.MAX_TILE // limits.TILE_UNIT, limits.TILE_UNIT),
                         "edge of a tile, in pixels", default=512)
    flags: frozenset[str] = _on_wire(Bits("B", wire.FLAGS), "parts that are present", default=frozenset())
    groups: int = _on_wire(Number("B", 0, limits.MAX_GROUPS, limit=True), "groups of three network channels")

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of tiles; the last ones may be smaller."""
        return -(-self.height // self.tile), -(-self.width // self.tile)

    @property
    def planes(self) -> bool:
        """Does every tile have an entry for lossless planes?"""
        return "planes" in self.flags

    @property
    def entries(self) -> int:
        """Index entries of one tile: planes, if any, then the groups."""
        return self.planes + self.groups

    def pack(self) -> bytes:
        """The fixed part. A value that the format cannot hold is an InputError: it came from the scene or the user."""
        numbers = []
        for f in fields(self):
            value = getattr(self, f.name)
            try:
                numbers.append(f.metadata["kind"].to_wire(value))
            except ValueError as legal:
                raise InputError(f"{f.name} is {value}, but a stream can hold only {legal}") from None
        try:
            self._check_together()
        except BitstreamError as problem:
            raise InputError(str(problem)) from None
        return FIXED.pack(wire.MAGIC, wire.VERSION, *numbers)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """The header of a stream that begins with `data` (its checksum is the container's business)."""
        check_magic(data)
        _, _, *numbers = FIXED.unpack_from(data)
        header = cls(**{f.name: f.metadata["kind"].from_wire(f.name, number)
                        for f, number in zip(fields(cls), numbers, strict=True)})
        header._check_together()
        return header

    def _check_together(self) -> None:
        rows, cols = self.grid
        if rows * cols > limits.MAX_TILES:
            raise LimitExceeded(f"the scene has {rows} x {cols} tiles, above the limit of {limits.MAX_TILES}; "
                                "encode with a larger tile")
        if self.groups > -(-self.bands // 3):
            raise BadField(f"header field groups is {self.groups}, too many for {self.bands} bands")
        if self.entries == 0:
            raise BadField("header fields flags and groups leave the scene without any content")


FIXED = struct.Struct("<4sB" + "".join(f.metadata["kind"].code for f in fields(Header)))
FLAGS_AT = struct.calcsize("<4sB" + "".join(f.metadata["kind"].code for f in fields(Header)[:9]))


def check_magic(data: bytes) -> None:
    """What holds in every version of the format: four bytes of magic, one of version; then enough bytes."""
    if data[:4] != wire.MAGIC:
        raise NotAStream("this is not an rscodec stream: it does not begin with the bytes d2 52 53 43; "
                         "use a .bin made by `rscodec encode`")
    if len(data) > 4 and data[4] > wire.VERSION:
        raise FutureVersion(f"the stream has version {data[4]}, this rscodec reads up to {wire.VERSION}; "
                            "install a newer release")
    if len(data) > 4 and data[4] == 0:
        raise BadField("header field version is 0, which never existed")
    if len(data) < FIXED.size:
        raise Truncated(f"the stream ends after {len(data)} bytes, inside its {FIXED.size}-byte header; fetch it again")
