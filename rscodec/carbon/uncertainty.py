"""Judges maps that were drawn: whether their spread matches their errors, in size and in spatial structure.

    crps       continuous ranked probability score: the error of a distribution, in the unit of the map
    covered    share of pixels between two quantiles of the draws
    variogram  half the mean squared difference of pixels that are 1, 2, ... apart, along rows and columns

Hersbach, "Decomposition of the continuous ranked probability score for ensemble prediction systems" (2000); the fair
form for few draws is that of Ferro (2014).
"""

from __future__ import annotations

import math

import numpy as np
import torch

QUANTILES = 0.05, 0.95  # the interval that should hold 90 %
FEWEST = 19  # of fewer draws, these quantiles would be beyond the lowest and the highest


def crps(wanted: np.ndarray, draws: np.ndarray) -> float:
    """The mean score of draws (n, pixels) against the wanted values (pixels,). Its expectation does not depend on n."""
    count, ordered = len(draws), np.sort(draws.astype(np.float64), 0)
    weight = 2 * np.arange(count) - count + 1  # sum over pairs of |a - b| = sum of weight * ordered
    apart = (weight[:, None] * ordered).sum(0) / (count * (count - 1))
    return float((np.abs(ordered - wanted).mean(0) - apart).mean())


def gaussian_crps(wanted: np.ndarray, mean: np.ndarray, deviation: float) -> float:
    """The mean score of a Gaussian of one deviation around each mean."""
    z = (wanted - mean) / deviation
    below = torch.special.ndtr(torch.from_numpy(z)).numpy()
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return float((deviation * (z * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi))).mean())


def covered(wanted: np.ndarray, draws: np.ndarray) -> float:
    """The share of wanted values within QUANTILES of the draws (n, pixels). It is 90 % for any n from FEWEST on if the
    values are distributed as the draws.
    """
    low, high = np.quantile(draws, QUANTILES, axis=0, method="weibull")
    return float(((low <= wanted) & (wanted <= high)).mean())


def variogram(values: np.ndarray, mask: np.ndarray, lags: range) -> np.ndarray:
    """The variogram of a map (h,w) at each lag, over pairs of pixels that are both in the mask."""
    found = []
    for lag in lags:
        squares, pairs = 0.0, 0
        for one, other in ((np.s_[lag:], np.s_[:-lag]), (np.s_[:, lag:], np.s_[:, :-lag])):
            both = mask[one] & mask[other]
            squares += float(np.square(values[one] - values[other], dtype=np.float64)[both].sum())
            pairs += int(both.sum())
        found.append(squares / (2 * pairs))
    return np.array(found)
