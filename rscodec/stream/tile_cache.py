"""A cache of the tiles that were used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Tile = tuple[int, int]  # row, column
Made = TypeVar("Made")


class TileCache(Generic[Made]):
    """Holds items up to a total weight of `limit`, and drops the least recently used first. `weight` computes the
    weight of an item.
    """

    def __init__(self, limit: int, weight: Callable[[Made], int] = lambda _: 1):
        self.limit = limit
        self._weight = weight
        self._held: OrderedDict[Tile, Made] = OrderedDict()

    def __contains__(self, tile: Tile) -> bool:
        return tile in self._held

    def __getitem__(self, tile: Tile) -> Made:
        return self._held[tile]

    @property
    def total(self) -> int:
        """The total weight of all items."""
        return sum(map(self._weight, self._held.values()))

    def used(self, tile: Tile) -> None:
        self._held.move_to_end(tile)

    def add(self, made: dict[Tile, Made]) -> None:
        self._held |= made

    def trim(self, least: int = 0) -> None:
        """Drop items down to the limit, or to `least` if that is larger."""
        while self.total > max(self.limit, least):
            self._held.popitem(last=False)
