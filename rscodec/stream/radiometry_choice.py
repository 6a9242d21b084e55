"""Chooses the radiometry of a scene: codes some squares of the scene in every way, and keeps the cheapest way.

    source --squares--> pixels --each of Radiometry.ways: analyse, encode, synthesise--> bits + lambda * squared error

A choice is made for each whole quality, when it is first needed, and holds for all qualities near it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

import numpy as np

from rscodec.codec import rate
from rscodec.codec.base import TileCodec
from rscodec.raster.fill import fill_invalid
from rscodec.raster.pixel_source import PixelSource
from rscodec.raster.validity import VALID
from rscodec.raster.window import Window
from rscodec.stream.closed_loop import analyse
from rscodec.stream.geometry import scattered
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.radiometry_section import section_of

EDGE = 128  # of a square
MOST_LOOKS = 64  # squares that are read to find some with valid pixels
MOST_SQUARES, SHARE = 8, 16  # the squares have about a sixteenth of the scene's pixels, and at least one is tried


class RadiometryChoice:
    """The radiometry of a scene by quality. `measured`: that of its `Statistics`; without deviations, it is final."""

    def __init__(self, measured: Radiometry, source: PixelSource, codec: TileCodec):
        self.measured, self._source, self._codec = measured, source, codec
        self._chosen: dict[float, Radiometry] = {}

    def at(self, quality: float) -> Radiometry:
        tried_at = float(round(quality))
        if tried_at not in self._chosen:
            self._chosen[tried_at] = self._cheapest(self.measured.ways(tried_at), tried_at)
        return self._chosen[tried_at]

    def _cheapest(self, candidates: list[Radiometry], quality: float) -> Radiometry:
        if len(candidates) == 1:
            return candidates[0]
        share = sum(valid.size for _, valid in self._squares) / (self._source.width * self._source.height)
        costs = np.array([8 * share * len(section_of(candidate) or b"") for candidate in candidates])
        for pixels, valid in self._squares:
            costs += [self._cost(candidate, pixels, valid, quality) for candidate in candidates]
        return candidates[costs.argmin()]

    @cached_property
    def _squares(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Squares with valid pixels, spread over the scene."""
        width, height = self._source.width, self._source.height
        looked_at = map(self._square, islice(squares(width, height), MOST_LOOKS))
        some = (square for square in looked_at if square[1].any())
        return list(islice(some, min(max(1, width * height // (SHARE * EDGE**2)), MOST_SQUARES)))

    def _cost(self, radiometry: Radiometry, pixels: np.ndarray, valid: np.ndarray, quality: float) -> float:
        """Bits + lambda * squared error of a square (C,h,w). Only errors in valid pixels (h,w) count."""
        channels, (height, width) = radiometry.forward(pixels), pixels.shape[1:]
        coded = self._codec.encode(analyse(self._codec, channels, quality), quality)
        latents = np.stack([values for _, values in coded])
        shown = self._codec.synthesise(latents, quality)[..., :height, :width]
        error = radiometry.visible() @ (255 * (channels - shown))[..., valid]
        return 8 * sum(len(payload) for payload, _ in coded) + rate.weight(quality) * np.square(error).sum() / 3

    def _square(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The coded bands (C,h,w) of a window, and where they are valid (h,w)."""
        pixels, classes = self._source.read(window)
        coded, _ = self.measured.split(pixels)
        if classes is None:
            return coded, np.ones(coded.shape[1:], bool)
        return fill_invalid(coded, classes != VALID), (classes == VALID).any(0)


def squares(width: int, height: int) -> Iterator[Window]:
    """The squares of a scene, in an order that spreads the first ones over it. A small scene crops its only square."""
    for row, col in scattered(max(1, height // EDGE), max(1, width // EDGE)):
        yield Window(col * EDGE, row * EDGE, min(EDGE, width), min(EDGE, height))
