"""The definitions of all fidelity metrics. They use the scene's own values and valid pixels only, and state their peak.

PSNR, mean squared and largest error    Difference, window by window
MS-SSIM, also in dB                     ms_ssim
PSNR and SSIM of the luma of a picture  luma_psnr, luma_ssim; as papers on super-resolution state them
LPIPS                                   rscodec.metrics.perceptual; needs the weights of a network
"""

from __future__ import annotations

import math

import numpy as np


def peak(dtype: str, low: float, high: float) -> float:
    """The peak of a PSNR: the range of an integer type; for floats, the range of the original's valid pixels."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return float(limits.max - limits.min)
    return float(high - low)


def psnr(mse: float, peak_value: float) -> float:
    """PSNR in dB; infinite if nothing differs."""
    return math.inf if mse == 0 else 10 * math.log10(peak_value**2 / mse) if peak_value > 0 else -math.inf


class Difference:
    """Squared and largest difference of two scenes over valid pixels, accumulated window by window."""

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


MS_SSIM_EDGE = 161  # the least for four halvings and a window of 11
SQUARE = 256


def ms_ssim(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, peak_value: float) -> float | None:
    """MS-SSIM of pixels (B, H, W), averaged over bands. None if no valid area is large enough.

    MS-SSIM cannot leave out pixels. A scene with invalid pixels is measured on squares that are fully valid, and the
    results are averaged.
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


def luma(picture: np.ndarray) -> np.ndarray:
    """The luma (H, W) of a uint8 RGB picture (3, H, W) after BT.601: 16 is black, 235 is white. Not rounded."""
    return 16 + np.tensordot([65.481, 128.553, 24.966], picture / 255.0, 1)


def luma_psnr(original: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR of the luma of two uint8 RGB pictures, peak 255."""
    return psnr(float(np.square(luma(original) - luma(decoded)).mean()), 255.0)


def luma_ssim(original: np.ndarray, decoded: np.ndarray) -> float:
    """SSIM of the luma of two uint8 RGB pictures of at least 11 pixels a side: a Gaussian window of 11, peak 255."""
    import torch
    from pytorch_msssim import ssim

    x, y = (torch.from_numpy(luma(side))[None, None] for side in (original, decoded))
    return float(ssim(x, y, data_range=255.0))


def in_db(similarity: float) -> float:
    """-10 log10(1 - similarity): spreads out similarities close to 1."""
    return math.inf if similarity >= 1 else -10 * math.log10(1 - similarity)
