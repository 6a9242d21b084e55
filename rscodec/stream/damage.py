"""Damaged tiles: the decoder stops at the first one, or records them and continues."""

from __future__ import annotations

import numpy as np

from rscodec.bitstreams.errors import BitstreamError, TileDamaged
from rscodec.raster.window import Window
from rscodec.stream.geometry import Grid


class Damage:
    """`bad`: (row, col, group) of each damaged payload found so far, and the reason. `tiles`: (row, col) of these. With
    `on_error="stop"` the first one raises.
    """

    def __init__(self, grid: Grid, on_error: str):
        self._grid, self._on_error = grid, on_error
        self.bad: dict[tuple[int, int, int | str | None], str] = {}
        self.tiles: set[tuple[int, int]] = set()

    def note(self, problem: TileDamaged) -> None:
        if self._on_error == "stop" or problem.tile is None:
            raise problem
        self.bad.setdefault(problem.tile, str(problem))
        self.tiles.add(problem.tile[:2])

    def area(self, window: Window) -> np.ndarray:
        """bool (h, w): True for pixels of a window that belong to bad tiles."""
        damaged = np.zeros((window.height, window.width), bool)
        if self.tiles:
            for tile in self._grid.pieces(window, tiles=1):
                if (tile.row // self._grid.edge, tile.col // self._grid.edge) in self.tiles:
                    damaged[tile.within(window)] = True
        return damaged


def as_tile(problem: BitstreamError, tile: tuple[int, int], group: int | str = 0) -> TileDamaged:
    """Turn a problem in a tile into a TileDamaged that names the tile."""
    return problem if isinstance(problem, TileDamaged) else TileDamaged(f"tile {tile}: {problem}", (*tile, group))
