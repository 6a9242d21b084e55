"""What the decoder will show of a tile, looked at by the encoder; and better latents where few pixels are valid.

    channels --analyse--> y --encode--> latents --synthesise, with those of the neighbours--> shown
        ^                                                                                       |
        '------------------- + what valid pixels lack, continued over the others <--------------'

A few valid pixels in a tile are worth no bits, so rounding leaves them any error. But what lies around them is free:
each round of the loop asks for more of what was lacking, and the best round counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rscodec.codec.base import TileCodec
from rscodec.raster.fill import fill_invalid
from rscodec.stream.radiometry import Radiometry

ROUNDS = 12
PATIENCE = 3  # rounds without gain, after which no more are made
CLOSE = 1 / 255  # of the network's 1.0: an error that is left alone

Coded = list[tuple[bytes, np.ndarray]]  # payload and latents of each group of a tile


@dataclass(frozen=True)
class TileView:
    """A tile and what is around it.

    channels (G,3,H,W): what the network sees, `place` in it is the tile. latents (G,h,w,N): those of the neighbours
    that the decoder will have, nearly; `own` in them are the tile's.
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
        """Network channels (G,3,h,w) that the decoder will make of the tile."""
        latents, (rows, cols) = self.latents.copy(), self.own
        latents[:, rows, cols] = np.stack([values for _, values in coded])
        height, width = self.wanted.shape[2:]
        return self.codec.synthesise(latents, self.quality, self.own)[..., :height, :width]

    def coded(self, channels: np.ndarray) -> Coded:
        """The tile with other channels."""
        top, left = (part.start // self.codec.stride for part in self.place)
        rows, cols = (part.stop - part.start for part in self.own)
        y = analyse(self.codec, channels, self.quality)
        return self.codec.encode(y[:, top : top + rows, left : left + cols], self.quality)


def analyse(codec: TileCodec, channels: np.ndarray, quality: float) -> np.ndarray:
    """Channels (G,3,H,W) of any size -> y (G,h,w,N)."""
    rim = ((0, 0), (0, 0), *((0, -size % codec.stride) for size in channels.shape[2:]))
    return codec.analyse(np.pad(channels, rim, mode="edge"), quality)


def closer(view: TileView, coded: Coded, valid: np.ndarray, radiometry: Radiometry) -> Coded:
    """Like `coded`, with the largest error of valid pixels (1,h,w) or (C,h,w) as small as a few rounds can make it."""
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
