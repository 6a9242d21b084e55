"""Fidelity, defined once. On the scene's own numbers, over valid pixels, with the peak said.

PSNR, mean squared and largest error    Difference, window by window
MS-SSIM, also in dB                     ms_ssim
LPIPS                                   rscodec.metrics.perceptual, which needs the weights of a network
"""

from __future__ import annotations

import math

import numpy as np


def peak(dtype: str, low: float, high: float) -> float:
    """The peak that a PSNR refers to: the range of an integer type, for floats that of the original's valid pixels."""
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
    def rmse(self) -> float:
        """In the scene's own units."""
        return math.sqrt(self.mse)

    @property
    def peak(self) -> float:
        return peak(self.dtype, self.low, self.high) if self.count else 0.0

    @property
    def psnr_db(self) -> float:
        return psnr(self.mse, self.peak)


MS_SSIM_EDGE = 161  # four halvings under a window of 11 need as much
SQUARE = 256


def ms_ssim(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, peak_value: float) -> float | None:
    """MS-SSIM of pixels (B, H, W), the mean over bands. None where there is no place large enough to measure it.

    Its windows know no invalid pixels, so a scene that has some is measured on its fully valid squares, averaged.
    """
    if valid.all():
        squares = [np.s_[:, :, :]]
    else:
        corners = [(row, col) for row in range(0, valid.shape[1], SQUARE) for col in range(0, valid.shape[2], SQUARE)]
        squares = [np.s_[:, row : row + SQUARE, col : col + SQUARE] for row, col in corners]
    values = [
        _ms_ssim(original[square], decoded[square], peak_value)
        for square in squares
        if valid[square].all() and min(original[square].shape[1:]) >= MS_SSIM_EDGE
    ]
    return float(np.mean(values)) if values and peak_value > 0 else None


def _ms_ssim(a: np.ndarray, b: np.ndarray, peak_value: float) -> float:
    import torch
    from pytorch_msssim import ms_ssim as measure

    x, y = (torch.from_numpy(side.astype(np.float64))[None] for side in (a, b))
    return float(measure(x, y, data_range=peak_value))


def in_db(similarity: float) -> float:
    """A similarity of at most 1 as -10 log10(1 - similarity): linear to the eye where it nears 1."""
    return math.inf if similarity >= 1 else -10 * math.log10(1 - similarity)
