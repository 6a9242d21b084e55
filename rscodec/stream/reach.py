"""Keeps bright areas within the range of the latents.

    all windows --add--> the blocks of 16 x 16 pixels with the lowest and highest mean of each band
    those blocks --Radiometry.forward--> network channels --steps(quality)--> latents, in quantisation steps

A latent is at most a certain number of quantisation steps (`TileCodec.most_steps`), and steps get finer as quality
rises. A cloud, a glint or an island that is far brighter than the rest of a scene would need more steps at a high
quality. The scale of the scene then grows until the latents of such blocks fit. Beyond that quality, the error hardly
falls further.

The mean of a block is its largest latent. Its other latents are smaller, except where only a small part of the block
is bright: `MARGIN` leaves room for those.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rscodec.codec.base import TileCodec
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.radiometry_section import stored_type

MARGIN = 0.8


class ExtremeBlocks:
    """The blocks of a scene with the lowest and highest mean of each of `coded` bands, by the means of all bands."""

    def __init__(self, coded: int, edge: int = TileCodec.stride):
        self._edge = edge
        self._means = np.full((2 * coded, coded), np.nan)  # row b: lowest in band b; row coded + b: highest

    def add(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        """Add a window, which starts where a block starts: pixels (C,h,w) and where they are valid."""
        count, sums = self._sums(valid), self._sums(np.where(valid, pixels, 0))
        means = np.where(count > 0, sums / np.maximum(count, 1), np.nan).reshape(len(pixels), -1)
        means = np.concatenate([self._means.T, means], 1)
        for band, values in enumerate(means):
            if not np.isnan(values).all():
                self._means[band] = means[:, np.nanargmin(values)]
                self._means[len(means) + band] = means[:, np.nanargmax(values)]

    def means(self, missing: np.ndarray) -> np.ndarray:
        """The means (C, 2C) of those blocks. `missing` (C,) are the values of bands in which a block is not valid."""
        return np.where(np.isnan(self._means), missing, self._means).T

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over blocks: (C,h,w) -> (C,h/edge,w/edge), where the last blocks may be smaller."""
        for axis in (1, 2):
            values = np.add.reduceat(values, np.arange(0, values.shape[axis], self._edge), axis, dtype=np.float64)
        return values


def within_reach(radiometry: Radiometry, blocks: np.ndarray, codec: TileCodec, quality: float) -> Radiometry:
    """`radiometry`, or one with a larger scale, in which the latents of blocks with these means (C,n) fit."""
    channels = radiometry.forward(blocks[:, None])
    needed = steps(codec, quality) * np.abs(channels - 0.5).max(initial=0) / (MARGIN * codec.most_steps)
    if needed <= 1:
        return radiometry
    return replace(radiometry, scale=float(stored_type(radiometry.dtype)(needed * radiometry.scale)))


def steps(codec: TileCodec, quality: float) -> float:
    """The largest latent, in quantisation steps, of a block that is brighter than mid grey by the network's 1.0."""
    edge = 3 * codec.stride
    return float(np.abs(codec.analyse(np.full((1, 3, edge, edge), 1.5), quality)[:, 1, 1]).max())
