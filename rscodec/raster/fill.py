"""Fills invalid pixels smoothly, so that a collar or a cloud mask takes almost no bits.

    valid pixels ----> averages of 2x2 valid ones ----> ... ----> 1x1   (push: weighted means)
    holes        <---- bilinear, from the next level <---- ... <----    (pull: into the holes only)

The algorithm pushes and pulls values, slopes, and the positions that values come from. A hole gets value + slope x
distance, which continues the surface up to REACH pixels beyond the edge of the hole. Values alone would leave a step
there, and the network would blur it into the valid pixels.

Valid pixels never change. The decoder discards the filled values and restores the invalid pixels.
"""

from __future__ import annotations

import numpy as np

from rscodec.raster.dtypes import to_dtype

REACH = 8  # pixels
COARSER = 2  # further halvings of the resolution, for slopes


def fill_invalid(pixels: np.ndarray, invalid: np.ndarray) -> np.ndarray:
    """pixels (B,h,w), invalid bool (1,h,w) or (B,h,w) -> the same with smooth values at invalid pixels.

    Filled values stay within the range of the valid pixels of their band. A band without valid pixels becomes zero.
    """
    filled = pixels.copy()
    distances = [_distances(1.0 - holes) for holes in invalid]
    for number, holes in enumerate(np.broadcast_to(invalid, pixels.shape)):
        band = filled[number]
        if holes.all():
            band[...] = 0
        elif holes.any():
            smooth = _continued(np.where(holes, 0, band), 1.0 - holes, distances[number % len(distances)])
            band[holes] = to_dtype(smooth.clip(band[~holes].min(), band[~holes].max()), pixels.dtype)[holes]
    return filled


def _continued(values: np.ndarray, weights: np.ndarray, distances: list[np.ndarray]) -> np.ndarray:
    """Values for holes (weight 0), computed at half the resolution."""
    height, width = values.shape
    values, weights = _halved(values, weights)
    smooth = _push_pull(values, weights)
    for axis, distance in enumerate(distances):
        smooth = smooth + _slope(values, weights, axis) * distance
    return _doubled(smooth)[:height, :width]


def _distances(weights: np.ndarray) -> list[np.ndarray]:
    """Rows and columns between where a value comes from and where it is used, in pixels of half the resolution."""
    found = []
    for axis, place in enumerate(np.indices(weights.shape, np.float64)):
        source = _push_pull(*_halved(place / 2 - 0.25, weights))
        found.append((np.indices(source.shape)[axis] - source).clip(-REACH / 2, REACH / 2))
    return found


def _slope(values: np.ndarray, weights: np.ndarray, axis: int, coarser: int = COARSER) -> np.ndarray:
    """Difference to the next value along an axis, also in holes, measured at a coarser resolution with less noise."""
    if coarser:
        height, width = values.shape
        return _doubled(_slope(*_halved(values, weights), axis, coarser - 1))[:height, :width] / 2
    values, weights = np.moveaxis(values, axis, 0), np.moveaxis(weights, axis, 0)
    pairs = weights[1:] * weights[:-1]
    steps = np.diff(values, axis=0) * pairs
    sides, nothing = (((1, 0), (0, 0)), ((0, 1), (0, 0))), np.zeros(())
    both = (sum((np.pad(part, side) for side in sides), nothing) for part in (pairs, steps))
    known, total = (np.moveaxis(part, 0, axis) for part in both)
    return _push_pull(total / np.where(known > 0, known, 1), known / 2)


def _push_pull(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """values (h,w) with weights 0..1 -> values everywhere. Values with a weight above zero do not change."""
    if weights.all() or values.size == 1:
        return values
    height, width = values.shape
    return np.where(weights > 0, values, _doubled(_push_pull(*_halved(values, weights)))[:height, :width])


def _halved(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of 2x2 values, and means of their weights."""
    odd = tuple((0, size % 2) for size in values.shape)
    total = _sum_2x2(np.pad(weights, odd))
    return _sum_2x2(np.pad(values * weights, odd)) / np.where(total > 0, total, 1), total / 4


def _sum_2x2(array: np.ndarray) -> np.ndarray:
    rows = array[0::2] + array[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def _doubled(array: np.ndarray) -> np.ndarray:
    """Double the rows and columns, with bilinear interpolation between pixel centres."""
    return _twice_the_rows(_twice_the_rows(array).T).T


def _twice_the_rows(array: np.ndarray) -> np.ndarray:
    above = np.concatenate([array[:1], array[:-1]])
    below = np.concatenate([array[1:], array[-1:]])
    doubled = np.empty((2 * array.shape[0], array.shape[1]))
    doubled[0::2] = 0.75 * array + 0.25 * above
    doubled[1::2] = 0.75 * array + 0.25 * below
    return doubled
