"""A scene whose red, green and blue are generated window by window, as a ReadablePicture.

    source.read --red, green, blue--> fill invalid, scale to 0..1 --answer--> one change per window (kept for its
                                                                              neighbours)
    base.read + strength * blended changes --round, clip, restore invalid--> pixels

For an enhancer, source and base are the same picture. For an upsampler, the base is the interpolated picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from rscodec.generative.blending import Windows
from rscodec.generative.picture import Picture
from rscodec.raster.colours import named_colours
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.fill import fill_invalid
from rscodec.raster.validity import VALID, protect_nodata
from rscodec.raster.window import Window
from rscodec.stream.radiometry import REPLICATION

BEYOND = 0.5  # how far the network's input may lie outside 0..1; outliers are clipped


class GeneratedScene(ABC):
    """`windows`: those of the source. `bands` (0-based): the bands that change: red, green and blue if the source names
    them; else the first three `chosen` bands; else the first three bands of the source, or all of them if there are
    fewer (these are `guessed`).
    """

    strength: float = 1.0
    max_change: float | None = None
    before: tuple[int, int] = 0, 0  # rows and columns of mirrored pixels before the scene, where windows begin

    def __init__(self, source: Picture, base: Picture, windows: Windows, seed: int, chosen: Sequence[int] = ()):
        self._source, self._base, self._windows, self._seed = source, base, windows, seed
        said = named_colours(source.colours, source.coded, chosen)
        limit = self.max_change
        self._limit = np.floor(limit) if limit is not None and np.issubdtype(source.dtype, np.integer) else limit
        self.bands = () if 0 in (self.strength, self._limit) else said or source.coded[:3]
        self.guessed = bool(self.bands) and not said
        self._units = source.units(self.bands) if self.bands else None
        self._changes: dict[Window, np.ndarray] = {}

    @abstractmethod
    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        """The change of the base for a window of the source (3, W, W) of about 0..1."""

    def pieces(self, window: Window) -> list[Window]:
        return self._base.pieces(window)

    def damage(self, window: Window) -> np.ndarray:
        return self._base.damage(window)

    def read(self, part: Window) -> tuple[np.ndarray, np.ndarray | None]:
        pixels, classes = self._base.read(part)
        if not self.bands:
            return pixels, classes
        change = np.zeros((3, part.height, part.width), np.float32)
        asked = part.moved(*self.before)
        for window in self._windows.touching(asked):
            target = self._windows.target(window)
            both = target.overlap(asked)
            change[(slice(None), *both.within(asked))] += self._change(window)[(slice(None), *both.within(target))]
        self._forget(asked)
        bands = list(self.bands)
        keep = self._invalid(classes, pixels.shape[1:]) | self._base.damage(part)
        pixels = pixels.copy()
        pixels[bands] = np.where(keep, pixels[bands], self._changed(pixels[bands], change))
        return pixels, classes

    def _changed(self, before: np.ndarray, change: np.ndarray) -> np.ndarray:
        """The colour bands in their own units, after a change (3, h, w) of network channels."""
        channels = np.array(REPLICATION[len(before)])
        step = np.stack([change[channels == band].mean(0) for band in range(len(before))]).astype(np.float64)
        step *= self._units.scale * self.strength
        if self._limit is not None:
            step = step.clip(-self._limit, self._limit)
        return protect_nodata(to_dtype(before + step, before.dtype), None, self._base.nodata)

    def _change(self, window: Window) -> np.ndarray:
        """The change of a window, multiplied by its share in each pixel."""
        if window not in self._changes:
            seed = int(np.random.SeedSequence((self._seed, window.row, window.col)).generate_state(1)[0])
            self._changes[window] = self.answer(self.seen(window), window, seed) * self._windows.share(window)
        return self._changes[window]

    def seen(self, window: Window) -> np.ndarray:
        """The network's input for a window of the source (3, W, W), mirrored beyond the edges."""
        place = window.moved(-self.before[0], -self.before[1])
        inside = place.overlap(self._source.scene)
        missing = (
            (0, 0),
            (inside.row - place.row, place.bottom - inside.bottom),
            (inside.col - place.col, place.right - inside.right),
        )
        return np.ascontiguousarray(np.pad(self._channels(inside), missing, mode="symmetric"))

    def _channels(self, inside: Window) -> np.ndarray:
        """The network channels (3, h, w) of a part of the source."""
        pixels, classes = self._source.read(inside)
        holes = self._invalid(classes, pixels.shape[1:]) | self._source.damage(inside)
        pixels = fill_invalid(pixels[list(self.bands)], holes)
        return self._units.forward(pixels)[0].clip(-BEYOND, 1 + BEYOND)

    def _invalid(self, classes: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
        """bool (bands or 1, h, w): True for invalid pixels."""
        if classes is None:
            return np.zeros((1, *shape), bool)
        if len(classes) > 1:
            classes = classes[[self._source.coded.index(band) for band in self.bands]]
        return classes != VALID

    def _forget(self, part: Window) -> None:
        """Drop cached changes of windows that no later part needs: keep those that extend to the right of this part, or
        below it.
        """
        for window in list(self._changes):
            target = self._windows.target(window)
            right = target.right > part.right and target.row < part.bottom and target.bottom > part.row
            below = target.row < part.bottom < target.bottom
            if not (right or below):
                del self._changes[window]
