"""Input features of models for single pixels: the pixel, or the pixel and its 5x5 neighbourhood.

pixel     the layers                                            C numbers
window    the layers, and their mean and deviation in 5x5       3 C numbers
"""

from __future__ import annotations

import numpy as np

RADIUS = 2
KINDS = ("pixel", "window")


def features(layers: np.ndarray, kind: str) -> np.ndarray:
    """layers (C,h,w) -> features (c,h,w). Layers are mirrored beyond the edges."""
    layers = layers.astype(np.float64)
    if kind == "pixel":
        return layers
    return np.concatenate([layers, local_mean(layers, RADIUS), local_deviation(layers, RADIUS)])


def local_mean(layers: np.ndarray, radius: int) -> np.ndarray:
    """For layers (..., h, w), return the mean around each pixel, over a square with sides of 2 * radius + 1 pixels."""
    edge = 2 * radius + 1
    height, width = layers.shape[-2:]
    padded = _mirrored(layers, radius)
    rows = sum(padded[..., k : k + height, :] for k in range(edge))
    return sum(rows[..., k : k + width] for k in range(edge)) / edge**2


def local_deviation(layers: np.ndarray, radius: int) -> np.ndarray:
    """The deviation around each pixel, over the same square as in `local_mean`."""
    edge = 2 * radius + 1
    height, width = layers.shape[-2:]
    padded, mean = _mirrored(layers, radius), local_mean(layers, radius)
    places = np.ndindex(edge, edge)
    squares = sum((padded[..., row : row + height, col : col + width] - mean) ** 2 for row, col in places)
    return np.sqrt(squares / edge**2)


def _mirrored(layers: np.ndarray, radius: int) -> np.ndarray:
    return np.pad(layers, [(0, 0)] * (layers.ndim - 2) + [(radius, radius)] * 2, "reflect")
