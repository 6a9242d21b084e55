"""The highest quality at which bright and dark areas of a scene still fit the latents.

    all windows --add--> means of the blocks of 16 x 16 pixels that are the brightest and the darkest
    those blocks --Radiometry.forward--> network channels --steps(quality)--> latents, in quantisation steps

A latent is at most a certain number of quantisation steps (`TileCodec.most_steps`), and steps get finer as quality
rises. A cloud, a glint or an island far brighter than the rest of a scene needs too many steps at a high quality, and
would be clipped. A scene is therefore encoded at no higher quality than the one at which such blocks fit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.codec import rate
from rscodec.codec.base import TileCodec
from rscodec.stream.radiometry import Radiometry

MARGIN = 0.8  # of most_steps: other latents of a block, which differ from its mean, may need more
FEWEST = 16  # valid pixels that a block must have to count: fewer do not decide about a whole scene


class ExtremeBlocks:
    """The means of the blocks that are the lowest and the highest in one of `coded` bands, or in the mean of all."""

    def __init__(self, coded: int, edge: int = TileCodec.stride):
        self._edge = edge
        self._lowest, self._highest = (np.full((coded + 1, coded), np.nan) for _ in range(2))

    def add(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        """Add a window, which starts where a block starts: pixels (C,h,w) and where they are valid."""
        count = self._sums(valid)
        sums = self._sums(pixels if valid.all() else np.where(valid, pixels, 0))
        means = np.where(count >= FEWEST, sums / np.maximum(count, 1), np.nan).reshape(len(pixels), -1).T
        means = np.concatenate([self._lowest, self._highest, means[~np.isnan(means).all(1)]])
        for row, values in enumerate([*means.T, np.where(np.isnan(means), 0, means).sum(1)]):
            if not np.isnan(values).all():
                self._lowest[row] = means[np.nanargmin(values)]
                self._highest[row] = means[np.nanargmax(values)]

    def means(self, missing: np.ndarray) -> np.ndarray:
        """The means (C,n) of those blocks. `missing` (C,) are the values of bands in which a block is not valid."""
        found = np.concatenate([self._lowest, self._highest])
        return np.where(np.isnan(found), missing, found).T

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over blocks: (C,h,w) -> (C,h/edge,w/edge). Blocks at the right and bottom edges may be smaller."""
        count, height, width = values.shape
        rim = -height % self._edge, -width % self._edge
        if any(rim):
            values = np.pad(values, [(0, 0), (0, rim[0]), (0, rim[1])])
        rows = values.reshape(count, -1, self._edge, values.shape[2]).sum(2, dtype=np.float64)
        return rows.reshape(*rows.shape[:2], -1, self._edge).sum(3)


def highest_quality(radiometry: Radiometry, blocks: np.ndarray, codec: TileCodec) -> float:
    """The highest quality at which the latents of blocks with these means (C,n) fit."""

    def fits(wire: int) -> bool:
        quality = rate.from_wire(wire)
        channels = radiometry.at(quality).forward(blocks[:, None])
        return steps(codec, wire) * np.abs(channels - 0.5).max(initial=0) <= MARGIN * codec.most_steps

    low, high = rate.to_wire(QUALITY_MIN), rate.to_wire(QUALITY_MAX)
    if fits(high):
        return QUALITY_MAX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return rate.from_wire(low)


@lru_cache(maxsize=256)
def steps(codec: TileCodec, wire: int) -> float:
    """The largest latent, in quantisation steps, of a block that is brighter than mid grey by the network's 1.0."""
    edge = 3 * codec.stride
    return float(np.abs(codec.analyse(np.full((1, 3, edge, edge), 1.5), rate.from_wire(wire))[:, 1, 1]).max())
