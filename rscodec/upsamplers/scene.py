"""A scene that is upsampled window by window. It has the interface of a scene, in the larger
coordinates of the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from rscodec.generative.blending import Windows
from rscodec.generative.generated_scene import GeneratedScene
from rscodec.generative.interpolated import InterpolatedPicture
from rscodec.generative.picture import Picture
from rscodec.raster.metadata import Metadata
from rscodec.raster.provenance import marked
from rscodec.raster.window import Window
from rscodec.upsamplers.base import EDGE_UNIT, Upsampler, UpscaleSettings


class UpscaledScene(GeneratedScene):
    """An upsampled picture. `source` and `target`: the windows of the whole scene before and after. `metadata`
    describes the target. `facts`: the facts for its tags. `chosen`: the bands (0-based) of the output.
    """

    def __init__(
        self,
        picture: Picture,
        upsampler: Upsampler,
        settings: UpscaleSettings,
        facts: dict[str, object],
        chosen: Sequence[int] = (),
    ):
        upsampler.check(settings.scale)
        self._upsampler, self._scale, self._facts = upsampler, settings.scale, facts
        scene = picture.scene
        base = InterpolatedPicture(picture, settings.target(scene.width), settings.target(scene.height))
        needed = -(-max(scene.width, scene.height) // EDGE_UNIT) * EDGE_UNIT
        edge = max(min(upsampler.window(settings.scale), needed), 2 * upsampler.overlap)
        windows = Windows(scene, edge, upsampler.overlap, base.scene, align=1)
        super().__init__(picture, base, windows, settings.seed or 0, chosen)
        self.source, self.target, self.metadata = scene, base.scene, base.metadata
        self._bicubic = [band for band in picture.coded if band not in self.bands]

    def part(self, window: Window) -> Window:
        """The pixels of the target whose centres are in a window of the source."""
        return self._windows.target(window)

    def mark(self, metadata: Metadata, chosen: list[int]) -> Metadata:
        """The metadata of an output with the `chosen` bands (0-based), including tags."""
        generated, bicubic = (
            [place for place, band in enumerate(chosen, 1) if band in bands] for bands in (self.bands, self._bicubic)
        )
        told = {"bicubic_bands": ",".join(map(str, bicubic))} if bicubic else {}
        return marked(metadata, generated, self._facts | told) if generated else metadata

    def answer(self, pixels: np.ndarray, window: Window, seed: int) -> np.ndarray:
        rows, cols = self._windows.rows.centres(window.row) - 0.5, self._windows.cols.centres(window.col) - 0.5
        return self._upsampler.detail(pixels, rows, cols, self._scale, seed, self._surveyed)

    @cached_property
    def _surveyed(self) -> object:
        windows = self._windows.spread(self._upsampler.samples)
        return self._upsampler.survey([self.seen(window) for window in windows], self._scale) if windows else None
