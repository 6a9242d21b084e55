"""Fidelity, defined once. On the scene's own numbers, over valid pixels, with the peak said."""

from __future__ import annotations

import math

import numpy as np


def peak(dtype: str, low: float, high: float) -> float:
    """The peak that a PSNR refers to: the range of an integer type, for floats the range of the original's valid pixels."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return float(limits.max - limits.min)
    return float(high - low)


def psnr(mse: float, peak_value: float) -> float:
    """In dB; infinite where nothing differs."""
    return math.inf if mse == 0 else 10 * math.log10(peak_value**2 / mse) if peak_value > 0 else -math.inf


class Difference:
    """Squared and largest difference of two scenes, gathered window by window over valid pixels."""

    def __init__(self, dtype: str):
        self.dtype = dtype
        self.squares, self.count, self.largest = 0.0, 0, 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, original: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> None:
        a, b = original[valid].astype(np.float64), decoded[valid].astype(np.float64)
        if not a.size:
            return
        error = np.abs(a - b)
        self.squares += float(np.square(error).sum())
        self.count += a.size
        self.largest = max(self.largest, float(error.max()))
        self.low, self.high = min(self.low, float(a.min())), max(self.high, float(a.max()))

    @property
    def mse(self) -> float:
        return self.squares / self.count if self.count else 0.0

    @property
    def peak(self) -> float:
        return peak(self.dtype, self.low, self.high) if self.count else 0.0

    @property
    def psnr_db(self) -> float:
        return psnr(self.mse, self.peak)
