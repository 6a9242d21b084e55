"""Smooth fill of invalid pixels, so that a collar or a cloud mask costs the network next to nothing.

    valid pixels ----> averages of 2x2 valid ones ----> ... ----> 1x1   (push: weighted means)
    holes        <---- bilinear, from the next level <---- ... <----    (pull: into the holes only)

Valid pixels are never touched. What is filled in is thrown away by the decoder, which restores the originals.
"""

from __future__ import annotations

import numpy as np

from rscodec.radiometry import to_dtype


def fill_invalid(pixels: np.ndarray, invalid: np.ndarray) -> np.ndarray:
    """pixels (B,h,w), invalid bool (1,h,w) or (B,h,w) -> the same with smooth values at invalid pixels.

    A band without a valid pixel becomes zero.
    """
    filled = pixels.copy()
    for band, holes in zip(filled, np.broadcast_to(invalid, pixels.shape), strict=True):
        if holes.any():
            known = np.where(holes, 0, band).astype(np.float64)
            band[holes] = to_dtype(_push_pull(known, 1.0 - holes), pixels.dtype)[holes]
    return filled


def _push_pull(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """values (h,w) with weights 0..1 -> values everywhere; where the weight is above zero they stay."""
    if weights.all() or values.size == 1:
        return values
    height, width = values.shape
    odd = ((0, height % 2), (0, width % 2))
    total = _sum_2x2(np.pad(weights, odd))
    coarse = _sum_2x2(np.pad(values * weights, odd)) / np.where(total > 0, total, 1)
    below = _push_pull(coarse, total / 4)
    smooth = _double(_double(below).T).T[:height, :width]
    return np.where(weights > 0, values, smooth)


def _sum_2x2(array: np.ndarray) -> np.ndarray:
    rows = array[0::2] + array[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def _double(array: np.ndarray) -> np.ndarray:
    """Twice as many rows, bilinear between pixel centres."""
    above = np.concatenate([array[:1], array[:-1]])
    below = np.concatenate([array[1:], array[-1:]])
    doubled = np.empty((2 * array.shape[0], array.shape[1]))
    doubled[0::2] = 0.75 * array + 0.25 * above
    doubled[1::2] = 0.75 * array + 0.25 * below
    return doubled
