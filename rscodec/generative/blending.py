"""Overlapping windows over a scene, and how they are blended without a seam.

    |---- window 0 ----|
                  |---- window 1 ----|        each axis: starts at multiples of `align`, spread evenly, a function of
                             |---- 2 ----|    the scene's length alone
    share  1111111111\\../11111\\../1111111   shares of the windows over a pixel add up to 1

Wherever a window of the scene is asked for, the same windows lie under it: it looks as in the whole scene. What is made
of the scene may have another size: a window then stands for the pixels of the target whose centres lie in it.
"""

from __future__ import annotations

import numpy as np

from rscodec.raster.window import Window

ALIGN = 16  # of an enhancer's windows, so that the blocks of a codec always lie in them as they did in training


class Axis:
    """Where windows lie along one edge of a scene, which has another length in the target. The last one may reach
    beyond it.
    """

    def __init__(self, length: int, window: int, overlap: int, target: int | None = None, align: int = ALIGN):
        padded = max(window, -(-length // align) * align)
        count = -(-(padded - overlap) // (window - overlap))
        self.starts = sorted({round(k * (padded - window) / max(count - 1, 1) / align) * align for k in range(count)})
        self._length, self._target, self._window, self._overlap = length, target or length, window, overlap
        self._total = np.zeros(self._own(self.starts[-1])[1])
        for start in self.starts:
            self._total[slice(*self._own(start))] += self._ramp(start)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """First and last + 1 of the target's pixels whose centres lie in pixels first..last-1 of the scene."""
        edges = 2 * self._target * first, 2 * self._target * last
        return tuple(-(-(edge - self._length) // (2 * self._length)) for edge in edges)

    def centres(self, start: int) -> np.ndarray:
        """Where these pixels have their centres, in pixels from the start of the window."""
        return (2 * np.arange(*self._own(start)) + 1) * self._length / (2 * self._target) - start

    def share(self, start: int) -> np.ndarray:
        """float32, an item for each of these pixels: how much of the window that starts here goes into it."""
        return (self._ramp(start) / self._total[slice(*self._own(start))]).astype(np.float32)

    def touching(self, first: int, last: int) -> list[int]:
        """Starts of the windows that stand for any of the target's pixels first..last-1."""
        spans = {start: self._own(start) for start in self.starts}
        return [start for start, (begin, end) in spans.items() if begin < last and end > first]

    def _own(self, start: int) -> tuple[int, int]:
        """The pixels that a window stands for."""
        return self.span(start, start + self._window)

    def _ramp(self, start: int) -> np.ndarray:
        centres = self.centres(start)
        return np.minimum(centres, self._window - centres).clip(max=self._overlap)


class Windows:
    """The windows of a scene. `target` is the scene that is made of it, if not one of the same size."""

    def __init__(self, scene: Window, edge: int, overlap: int, target: Window | None = None, align: int = ALIGN):
        target = target or scene
        self.edge = edge
        self.cols = Axis(scene.width, edge, overlap, target.width, align)
        self.rows = Axis(scene.height, edge, overlap, target.height, align)

    def touching(self, part: Window) -> list[Window]:
        """The windows under a part of the target, row by row."""
        return [
            Window(col, row, self.edge, self.edge)
            for row in self.rows.touching(part.row, part.bottom)
            for col in self.cols.touching(part.col, part.right)
        ]

    def spread(self, count: int) -> list[Window]:
        """At most `count` windows, spread evenly; none where there is but one."""
        across, down = len(self.cols.starts), len(self.rows.starts)
        if across * down == 1 or not count:
            return []
        high = min(max(1, round((count * down / across) ** 0.5)), down, count)
        rows, cols = _evenly(self.rows.starts, high), _evenly(self.cols.starts, count // high)
        return [Window(col, row, self.edge, self.edge) for row in rows for col in cols]

    def target(self, window: Window) -> Window:
        """The pixels of the target that stand for a window of the scene, be it one of these or another."""
        left, right = self.cols.span(window.col, window.right)
        top, bottom = self.rows.span(window.row, window.bottom)
        return Window(left, top, right - left, bottom - top)

    def share(self, window: Window) -> np.ndarray:
        """An item for each of these pixels."""
        return np.outer(self.rows.share(window.row), self.cols.share(window.col))


def _evenly(starts: list[int], count: int) -> list[int]:
    """At most `count` of them."""
    count = min(count, len(starts))
    return [starts[(2 * number + 1) * len(starts) // (2 * count)] for number in range(count)]
