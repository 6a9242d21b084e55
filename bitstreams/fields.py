"""The kinds of header fields: how a value becomes a wire number, which values are legal, and which error is raised.

to_wire(value) -> number          ValueError naming what is legal
from_wire(name, number) -> value  a BitstreamError naming the field
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from .errors import BadField, BitstreamError, LimitExceeded


@dataclass(frozen=True)
class Number:
    """value = number * unit, low <= number <= high. A number above `high` raises LimitExceeded if `high` is a limit."""

    code: str
    low: int
    high: int
    unit: float = 1
    limit: bool = False

    def to_wire(self, value: float) -> int:
        if not self.low * self.unit <= value <= self.high * self.unit or value % self.unit:
            raise ValueError(f"{self.low * self.unit} to {self.high * self.unit} in steps of {self.unit}")
        return int(value / self.unit)

    def from_wire(self, name: str, number: int) -> float:
        if not self.low <= number <= self.high:
            error = LimitExceeded if self.limit and number > self.high else BadField
            raise error(
                f"header field {name} is {number}, but the format allows {self.low} to {self.high}; "
                "the stream is not one that rscodec writes"
            )
        return number * self.unit


@dataclass(frozen=True)
class Name:
    """A number of a wire table; its value is the name in that table."""

    code: str
    table: Mapping[int, str]
    error: type[BitstreamError]

    def to_wire(self, value: str) -> int:
        for number, name in self.table.items():
            if name == value:
                return number
        raise ValueError(f"one of {', '.join(self.table.values())}")

    def from_wire(self, name: str, number: int) -> str:
        if number not in self.table:
            raise self.error(
                f"header field {name} is {number:#x}, which this rscodec does not know "
                f"(known: {', '.join(self.table.values())}); a newer release may"
            )
        return self.table[number]


@dataclass(frozen=True)
class Bits:
    """A set of names with one bit each, the first name in bit 0. A bit whose name is None is not used."""

    code: str
    names: tuple[str | None, ...]

    def to_wire(self, value: Set[str]) -> int:
        known = [name for name in self.names if name]
        if not value <= set(known):
            raise ValueError(f"a set of {', '.join(known)}")
        return sum(1 << self.names.index(name) for name in value)

    def from_wire(self, name: str, number: int) -> frozenset[str]:
        found = frozenset(bit for i, bit in enumerate(self.names) if number >> i & 1 and bit)
        if number != self.to_wire(found):
            raise BadField(
                f"header field {name} is {number:#04x}, with bits that have no meaning; "
                "the stream is not one that rscodec writes"
            )
        return found


@dataclass(frozen=True)
class Raw:
    """Eight bytes, unchanged."""

    code: str = "8s"

    def to_wire(self, value: bytes) -> bytes:
        if len(value) != 8:
            raise ValueError("8 bytes")
        return bytes(value)

    def from_wire(self, name: str, value: bytes) -> bytes:
        return value
