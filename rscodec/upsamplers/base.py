"""The interface of upsamplers: an upsampler computes the detail to add to bicubic interpolation of a window.

    window (3, W, W), coordinates, scale, seed --detail--> (3, rows, cols)      rscodec/upsamplers/scene.py: scenes

Contract (tests/rscodec/upsamplers/test_laws.py holds every row of the registry to it, on whole scenes):
- Any real scale from 1 to LARGEST_SCALE works, or only the few in `scales`. An edge of the target has
  round(scale * size) pixels.
- A seed gives the same pixels on one machine, for any windows of the target in any order.
- Any size from 1 x 1 works. Windows overlap and are blended without seams. A network that needs properties of the whole
  scene measures them once, on some windows spread over the scene.
- A pixel is invalid if and only if the nearest pixel of the source is. Damaged tiles stay empty.
- Only red, green and blue are generated. Other bands are bicubic; alpha is that of the nearest pixel.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.stream.settings import check_types

LARGEST_SCALE = 10.0
EDGE_UNIT = 16  # edges of windows are multiples of this


@dataclass(frozen=True)
class UpscaleSettings:
    """`model`: a row of the registry, or a weights file. `seed`: for models that draw random numbers, 0 by default.

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
        check_types(self)
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InputError(f"`seed={self.seed}`: give a whole number from 0 to 2^63 - 1")
        if not 1 <= self.scale <= LARGEST_SCALE:
            raise InputError(f"`scale={self.scale}`: give a number from 1 to {LARGEST_SCALE:g}")

    def target(self, length: int) -> int:
        """The new length of an edge."""
        return math.floor(self.scale * length + 0.5)


class Upsampler(ABC):
    """One loaded model on one device."""

    model: str  # the name of its weights
    weights_hash: str  # the first 16 hexadecimal digits of the SHA-256 of its file
    overlap: int  # of windows, in pixels of the source
    form: str  # the format of its weights files
    scales: tuple[float, ...] = ()  # the scales that it supports; empty means any
    samples: int = 0  # the most windows of a scene that it surveys
    draws: bool = True  # whether it draws random numbers, so that the seed changes pixels

    @abstractmethod
    def window(self, scale: float) -> int:
        """The largest edge of windows at a scale, in pixels of the source; a multiple of EDGE_UNIT."""

    def survey(self, windows: Sequence[np.ndarray], scale: float) -> object:
        """Measure properties of a scene for `detail`, on at most `samples` windows (3, W, W)."""
        return None

    def deterministic(self) -> Upsampler:
        """The same model without random numbers. Measurements call it the deterministic part."""
        raise InputError(f"{self.model} has no deterministic part")

    @abstractmethod
    def detail(
        self, pixels: np.ndarray, rows: np.ndarray, cols: np.ndarray, scale: float, seed: int, surveyed: object
    ) -> np.ndarray:
        """The detail to add to bicubic interpolation of pixels (3, W, W), float32 of about 0..1, at these coordinates.

        A coordinate counts pixels of the window; 0 is the centre of the first pixel. `surveyed` is None if the window
        is the whole scene.
        """

    def check(self, scale: float) -> None:
        """Raise InputError for an unsupported scale."""
        if self.scales and scale not in self.scales:
            known = " or ".join(f"{one:g}" for one in self.scales)
            raise InputError(
                f"`scale={scale:g}`: {self.model} upsamples by {known}; give such a scale, or another `model`"
            )


def window_edge(config, scale: float) -> int:
    """The largest multiple of EDGE_UNIT that is at most config.window before upsampling and config.large after it, but
    at least twice the overlap.
    """
    edge = int(min(config.window, config.large / scale)) // EDGE_UNIT * EDGE_UNIT
    return max(edge, 2 * config.overlap)
