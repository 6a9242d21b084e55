"""A rectangle of pixels, or of latents."""

from __future__ import annotations

from typing import NamedTuple

from rscodec.bitstreams.errors import InputError


class Window(NamedTuple):
    """A rectangle: upper left corner and size, in pixels or in latents."""

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
        """Slices of rows and columns that select this window from an array of the window `other`."""
        rows = slice(self.row - other.row, self.bottom - other.row)
        return rows, slice(self.col - other.col, self.right - other.col)

    def overlap(self, other: Window) -> Window:
        """The window that both cover."""
        col, row = max(self.col, other.col), max(self.row, other.row)
        return Window(col, row, min(self.right, other.right) - col, min(self.bottom, other.bottom) - row)

    def check_inside(self, scene: Window, name: object = None) -> None:
        """Raise InputError unless this window is inside the scene in the file `name`."""
        if self.width < 1 or self.height < 1 or self.overlap(scene) != self:
            raise InputError(
                f"window {' '.join(map(str, self))} is not inside {name or 'the scene'}, which has "
                f"{scene.width} x {scene.height} pixels; choose another column, row, width and height"
            )

    def moved(self, rows: int, cols: int) -> Window:
        """This window moved down by `rows` and to the right by `cols`."""
        return self._replace(row=self.row + rows, col=self.col + cols)

    def grown(self, by: int, inside: Window) -> Window:
        """This window with a border of `by`, clipped to `inside`."""
        return Window(self.col - by, self.row - by, self.width + 2 * by, self.height + 2 * by).overlap(inside)
