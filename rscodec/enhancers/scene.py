"""A scene that is enhanced window by window. It has the interface of the scene itself.

If the pixels were compressed by wavelets, windows are aligned with the wavelet grid, as in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.enhancers.wavelets import UNIT, wavelet_origin
from rscodec.generative.blending import Windows
from rscodec.generative.generated_scene import GeneratedScene
from rscodec.generative.picture import Picture
from rscodec.raster.metadata import Metadata
from rscodec.raster.provenance import marked
from rscodec.raster.window import Window

SAMPLE = 512


class EnhancedScene(GeneratedScene):
    """An enhanced picture. `facts`: the facts for its tags. `quality`: that of the stream. `chosen`: the bands
    (0-based) of the output.
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
            row, col = wavelet_origin(self._channels(_middle(scene)).mean(0))
            self.before = -row % UNIT, -col % UNIT
            longer = Window(0, 0, scene.width + self.before[1], scene.height + self.before[0])
            self._windows = Windows(longer, enhancer.window, enhancer.overlap)

    def mark(self, metadata: Metadata, chosen: list[int]) -> Metadata:
        """The metadata of an output with the `chosen` bands (0-based), including tags."""
        bands = [place for place, band in enumerate(chosen, 1) if band in self.bands]
        return marked(metadata, bands, self._facts) if bands else metadata

    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        return self._enhancer.change(pixels, self._quality, seed)


def _middle(scene: Window) -> Window:
    """The window in which the wavelet grid is searched. It is aligned with the grid if the scene is."""
    col, row = (max(0, edge - SAMPLE) // 2 // UNIT * UNIT for edge in (scene.width, scene.height))
    return Window(col, row, min(SAMPLE, scene.width), min(SAMPLE, scene.height))
