"""A scene, enhanced window by window, behind the same calls as the scene itself.

Where pixels were compressed by wavelets, windows begin where these do, as they did in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.enhancers.wavelets import UNIT, wavelets_begin
from rscodec.generative.blending import Windows
from rscodec.generative.generated_scene import GeneratedScene
from rscodec.generative.picture import Picture
from rscodec.raster.metadata import Metadata
from rscodec.raster.provenance import marked
from rscodec.raster.window import Window

SAMPLE = 512


class EnhancedScene(GeneratedScene):
    """Reads like the picture that it is made of. `facts` are for its tags, `quality` is that of a stream, `chosen` the
    bands (0-based) of the output.
    """

    def __init__(
        self,
        picture: Picture,
        enhancer: Enhancer,
        settings: EnhanceSettings,
        facts: dict[str, object],
        quality: float | None = None,
        chosen: Sequence[int] = (),
    ):
        self._enhancer, self._facts, self._quality = enhancer, facts, quality
        self.strength, self.max_change = settings.strength, settings.max_change
        scene = picture.scene
        super().__init__(picture, picture, Windows(scene, enhancer.window, enhancer.overlap), settings.seed, chosen)
        if enhancer.takes == "raster" and self.bands:
            row, col = wavelets_begin(self._channels(_middle(scene)).mean(0))
            self.before = -row % UNIT, -col % UNIT
            longer = Window(0, 0, scene.width + self.before[1], scene.height + self.before[0])
            self._windows = Windows(longer, enhancer.window, enhancer.overlap)

    def mark(self, metadata: Metadata, chosen: list[int]) -> Metadata:
        """The metadata of an output that has the `chosen` bands (0-based), with the tags that it needs."""
        bands = [place for place, band in enumerate(chosen, 1) if band in self.bands]
        return marked(metadata, bands, self._facts) if bands else metadata

    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        return self._enhancer.change(pixels, self._quality, seed)


def _middle(scene: Window) -> Window:
    """What is looked at for the place of wavelets: it begins where they do if the scene does."""
    col, row = (max(0, edge - SAMPLE) // 2 // UNIT * UNIT for edge in (scene.width, scene.height))
    return Window(col, row, min(SAMPLE, scene.width), min(SAMPLE, scene.height))
