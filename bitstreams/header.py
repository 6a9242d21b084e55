"""The fixed part of a stream: every field is declared once, and pack and unpack both follow the declaration.

Header(model="rsc-s-1", quality=3.0, ...)    what the rest of the project sees
    │ pack: value -> wire number                 ▲ from_wire: number -> value, or a named error
    ▼                                            │
d2 52 53 43 │ 01 │ 01 │ 01 00 │ ...          31 bytes, little endian, in order of declaration
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, fields
from typing import Any

from . import limits, wire
from .errors import (
    BadField,
    BitstreamError,
    FutureVersion,
    InputError,
    LimitExceeded,
    NotAStream,
    Truncated,
    UnknownModel,
)
from .fields import Bits, Name, Number, Raw


def _wire(kind: Number | Name | Bits | Raw, meaning: str, **default: Any) -> Any:
    return field(metadata={"kind": kind, "meaning": meaning}, **default)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a decoder must know first. Order, wire type and legal values are declared here and only here."""

    arithmetic: str = _wire(
        Name("B", wire.ARITHMETICS, FutureVersion), "arithmetic of the entropy path", default="integer-1"
    )
    model: str = _wire(Name("H", wire.MODELS, UnknownModel), "model that made the stream")
    weights_hash: bytes = _wire(Raw(), "hash of the weights that the pixels depend on")
    quality: float = _wire(Number("H", 32, 256, 1 / 32), "quality, 1 to 8 in steps of 1/32")
    width: int = _wire(Number("I", 1, limits.MAX_EDGE, limit=True), "columns, in pixels")
    height: int = _wire(Number("I", 1, limits.MAX_EDGE, limit=True), "rows, in pixels")
    bands: int = _wire(Number("B", 1, limits.MAX_BANDS, limit=True), "bands, the lossless ones included")
    dtype: str = _wire(Name("B", wire.DTYPES, BadField), "type of a pixel")
    tile: int = _wire(
        Number("B", 1, limits.MAX_TILE // limits.TILE_UNIT, limits.TILE_UNIT, limit=True),
        "edge of a tile, in pixels",
        default=512,
    )
    flags: frozenset[str] = _wire(Bits("B", wire.FLAGS), "parts that are present", default=frozenset())
    groups: int = _wire(Number("B", 0, limits.MAX_GROUPS, limit=True), "groups of three network channels")

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of tiles; those at the right and the bottom may be smaller."""
        return -(-self.height // self.tile), -(-self.width // self.tile)

    @property
    def planes(self) -> bool:
        """Does every tile have an index entry for lossless planes?"""
        return "planes" in self.flags

    @property
    def bounded(self) -> bool:
        """Does every tile have an index entry for a residual, and the stream a largest error?"""
        return "bound" in self.flags

    @property
    def portable(self) -> bool:
        """Does every machine decode the same latents?"""
        return self.arithmetic in ("integer-1", "integer-2")

    @property
    def checks_empty(self) -> bool:
        """Have planes and residuals of length 0 the checksum of what they stand for?"""
        return self.arithmetic == "integer-2"

    @property
    def entries(self) -> int:
        """Index entries of one tile: planes, if any, then the groups, then the residual, if any."""
        return self.planes + self.groups + self.bounded

    def pack(self) -> bytes:
        """The fixed part. A value that it cannot hold came from the scene or the user: InputError."""
        numbers = []
        for f in fields(self):
            value = getattr(self, f.name)
            try:
                numbers.append(f.metadata["kind"].to_wire(value))
            except ValueError as legal:
                raise InputError(f"{f.name} is {value}, but a stream can only hold {legal}") from None
        try:
            self._check_together()
        except BitstreamError as problem:
            raise InputError(str(problem)) from None
        return FIXED.pack(wire.MAGIC, wire.VERSION, *numbers)

    @classmethod
    def from_wire(cls, numbers: dict[str, Any]) -> Header:
        """The header that `wire_numbers` found, once its checksum is known to be right."""
        header = cls(**{f.name: f.metadata["kind"].from_wire(f.name, numbers[f.name]) for f in fields(cls)})
        header._check_together()
        return header

    def _check_together(self) -> None:
        rows, cols = self.grid
        if rows * cols > limits.MAX_TILES:
            raise LimitExceeded(
                f"the scene has {rows} x {cols} tiles, above the limit of {limits.MAX_TILES} "
                "in all; encode with a larger tile"
            )
        if self.groups > self.bands:
            raise BadField(f"header field groups is {self.groups}, too many for {self.bands} bands")
        if self.bounded and not (self.groups and self.portable):
            raise BadField("header field flags has a bound, which needs groups of a model that is the same everywhere")
        if self.entries == 0:
            raise BadField("header fields flags and groups leave the scene without any content")


FIXED = struct.Struct("<4sB" + "".join(f.metadata["kind"].code for f in fields(Header)))


def wire_numbers(data: bytes) -> dict[str, Any]:
    """The numbers of the fixed part at the start of `data`, not yet judged.

    Magic and version stand in the same five bytes in every version of the format, so they are judged here.
    """
    if data[:4] != wire.MAGIC:
        raise NotAStream(
            "not an rscodec stream: it does not begin with the bytes d2 52 53 43; give a .bin made by `rscodec encode`"
        )
    if data[4:5] > bytes([wire.VERSION]):
        raise FutureVersion(
            f"the stream has version {data[4]}, this rscodec reads version {wire.VERSION}; install a newer release"
        )
    if data[4:5] == b"\0":
        raise BadField("header field version is 0, which never existed")
    if len(data) < FIXED.size:
        raise Truncated(f"the stream ends at byte {len(data)}, inside its header; fetch it again")
    return dict(zip((f.name for f in fields(Header)), FIXED.unpack_from(data)[2:], strict=True))
