"""Overlapping windows over a scene, and how they are blended without a seam.

    |---- window 0 ----|
                  |---- window 1 ----|        each axis: starts at multiples of ALIGN, spread evenly, a function of
                             |---- 2 ----|    the scene's length alone
    share  1111111111\\../11111\\../1111111   shares of the windows over a pixel add up to 1

Wherever a window of the scene is asked for, the same windows lie under it: it looks as in the whole scene.
"""

from __future__ import annotations

import numpy as np

from rscodec.tiles import Window

ALIGN = 16  # of windows, so that the blocks of a codec always lie in them as they did in training


class Axis:
    """Where windows lie along one edge of a scene. The last one may reach beyond it."""

    def __init__(self, length: int, window: int, overlap: int):
        padded = max(window, -(-length // ALIGN) * ALIGN)
        count = -(-(padded - overlap) // (window - overlap))
        self.starts = [round(k * (padded - window) / max(count - 1, 1) / ALIGN) * ALIGN for k in range(count)]
        self._ramp = np.minimum(np.arange(1, window + 1), np.arange(window, 0, -1)).clip(max=overlap)
        self._total = np.zeros(padded)
        for start in self.starts:
            self._total[start : start + window] += self._ramp

    def share(self, start: int) -> np.ndarray:
        """(window,) float32: how much of the window that starts here goes into each pixel."""
        return (self._ramp / self._total[start : start + len(self._ramp)]).astype(np.float32)

    def touching(self, first: int, last: int) -> list[int]:
        """Starts of the windows that hold any of the pixels first..last-1."""
        return [start for start in self.starts if start < last and start + len(self._ramp) > first]


class Windows:
    """The windows of a scene."""

    def __init__(self, scene: Window, edge: int, overlap: int):
        self.edge = edge
        self.cols, self.rows = Axis(scene.width, edge, overlap), Axis(scene.height, edge, overlap)

    def touching(self, part: Window) -> list[Window]:
        """Row by row."""
        return [
            Window(col, row, self.edge, self.edge)
            for row in self.rows.touching(part.row, part.bottom)
            for col in self.cols.touching(part.col, part.right)
        ]

    def share(self, window: Window) -> np.ndarray:
        """(edge, edge)"""
        return np.outer(self.rows.share(window.row), self.cols.share(window.col))
