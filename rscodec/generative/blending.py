"""Overlapping windows over a scene, blended without seams.

    |---- window 0 ----|
                  |---- window 1 ----|        each axis: starts at multiples of `align`, spread evenly; they depend on
                             |---- 2 ----|    the length of the scene only
    share  1111111111\\../11111\\../1111111   shares of the windows over a pixel add up to 1

Every part of the scene is made from the same windows, so it looks the same as in the whole scene. The target and the
scene may differ in size. A window then covers the pixels of the target whose centres are inside it.
"""

from __future__ import annotations

import numpy as np

from rscodec.raster.window import Window

ALIGN = 16  # for enhancers: the blocks of a codec have the same position in every window, as in training


class Axis:
    """Positions of windows along one edge of a scene, which may have another length in the target. The last window may
    extend beyond the edge.
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
        """First and last + 1 of the target's pixels whose centres are in pixels first..last-1 of the scene."""
        edges = 2 * self._target * first, 2 * self._target * last
        return tuple(-(-(edge - self._length) // (2 * self._length)) for edge in edges)

    def centres(self, start: int) -> np.ndarray:
        """The centres of a window's pixels in the target, in pixels of the scene from the start of the window."""
        return (2 * np.arange(*self._own(start)) + 1) * self._length / (2 * self._target) - start

    def share(self, start: int) -> np.ndarray:
        """The share of the window that starts here in each pixel of the target that it covers: float32."""
        return (self._ramp(start) / self._total[slice(*self._own(start))]).astype(np.float32)

    def touching(self, first: int, last: int) -> list[int]:
        """Starts of the windows that cover any of the target's pixels first..last-1."""
        spans = {start: self._own(start) for start in self.starts}
        return [start for start, (begin, end) in spans.items() if begin < last and end > first]

    def _own(self, start: int) -> tuple[int, int]:
        """The pixels that a window covers."""
        return self.span(start, start + self._window)

    def _ramp(self, start: int) -> np.ndarray:
        centres = self.centres(start)
        return np.minimum(centres, self._window - centres).clip(max=self._overlap)


class Windows:
    """The windows of a scene. `target`: the scene to make, if its size is different."""

    def __init__(self, scene: Window, edge: int, overlap: int, target: Window | None = None, align: int = ALIGN):
        target = target or scene
        self.edge = edge
        self.cols = Axis(scene.width, edge, overlap, target.width, align)
        self.rows = Axis(scene.height, edge, overlap, target.height, align)

    def touching(self, part: Window) -> list[Window]:
        """The windows that cover a part of the target, row by row."""
        return [
            Window(col, row, self.edge, self.edge)
            for row in self.rows.touching(part.row, part.bottom)
            for col in self.cols.touching(part.col, part.right)
        ]

    def spread(self, count: int) -> list[Window]:
        """At most `count` windows, spread evenly; none if the scene has only one window."""
        across, down = len(self.cols.starts), len(self.rows.starts)
        if across * down == 1 or not count:
            return []
        high = min(max(1, round((count * down / across) ** 0.5)), down, count)
        rows, cols = _evenly(self.rows.starts, high), _evenly(self.cols.starts, count // high)
        return [Window(col, row, self.edge, self.edge) for row in rows for col in cols]

    def target(self, window: Window) -> Window:
        """The pixels of the target that a window of the scene covers."""
        left, right = self.cols.span(window.col, window.right)
        top, bottom = self.rows.span(window.row, window.bottom)
        return Window(left, top, right - left, bottom - top)

    def share(self, window: Window) -> np.ndarray:
        """The share of a window in each of its pixels."""
        return np.outer(self.rows.share(window.row), self.cols.share(window.col))


def _evenly(starts: list[int], count: int) -> list[int]:
    """At most `count` of the starts."""
    count = min(count, len(starts))
    return [starts[(2 * number + 1) * len(starts) // (2 * count)] for number in range(count)]
