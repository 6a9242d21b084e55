"""Measures the error of a carbon map over forest.

    mae, rmse, ssim, psnr     of the normalised map: density / scale, 0 outside forest; the peak is 1
    ..._mg_ha, r2             of the density itself

SSIM is that of Wang, with means over 7x7 pixels, averaged over pixels of forest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rscodec.carbon.features import local_mean

RADIUS = 3
C1, C2 = 0.01**2, 0.03**2


@dataclass(frozen=True)
class Scores:
    mae: float
    rmse: float
    ssim: float
    psnr: float
    mae_mg_ha: float
    rmse_mg_ha: float
    bias_mg_ha: float
    r2: float


def scale_of(density: np.ndarray, mask: np.ndarray) -> float:
    """The density that becomes 1: the 99th percentile of the training forest."""
    return float(np.percentile(density[mask], 99))


def score(wanted: np.ndarray, found: np.ndarray, mask: np.ndarray, scale: float) -> Scores:
    """The scores of a map (h,w) against the wanted one, both in Mg/ha."""
    variance = float(wanted[mask].astype(np.float64).var())
    error = (found - wanted)[mask].astype(np.float64)
    mae, mse = float(np.abs(error).mean()), float((error**2).mean())
    maps = [np.where(mask, density, 0) / scale for density in (wanted, found)]
    return Scores(
        mae=mae / scale,
        rmse=math.sqrt(mse) / scale,
        ssim=float(_ssim(*maps)[mask].mean()),
        psnr=10 * math.log10(scale**2 / mse) if mse else math.inf,
        mae_mg_ha=mae,
        rmse_mg_ha=math.sqrt(mse),
        bias_mg_ha=float(error.mean()),
        r2=1 - mse / variance if variance else math.nan,
    )


def _ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    mean_a, mean_b = local_mean(a, RADIUS), local_mean(b, RADIUS)
    var_a, var_b = local_mean(a * a, RADIUS) - mean_a**2, local_mean(b * b, RADIUS) - mean_b**2
    both = local_mean(a * b, RADIUS) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + C1) * (2 * both + C2)
    return likeness / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))
