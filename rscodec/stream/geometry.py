"""Positions of tiles in pixels and latents, and the tiles that a window of pixels needs.

pixels   0 ......... 512 ......... 1024 ... width        tile (row, col) starts at pixel (512 row, 512 col)
latents  0 ......... 32 .......... 64 .... ceil(width / 16)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from rscodec.raster.window import Window
from rscodec.stream.tile_payload import BLOCK_TILES

PLASTIC = 1.324717957244746  # the real root of x^3 = x + 1


@dataclass(frozen=True)
class Grid:
    """The tiles of a scene. `edge` and `stride`: pixels per tile and per latent."""

    width: int
    height: int
    edge: int
    stride: int

    @property
    def rows(self) -> int:
        return -(-self.height // self.edge)

    @property
    def cols(self) -> int:
        return -(-self.width // self.edge)

    @property
    def scene(self) -> Window:
        return Window(0, 0, self.width, self.height)

    @property
    def latent_scene(self) -> Window:
        return self.to_latents(self.scene)

    def tile(self, row: int, col: int) -> Window:
        """The pixels of a tile. Tiles at the right and bottom edges may be smaller."""
        return Window(col * self.edge, row * self.edge, self.edge, self.edge).overlap(self.scene)

    def to_latents(self, pixels: Window) -> Window:
        """The latents that cover a window of pixels."""
        col, row = pixels.col // self.stride, pixels.row // self.stride
        return Window(col, row, -(-pixels.right // self.stride) - col, -(-pixels.bottom // self.stride) - row)

    def to_pixels(self, latents: Window) -> Window:
        """The pixels that a window of latents covers. At the right and bottom edges it may extend beyond the scene."""
        return Window(*(edge * self.stride for edge in latents))

    def touching(self, latents: Window) -> list[tuple[int, int]]:
        """(row, col) of the tiles that hold these latents, in row-major order."""
        edge = self.edge // self.stride
        rows = range(latents.row // edge, -(-latents.bottom // edge))
        cols = range(latents.col // edge, -(-latents.right // edge))
        return [(row, col) for row in rows for col in cols]

    def pieces(self, window: Window, tiles: int = BLOCK_TILES) -> list[Window]:
        """The parts in which a window is processed fastest: its intersection with each block, row by row."""
        return list(self._pieces(window.overlap(self.scene), tiles))

    def blocks(self, tiles: int) -> Iterator[Window]:
        """Windows of up to `tiles` neighbouring tiles, row by row. The network processes one such block at a time."""
        return self._pieces(self.scene, tiles)

    def _pieces(self, window: Window, tiles: int) -> Iterator[Window]:
        if window.width <= 0 or window.height <= 0:
            return
        height, width = self.edge, tiles * self.edge
        for row in range(window.row // height, -(-window.bottom // height)):
            for col in range(window.col // width, -(-window.right // width)):
                yield Window(col * width, row * height, width, height).overlap(window)


def scattered(rows: int, cols: int) -> Iterator[tuple[int, int]]:
    """Yield each (row, col) of a grid once. However many one takes, they are spread evenly over both directions (the
    low-discrepancy sequence R2, Roberts 2018).
    """
    seen: set[tuple[int, int]] = set()
    for number in count():
        row, col = int(rows * ((0.5 + number / PLASTIC) % 1)), int(cols * ((0.25 + number / PLASTIC**2) % 1))
        if (row, col) not in seen:
            seen.add((row, col))
            yield row, col
        if len(seen) == rows * cols:
            return
