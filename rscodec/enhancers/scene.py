"""A scene, enhanced window by window, behind the same calls as the scene itself."""

from __future__ import annotations

import numpy as np

from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.generated import GeneratedScene
from rscodec.picture import Picture
from rscodec.tiles import Window
from rscodec.windows import Windows


class EnhancedScene(GeneratedScene):
    """Reads like the picture that it is made of. `quality` is that of a stream."""

    def __init__(self, picture: Picture, enhancer: Enhancer, settings: EnhanceSettings, facts: dict[str, object],
                 quality: float | None = None):  # fmt: skip
        self._enhancer, self._quality = enhancer, quality
        self.strength, self.max_change = settings.strength, settings.max_change
        windows = Windows(picture.scene, enhancer.window, enhancer.overlap)
        super().__init__(picture, picture, windows, settings.seed, facts)

    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        return self._enhancer.change(pixels, self._quality, seed)
