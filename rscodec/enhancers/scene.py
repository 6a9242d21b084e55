"""A scene, enhanced window by window, behind the same calls as the scene itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.generated import GeneratedScene
from rscodec.picture import Picture
from rscodec.provenance import marked
from rscodec.tiles import Window
from rscodec.windows import Windows


class EnhancedScene(GeneratedScene):
    """Reads like the picture that it is made of. `facts` are for its tags, `quality` is that of a stream, `chosen` the
    bands (0-based) of the output.
    """

    def __init__(self, picture: Picture, enhancer: Enhancer, settings: EnhanceSettings, facts: dict[str, object],
                 quality: float | None = None, chosen: Sequence[int] = ()):  # fmt: skip
        self._enhancer, self._facts, self._quality = enhancer, facts, quality
        self.strength, self.max_change = settings.strength, settings.max_change
        windows = Windows(picture.scene, enhancer.window, enhancer.overlap)
        super().__init__(picture, picture, windows, settings.seed, chosen)

    def mark(self, metadata: dict, chosen: list[int]) -> dict:
        """The metadata of an output that has the `chosen` bands (0-based), with the tags that it needs."""
        bands = [place for place, band in enumerate(chosen, 1) if band in self.bands]
        return marked(metadata, bands, self._facts) if bands else metadata

    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        return self._enhancer.change(pixels, self._quality, seed)
