"""Rounding with a dead zone. The more bits a zero saves, the wider the dead zone is."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from rscodec.codec.entropy import SCALES, scale_of

DEAD_ZONE = 0.01  # steps for each bit that a zero saves
TAIL = 3.0  # in units of sqrt(2) standard deviations: beyond it the bits of a symbol grow linearly, as it is escaped


def nearer_zero(residual: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Move residuals towards zero. The more bits a zero saves, the further they move."""
    zone = _zones()[index.astype(np.intp)]
    return residual - residual.clip(-zone, zone)


@cache
def _zones() -> np.ndarray:
    """The dead zone of each table index."""
    saved = [_bits(1, scale) - _bits(0, scale) for scale in scale_of(np.arange(SCALES)).tolist()]
    return np.array(saved, np.float32) * np.float32(DEAD_ZONE)


def _bits(symbol: int, scale: float) -> float:
    """Return -log2 of the mass of N(0, scale) in the unit interval around a symbol. Beyond TAIL, it is the tangent."""
    inverse = 2**-0.5 / scale
    distance = (symbol - 0.5) * inverse
    excess = max(0.0, distance - TAIL)
    mass = 0.5 * (math.erfc(distance - excess) - math.erfc(distance - excess + inverse))
    return excess * (2 * TAIL / math.log(2)) - math.log2(mass)
