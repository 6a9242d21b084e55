"""Where tiles lie: in pixels, in latents, and which of them a window of pixels needs.

    pixels   0 ......... 512 ......... 1024 ... width        tile (row, col) starts at pixel (512 row, 512 col)
    latents  0 ......... 32 .......... 64 .... ceil(width / 16)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bitstreams.errors import InputError


class Window(NamedTuple):
    """A rectangle: its upper left corner and its size, in pixels or in latents."""

    col: int
    row: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.col + self.width

    @property
    def bottom(self) -> int:
        return self.row + self.height

    def within(self, other: Window) -> tuple[slice, slice]:
        """Rows and columns of `other` (as an array of its own) that this window covers."""
        rows = slice(self.row - other.row, self.bottom - other.row)
        return rows, slice(self.col - other.col, self.right - other.col)

    def overlap(self, other: Window) -> Window:
        """What both cover."""
        col, row = max(self.col, other.col), max(self.row, other.row)
        return Window(col, row, min(self.right, other.right) - col, min(self.bottom, other.bottom) - row)

    def check_inside(self, scene: Window, name: object = None) -> None:
        """Raise InputError unless this is a window of a scene, the one in the file `name`."""
        if self.width < 1 or self.height < 1 or self.overlap(scene) != self:
            raise InputError(
                f"window {' '.join(map(str, self))} is not inside {name or 'the scene'}, which has "
                f"{scene.width} x {scene.height} pixels; choose another column, row, width and height"
            )

    def moved(self, rows: int, cols: int) -> Window:
        """One of the same size, so many rows down and columns to the right."""
        return self._replace(row=self.row + rows, col=self.col + cols)

    def grown(self, by: int, inside: Window) -> Window:
        """This window with a border, as far as `inside` goes."""
        return Window(self.col - by, self.row - by, self.width + 2 * by, self.height + 2 * by).overlap(inside)


@dataclass(frozen=True)
class Grid:
    """The tiles of a scene. `edge` and `stride` are pixels per tile and per latent."""

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
        """The pixels of a tile; those at the right and the bottom may be smaller."""
        return Window(col * self.edge, row * self.edge, self.edge, self.edge).overlap(self.scene)

    def to_latents(self, pixels: Window) -> Window:
        """The latents that cover a window of pixels."""
        col, row = pixels.col // self.stride, pixels.row // self.stride
        return Window(col, row, -(-pixels.right // self.stride) - col, -(-pixels.bottom // self.stride) - row)

    def to_pixels(self, latents: Window) -> Window:
        """The pixels that latents stand for; at the right and the bottom this may reach beyond the scene."""
        return Window(*(edge * self.stride for edge in latents))

    def touching(self, latents: Window) -> list[tuple[int, int]]:
        """(row, col) of the tiles that hold these latents, in row-major order."""
        edge = self.edge // self.stride
        rows = range(latents.row // edge, -(-latents.bottom // edge))
        cols = range(latents.col // edge, -(-latents.right // edge))
        return [(row, col) for row in rows for col in cols]

    def blocks(self, tiles: int):
        """Windows of up to `tiles` tiles side by side, row by row: what is worked on at once."""
        for row in range(self.rows):
            for first in range(0, self.cols, tiles):
                corner = Window(first * self.edge, row * self.edge, tiles * self.edge, self.edge)
                yield corner.overlap(self.scene)
