"""Converts timber volume to carbon per pixel: equations 5 to 7 of IIDM.

    V    = volume per hectare * area                          6   m3 of a stand
    C    = 2.439 * delta * rho * gamma * V                    5   tonnes of carbon of a stand
    CD_i = C * W_i,   W_i = h_i / sum of h over the stand     7   tonnes in a pixel; h is the canopy height

    density_i = CD_i / area_i                                     Mg/ha, with the pixel's true area (area.py)

The pixels of a stand sum to the carbon of the stand.
"""

from __future__ import annotations

import numpy as np

EXPANSION = 2.439  # timber alone -> with understorey (0.195) and soil (1.244)
DELTA = 1.90  # volume of stems -> of whole trees
RHO = 0.5  # t/m3
GAMMA = 0.5  # carbon in dry matter
HECTARE = 10_000.0  # m2


def volume(volume_per_hectare: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Equation 6: m3/ha, m2 -> m3."""
    return volume_per_hectare * area / HECTARE


def carbon(volume: np.ndarray) -> np.ndarray:
    """Equation 5: m3 -> tonnes."""
    return EXPANSION * DELTA * RHO * GAMMA * volume


def weights(stands: np.ndarray, height: np.ndarray) -> np.ndarray:
    """W of equation 7: stand of each pixel (0: none), canopy height -> shares that sum to 1 over each stand.

    A height of NaN or below zero has weight 0. All weights are 0 in a stand without heights.
    """
    height = np.where((stands > 0) & (height > 0), height, 0.0)
    sums = np.bincount(stands.ravel(), height.ravel())[stands]
    return np.divide(height, sums, out=np.zeros_like(height), where=sums > 0)


def density(stands: np.ndarray, volume_per_hectare: np.ndarray, height: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Carbon in Mg/ha (h,w), from the stand of each pixel (h,w), m3/ha by stand (the first entry belongs to no stand),
    canopy height (h,w), and the area of each pixel in m2 (h,w).

    The area of a stand is the area of its pixels with known height.
    """
    known = np.where(np.isfinite(height), area, 0.0)
    areas = np.bincount(stands.ravel(), known.ravel(), minlength=len(volume_per_hectare))
    stocks = carbon(volume(np.where(np.arange(len(areas)) > 0, volume_per_hectare, 0.0), areas))
    return stocks[stands] * weights(stands, height) / (area / HECTARE)
