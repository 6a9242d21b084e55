"""Computes in the encoder what the decoder will make of a tile, and improves the latents of tiles with few valid
pixels.

    channels --analyse--> y --encode--> latents --synthesise, with those of the neighbours--> shown
        ^                                                                                       |
        '------------------- + error of the valid pixels, continued over the others <--------------'

Rounding of latents can leave a large error in a few valid pixels of a tile, because their share of the tile's error is
small. The invalid pixels around them may have any value: each round of the loop adds the remaining error of the valid
pixels to the input, and the best round is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rscodec.codec.base import TileCodec
from rscodec.raster.fill import fill_invalid
from rscodec.stream.radiometry import Radiometry

ROUNDS = 12
PATIENCE = 3  # rounds without gain before the loop stops
CLOSE = 1 / 255  # an error below this fraction of the network's 1.0 is accepted

Coded = list[tuple[bytes, np.ndarray]]  # payload and latents for each group of a tile


@dataclass(frozen=True)
class TileView:
    """A tile and its surroundings.

    `channels` (G,3,H,W): the input of the network; the tile is at `place` in it. `latents` (G,h,w,N): approximately the
    latents that the decoder will have; those of the tile are at `own`.
    """

    codec: TileCodec
    quality: float
    channels: np.ndarray
    place: tuple[slice, slice]
    latents: np.ndarray
    own: tuple[slice, slice]

    @property
    def wanted(self) -> np.ndarray:
        rows, cols = self.place
        return self.channels[..., rows, cols]

    def shown(self, coded: Coded) -> np.ndarray:
        """The network channels (G,3,h,w) of the tile that the decoder will compute."""
        latents, (rows, cols) = self.latents.copy(), self.own
        latents[:, rows, cols] = np.stack([values for _, values in coded])
        height, width = self.wanted.shape[2:]
        return self.codec.synthesise(latents, self.quality, self.own)[..., :height, :width]

    def coded(self, channels: np.ndarray) -> Coded:
        """Encode the tile with other channels."""
        top, left = (part.start // self.codec.stride for part in self.place)
        rows, cols = (part.stop - part.start for part in self.own)
        y = analyse(self.codec, channels, self.quality)
        return self.codec.encode(y[:, top : top + rows, left : left + cols], self.quality)


def analyse(codec: TileCodec, channels: np.ndarray, quality: float) -> np.ndarray:
    """Channels (G,3,H,W) of any size -> y (G,h,w,N)."""
    rim = ((0, 0), (0, 0), *((0, -size % codec.stride) for size in channels.shape[2:]))
    return codec.analyse(np.pad(channels, rim, mode="edge"), quality)


def closer(view: TileView, coded: Coded, valid: np.ndarray, radiometry: Radiometry) -> Coded:
    """`coded`, or the result of a few more rounds in which the largest error of the valid pixels is smaller. `valid`:
    bool (1,h,w) or (C,h,w).
    """
    rows, cols = view.place
    asked, wanted, best, least, stale = view.channels.copy(), view.wanted, coded, np.inf, 0
    bands = radiometry.unrounded(wanted.astype(np.float64))
    valid = np.broadcast_to(valid, bands.shape)
    for left in range(ROUNDS, -1, -1):
        shown = view.shown(coded)
        error = np.abs(radiometry.unrounded(shown.astype(np.float64)) - bands)[valid].max() / radiometry.scale
        stale = 0 if error < least else stale + 1
        if not stale:
            best, least = coded, error
        if least <= CLOSE or stale == PATIENCE or not left:
            break
        lack = (wanted - shown).reshape(-1, *wanted.shape[2:])
        asked[..., rows, cols] += fill_invalid(lack, ~valid.any(0)[None]).reshape(wanted.shape)
        coded = view.coded(asked)
    return best
