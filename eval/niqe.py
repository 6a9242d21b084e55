"""NIQE: the distance of a picture from the statistics of pristine pictures. It needs no original. Lower is more
natural.

    luma --(I - mean) / (deviation + 1)--> contrast-normalised, at two scales
      96 x 96 blocks --18 moments a scale--> features --mean, covariance--> distance to the pristine model

Mittal, Soundararajan, Bovik, "Making a Completely Blind Image Quality Analyzer", 2012. The pristine model is theirs
(niqe_pris_params.npz in the folder of metric weights). Without it, the metric is unavailable.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from rscodec.bitstreams.errors import MetricUnavailable
from rscodec.metrics.perceptual import weights_folder
from rscodec.metrics.pixels import luma

MODEL = "niqe_pris_params.npz"
BLOCK = 96
SHAPES = np.arange(0.2, 10, 0.001)


@cache
def model() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and covariance of pristine features, and the window that was used for them."""
    folder = weights_folder()
    path = folder / MODEL if folder else None
    if path is None or not path.is_file():
        raise MetricUnavailable(f"NIQE needs {MODEL}; put it into a folder and name it in RSCODEC_METRIC_WEIGHTS")
    with np.load(path) as stored:
        return stored["mu_pris_param"].ravel(), stored["cov_pris_param"], stored["gaussian_window"]


@cache
def _ratios() -> np.ndarray:
    from scipy.special import gamma

    return gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def niqe(picture: np.ndarray) -> float | None:
    """NIQE of a uint8 RGB picture (3, H, W). None below 192 pixels a side, because there are too few blocks."""
    from scipy.ndimage import correlate

    mean_pristine, covariance_pristine, window = model()
    rows, cols = picture.shape[1] // BLOCK, picture.shape[2] // BLOCK
    if min(rows, cols) < 2:
        return None
    grey = np.rint(luma(picture))[: rows * BLOCK, : cols * BLOCK]
    features = []
    for edge in (BLOCK, BLOCK // 2):
        mean = correlate(grey, window, mode="nearest")
        deviation = np.sqrt(np.abs(correlate(grey * grey, window, mode="nearest") - mean * mean))
        normal = (grey - mean) / (deviation + 1)
        corners = [(row * edge, col * edge) for row in range(rows) for col in range(cols)]
        features.append([_moments(normal[row : row + edge, col : col + edge]) for row, col in corners])
        grey = _half(grey)
    table = np.concatenate(features, axis=1)
    complete = table[np.isfinite(table).all(1)]
    if len(complete) < 2:
        return None
    away = mean_pristine - complete.mean(0)
    spread = (covariance_pristine + np.cov(complete, rowvar=False)) / 2
    return float(np.sqrt(away @ np.linalg.pinv(spread) @ away))


def _half(grey: np.ndarray) -> np.ndarray:
    """Halve the size, bicubic with antialiasing."""
    from PIL import Image

    size = (grey.shape[1] // 2, grey.shape[0] // 2)
    return np.asarray(Image.fromarray(grey.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), np.float64)


def _moments(block: np.ndarray) -> list[float]:
    """18 numbers: shape and spread of the values, and of their products with four neighbours."""
    shape, left, right = _asymmetric(block)
    numbers = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = _asymmetric(block * np.roll(block, shift, (0, 1)))
        numbers += [shape, (right - left) * _mean_factor(shape), left, right]
    return numbers


def _asymmetric(values: np.ndarray) -> tuple[float, float, float]:
    """Shape, left and right scale of an asymmetric generalised Gaussian, by matching moments."""
    below, above = values[values < 0], values[values > 0]
    if not (below.size and above.size):
        return np.nan, np.nan, np.nan
    left, right = np.sqrt((below**2).mean()), np.sqrt((above**2).mean())
    skew = left / right
    ratio = np.abs(values).mean() ** 2 / (values**2).mean()
    target = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = float(SHAPES[np.argmin((_ratios() - target) ** 2)])
    return shape, left * _scale_factor(shape), right * _scale_factor(shape)


def _scale_factor(shape: float) -> float:
    from scipy.special import gamma

    return float(np.sqrt(gamma(1 / shape) / gamma(3 / shape)))


def _mean_factor(shape: float) -> float:
    from scipy.special import gamma

    return float(gamma(2 / shape) / gamma(1 / shape))
