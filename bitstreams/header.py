"""The fixed part of a stream. Every field is declared once; pack and unpack both follow the declaration.

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
    """The fields that a decoder needs first. Their order, wire types and legal values are declared only here."""

    arithmetic: str = _wire(
        Name("B", wire.ARITHMETICS, FutureVersion), "arithmetic of the entropy path", default="integer-1"
    )
    model: str = _wire(Name("H", wire.MODELS, UnknownModel), "model that made the stream")
    weights_hash: bytes = _wire(Raw(), "hash of the weights that the pixels depend on")
    quality: float = _wire(Number("H", 32, 256, 1 / 32), "quality, 1 to 8 in steps of 1/32")
    width: int = _wire(Number("I", 1, limits.MAX_EDGE, limit=True), "columns, in pixels")
    height: int = _wire(Number("I", 1, limits.MAX_EDGE, limit=True), "rows, in pixels")
    bands: int = _wire(Number("B", 1, limits.MAX_BANDS, limit=True), "bands, including lossless ones")
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
        """(rows, columns) of tiles. Tiles at the right and bottom edges may be smaller."""
        return -(-self.height // self.tile), -(-self.width // self.tile)

    @property
    def planes(self) -> bool:
        """Whether every tile has an index entry for lossless planes."""
        return "planes" in self.flags

    @property
    def bounded(self) -> bool:
        """Whether the stream guarantees a largest error; every tile then has an index entry for a residual."""
        return "bound" in self.flags

    @property
    def portable(self) -> bool:
        """Whether every machine decodes the same latents."""
        return self.arithmetic in ("integer-1", "integer-2")

    @property
    def checks_empty(self) -> bool:
        """Whether empty planes and residuals have the checksum of their decoded form."""
        return self.arithmetic == "integer-2"

    @property
    def entries(self) -> int:
        """Number of index entries of one tile: planes, if any, then the groups, then the residual, if any."""
        return self.planes + self.groups + self.bounded

    def pack(self) -> bytes:
        """The bytes of the fixed part. Raises InputError for a value that it cannot hold."""
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
        """The header with these numbers from `wire_numbers`. Verify the checksum first."""
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
    """The numbers of the fixed part at the start of `data`, not yet checked. Only magic and version are checked here:
    they are the first five bytes in every version of the format.
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
