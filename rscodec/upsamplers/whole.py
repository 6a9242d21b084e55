"""Measures figures of a whole picture, such as the mean of a feature, in a network that sees it window by window.

    Measured()(x, measure)               each image of a batch is a picture of its own
    Measured(together=True)(...)         a batch of windows is one picture: its figures are stored, in order
    Known(figures)(...)                  a window of that picture: the stored figures are used

If every window were measured alone, windows would differ, and there would be seams.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Measure = Callable[[torch.Tensor], torch.Tensor]  # pixels (pictures, C, n) -> a figure (pictures, ...)


class Measured:
    """Measures, and stores the results in `figures`."""

    def __init__(self, together: bool = False):
        self._together, self.figures = together, []

    def __call__(self, x: torch.Tensor, measure: Measure) -> torch.Tensor:
        pixels = x.flatten(2)
        if self._together:
            pixels = pixels.transpose(0, 1).flatten(1)[None]
        self.figures.append(measure(pixels))
        return self.figures[-1]


class Known:
    """Returns stored figures to a network that asks in the same order."""

    def __init__(self, figures: list[torch.Tensor]):
        self._figures = iter(figures)

    def __call__(self, x: torch.Tensor, measure: Measure) -> torch.Tensor:
        return next(self._figures)


Whole = Measured | Known
