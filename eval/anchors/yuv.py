"""Converts pixels to the 10-bit planes of video coders and back: BT.709, full range, rounded once.

RGB uint8 --matrix--> Y, Cb, Cr floats --(2 x 2 means for 4:2:0)--> round --> uint16 planes, 0..1023
a single band --linear, between its least and largest value--> Y
"""

from __future__ import annotations

import numpy as np

from rscodec.eval.anchors.base import to_dtype

PEAK = 1023
GREY = 512
RED, BLUE = 0.2126, 0.0722
TO_YUV = np.array([
    [RED, 1 - RED - BLUE, BLUE],
    [-RED / (2 - 2 * BLUE), -(1 - RED - BLUE) / (2 - 2 * BLUE), 0.5],
    [0.5, -(1 - RED - BLUE) / (2 - 2 * RED), -BLUE / (2 - 2 * RED)],
])  # fmt: skip
TO_RGB = np.linalg.inv(TO_YUV)


def from_rgb(pixels: np.ndarray) -> np.ndarray:
    """uint8 (3, H, W) -> float (3, H, W) on the 10-bit scale. Round and clip it before coding."""
    planes = np.tensordot(TO_YUV, pixels.astype(np.float64) * (PEAK / 255), 1)
    planes[1:] += GREY
    return planes


def to_rgb(planes: np.ndarray) -> np.ndarray:
    centred = planes.astype(np.float64)
    centred[1:] -= GREY
    return to_dtype(np.tensordot(TO_RGB, centred, 1) * (255 / PEAK), "uint8")


def rounded(plane: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(plane), 0, PEAK).astype("<u2")


def halve(plane: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels. Height and width must be even."""
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def double(plane: np.ndarray) -> np.ndarray:
    """Double the size, bilinear between the centres of the 2 x 2 squares."""
    for axis in (0, 1):
        padded = np.pad(plane.astype(np.float64), [(1, 1) if at == axis else (0, 0) for at in (0, 1)], mode="edge")
        before, here, after = (np.take(padded, np.arange(plane.shape[axis]) + step, axis) for step in range(3))
        plane = np.stack([here * 0.75 + before * 0.25, here * 0.75 + after * 0.25], axis + 1).reshape(
            [2 * size if at == axis else size for at, size in enumerate(plane.shape)]
        )
    return plane


def even(image: np.ndarray, multiple: int = 2) -> np.ndarray:
    """Pad height and width to a multiple by repeating the last row and column."""
    height, width = image.shape[-2:]
    rim = [(0, 0)] * (image.ndim - 2) + [(0, -height % multiple), (0, -width % multiple)]
    return np.pad(image, rim, mode="edge")


def scale_of(band: np.ndarray) -> np.ndarray:
    """(least value, range) of a band as two float32, 8 bytes. For uint8 it is always the whole range."""
    if band.dtype == np.uint8:
        return np.array([0, 255], "<f4")
    low, high = float(band.min()), float(band.max())
    return np.array([low, max(high - low, 1e-30)], "<f4")


def to_luma(band: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return rounded((band.astype(np.float64) - scale[0]) * (PEAK / float(scale[1])))


def from_luma(plane: np.ndarray, scale: np.ndarray, dtype: str) -> np.ndarray:
    return to_dtype(plane.astype(np.float64) * (float(scale[1]) / PEAK) + float(scale[0]), dtype)
