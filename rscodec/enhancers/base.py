"""The interface of enhancers: an enhancer computes the change of a window of decoded pixels.

    window (3, W, W), quality, seed --change--> (3, W, W)         rscodec/enhancers/scene.py enhances whole scenes

Contract (tests/rscodec/enhancers/test_laws.py holds every row of the registry to it, on whole scenes):
- A seed gives the same pixels on one machine, for any windows of the scene in any order.
- Any size from 1 x 1 works. Windows overlap and are blended without seams.
- Invalid pixels do not change, and no valid pixel becomes nodata. Damaged tiles stay empty.
- Only red, green and blue change. Other bands are copied.
- Strength 0 gives exactly the plain decode. `max_change` limits the change of every pixel, in units of the scene.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.stream.settings import check_types


@dataclass(frozen=True)
class EnhanceSettings:
    """`model`: a row of the registry, or a weights file. `force`: allow codecs that the model was not measured with.

    >>> import rscodec
    >>> rscodec.EnhanceSettings("ldm", strength=0.5).seed
    0
    >>> rscodec.EnhanceSettings("ldm", strength=2)
    Traceback (most recent call last):
        ...
    rscodec.bitstreams.errors.InputError: `strength=2`: give a number from 0 to 1
    """

    model: str | Path
    seed: int = 0
    strength: float = 1.0
    max_change: float | None = None
    force: bool = False

    def __post_init__(self):
        check_types(self)
        if not 0 <= self.seed < 2**63:
            raise InputError(f"`seed={self.seed}`: give a whole number from 0 to 2^63 - 1")
        if not 0 <= self.strength <= 1:
            raise InputError(f"`strength={self.strength}`: give a number from 0 to 1")
        if self.max_change is not None and not 0 <= self.max_change < math.inf:
            raise InputError(f"`max_change={self.max_change}`: give 0 or more, in units of the scene")


class Enhancer(ABC):
    """One loaded model on one device."""

    model: str  # the name of its weights
    weights_hash: str  # the first 16 hexadecimal digits of the SHA-256 of its file
    form: str  # the format of its weights files
    takes: str  # "stream": pixels that our codec decoded, at a known quality; "raster": any pixels
    codecs: tuple[str, ...]  # hashes of the codec weights that it was measured with
    window: int  # edge in pixels
    overlap: int  # the least overlap of windows

    @abstractmethod
    def change(self, pixels: np.ndarray, quality: float | None, seed: int) -> np.ndarray:
        """The change of pixels (3, W, W), float32 of about 0..1. `quality` is None unless the model takes streams."""
