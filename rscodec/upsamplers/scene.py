"""A scene, upsampled window by window, behind the same calls as the scene itself, in its own, larger coordinates."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from rscodec.generated import GeneratedScene
from rscodec.picture import Picture
from rscodec.provenance import marked
from rscodec.resized import resized
from rscodec.tiles import Window
from rscodec.upsamplers.base import EDGE_UNIT, Upsampler, UpscaleSettings
from rscodec.windows import Windows


class UpscaledScene(GeneratedScene):
    """`target` is what it covers, `metadata` what there is to say of it, `facts` included."""

    def __init__(self, picture: Picture, upsampler: Upsampler, settings: UpscaleSettings, facts: dict[str, object]):
        upsampler.check(settings.scale)
        self._upsampler, self._scale = upsampler, settings.scale
        scene = picture.scene
        base = resized(picture, settings.target(scene.width), settings.target(scene.height))
        needed = -(-max(scene.width, scene.height) // EDGE_UNIT) * EDGE_UNIT
        edge = max(min(upsampler.window(settings.scale), needed), 2 * upsampler.overlap)
        windows = Windows(scene, edge, upsampler.overlap, base.scene, align=1)
        super().__init__(picture, base, windows, settings.seed)
        self.target, self.metadata = base.scene, base.metadata
        if self.bands:
            bicubic = [band + 1 for band in picture.coded if band not in self.bands]
            if bicubic:
                facts = facts | {"bicubic_bands": ",".join(map(str, bicubic))}
            self.metadata = marked(base.metadata, [band + 1 for band in self.bands], facts)

    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        rows, cols = self._windows.rows.centres(window.row) - 0.5, self._windows.cols.centres(window.col) - 0.5
        return self._upsampler.detail(pixels, rows, cols, self._scale, seed, self._surveyed)

    @cached_property
    def _surveyed(self) -> object:
        windows = self._windows.spread(self._upsampler.samples)
        return self._upsampler.survey([self.seen(window) for window in windows], self._scale) if windows else None
