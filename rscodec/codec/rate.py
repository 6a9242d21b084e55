"""Quality: one checkpoint serves every rate.

    q = 1 ... 8, continuous, stored in the header in steps of 1/32
    lambda(q) = 5e-4 * 800 ** ((q - 1) / 7)        the weight of 255^2 * MSE against bits per pixel

Tables have one row for each of the eight whole qualities (the *levels*). Between two levels, their rows are mixed
linearly.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN, QUALITY_STEPS

LEVELS = 8
LAMBDA_MIN, LAMBDA_RATIO = 5e-4, 800.0
Quality = TypeVar("Quality")  # a number, or an array of numbers


def to_wire(quality: float) -> int:
    """Return the quality as the header stores it: 32 (q = 1) to 256 (q = 8)."""
    if not QUALITY_MIN <= quality <= QUALITY_MAX:
        raise ValueError(f"quality {quality} is outside {QUALITY_MIN:g}..{QUALITY_MAX:g}")
    return round(quality * QUALITY_STEPS)


def from_wire(steps: int) -> float:
    """Return the quality that a header stores as `steps`."""
    return steps / QUALITY_STEPS


def weight(quality: Quality) -> Quality:
    """Return lambda(q), for the loss (bits per pixel) + lambda * 255^2 * MSE."""
    return LAMBDA_MIN * LAMBDA_RATIO ** ((quality - 1) / (LEVELS - 1))  # type: ignore[operator]


def mix(table: np.ndarray, steps: int) -> np.ndarray:
    """Return the row of a (LEVELS, C) table at one wire quality."""
    low, fraction = _position(steps)
    return table[low] * (1 - fraction / QUALITY_STEPS) + table[low + 1] * (fraction / QUALITY_STEPS)


def mix_exact(table: np.ndarray, steps: int) -> np.ndarray:
    """Compute `mix` for a table of integers. The results are integers, the same on every machine."""
    low, fraction = _position(steps)
    return np.round((table[low] * (QUALITY_STEPS - fraction) + table[low + 1] * fraction) / QUALITY_STEPS)


def _position(steps: int) -> tuple[int, int]:
    """Return the level below a wire quality, and the distance of the quality from this level, in steps."""
    low = min(steps // QUALITY_STEPS - 1, LEVELS - 2)
    return low, steps - (low + 1) * QUALITY_STEPS
