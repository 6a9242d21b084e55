"""What an upsampler is to the rest of the house: a thing that says what bicubic interpolation of a window lacks.

    window (3, W, W), coordinates, scale, seed --detail--> (3, rows, cols)      rscodec/upsamplers/scene.py makes scenes

Contract (tests/rscodec/upsamplers/test_laws.py holds every row of the registry to it, on whole scenes):
- Any real scale from 1 to LARGEST_SCALE, and 1 too, or the few that a model names; the target has round(scale * size)
  pixels either way.
- The same seed gives the same pixels on one machine, whatever window of the target is asked for, in whatever order.
- Any size from 1 x 1 works. Windows overlap and are blended; there are no seams. What a network is to know of the whole
  scene it finds out once, from some windows spread over it.
- A pixel is invalid where the nearest one of the source is, and nowhere else; damaged tiles are not painted over.
- Only red, green and blue are generated; other bands are bicubic, alpha is that of the nearest pixel.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError

LARGEST_SCALE = 10.0
EDGE_UNIT = 16  # of windows


@dataclass(frozen=True)
class UpscaleSettings:
    """`model`: a row of the registry or a weights file. `seed`: for models that draw, 0 unless it is given.

    >>> import rscodec
    >>> rscodec.UpscaleSettings("e2diff", scale=2.5).target(101)  # pixels
    253
    >>> rscodec.UpscaleSettings("e2diff", scale=0.5)
    Traceback (most recent call last):
        ...
    rscodec.bitstreams.errors.InputError: `scale=0.5`: give a number from 1 to 10
    """

    model: str | Path
    scale: float
    seed: int | None = None

    def __post_init__(self):
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InputError(f"`seed={self.seed}`: give a whole number from 0 to 2^63 - 1")
        if not 1 <= self.scale <= LARGEST_SCALE:
            raise InputError(f"`scale={self.scale}`: give a number from 1 to {LARGEST_SCALE:g}")

    def target(self, length: int) -> int:
        """How long an edge becomes."""
        return math.floor(self.scale * length + 0.5)


class Upsampler(ABC):
    """One loaded model on one device."""

    model: str  # the name of its weights
    weights_hash: str  # the first 16 hexadecimal digits of the SHA-256 of its file
    overlap: int  # of windows, in pixels of the source
    form: str  # the format of its weights files
    scales: tuple[float, ...] = ()  # the only ones that it knows; none: any
    samples: int = 0  # how many windows of a scene it surveys
    draws: bool = True  # another seed gives other pixels

    @abstractmethod
    def window(self, scale: float) -> int:
        """The largest edge of windows at a scale, in pixels of the source: a multiple of EDGE_UNIT."""

    def survey(self, windows: Sequence[np.ndarray], scale: float) -> object:
        """What `detail` is to know of a scene, from at most `samples` windows (3, W, W) of it."""
        return None

    def deterministic(self) -> Upsampler:
        """The same without what is drawn at random: what measurements call the deterministic part."""
        raise InputError(f"{self.model} has no deterministic part")

    @abstractmethod
    def detail(
        self, pixels: np.ndarray, rows: np.ndarray, cols: np.ndarray, scale: float, seed: int, surveyed: object
    ) -> np.ndarray:
        """What to add to bicubic interpolation of pixels (3, W, W), float32 of about 0..1, at coordinates.

        A coordinate counts pixels of the window; 0 is the centre of the first one. `surveyed` is None where the window
        is all there is.
        """

    def check(self, scale: float) -> None:
        """Raise InputError for a scale that it does not know."""
        if self.scales and scale not in self.scales:
            known = " or ".join(f"{one:g}" for one in self.scales)
            raise InputError(f"`scale={scale:g}`: {self.model} upsamples by {known}; give that, or another `model`")


def fitting(config, scale: float) -> int:
    """The edge of windows that is neither longer than config.window before nor than config.large after."""
    edge = int(min(config.window, config.large / scale)) // EDGE_UNIT * EDGE_UNIT
    return max(edge, 2 * config.overlap)
