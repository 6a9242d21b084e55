"""Resampling at any coordinates, one axis at a time: the neighbours and weights of every new pixel.

    coordinates   0 is the centre of the first pixel, -0.5 its left edge. Pixels beyond an edge do not count: the
                  weights of the other neighbours add up to 1, as in Pillow and in torch with antialias=True
    cubic         Keys' kernel with a = -1/2; if stretched by the factor, it shrinks without aliasing
    linear        interpolates between the two neighbours

The taps (neighbours and weights) of a pixel depend only on its coordinate and are summed in a fixed order, so the pixel
is the same in every window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Kernel = Callable[[np.ndarray], np.ndarray]


def cubic(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))


def linear(distance: np.ndarray) -> np.ndarray:
    return (1 - np.abs(distance)).clip(min=0)


REACH: dict[Kernel, int] = {cubic: 2, linear: 1}  # pixels on each side, for a kernel that is not stretched


def centres(first: int, last: int, length: int, target: int) -> np.ndarray:
    """Coordinates, on an edge of `length` pixels, of the pixels first..last-1 of the same edge with `target` pixels."""
    return (2 * np.arange(first, last) + 1) * length / (2 * target) - 0.5


@dataclass(frozen=True)
class Taps:
    """`index` and `weight` (n, k): item i is the sum of weight[i] * pixels[index[i]]."""

    index: np.ndarray
    weight: np.ndarray

    @classmethod
    def at(cls, coordinates: np.ndarray, length: int, kernel: Kernel = cubic, stretch: float = 1.0) -> Taps:
        """The taps of these coordinates on an edge of `length` pixels."""
        reach = REACH[kernel] * stretch
        index = np.floor(coordinates - reach).astype(np.int64)[:, None] + 1 + np.arange(int(np.ceil(2 * reach)))
        weight = kernel((index - coordinates[:, None]) / stretch) * ((0 <= index) & (index < length))
        return cls(index.clip(0, length - 1), weight / weight.sum(1, keepdims=True))

    @property
    def span(self) -> tuple[int, int]:
        """First pixel used, and last + 1."""
        return int(self.index.min()), int(self.index.max()) + 1

    def along(self, pixels: np.ndarray, axis: int, start: int = 0) -> np.ndarray:
        """Resample along an axis. `pixels` begin at pixel `start` of the edge."""
        shape = [1] * pixels.ndim
        shape[axis] = -1
        total = np.zeros(())
        for index, weight in zip(self.index.T, self.weight.T, strict=True):
            total = total + pixels.take(index - start, axis) * weight.reshape(shape)
        return total

    def matrix(self, length: int) -> np.ndarray:
        """The taps as a matrix, float32 (n, length)."""
        matrix = np.zeros((len(self.index), length))
        np.add.at(matrix, (np.arange(len(self.index))[:, None], self.index), self.weight)
        return matrix.astype(np.float32)


def shrink(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink pixels (B, H, W) by cubic resampling without aliasing, in float64."""
    for axis, target in ((1, height), (2, width)):
        length = pixels.shape[axis]
        pixels = Taps.at(centres(0, target, length, target), length, cubic, length / target).along(pixels, axis)
    return pixels


def nearest(pixels: np.ndarray, size: tuple[float, float], shape: tuple[int, int]) -> np.ndarray:
    """The upper left part of pixels (B, H, W), `size` (height, width) pixels large, as (B, *shape). Each new pixel is
    the one under its centre.
    """
    rows, cols = (
        ((np.arange(target) + 0.5) * length / target).astype(np.int64).clip(max=edge - 1)
        for target, length, edge in zip(shape, size, pixels.shape[1:], strict=True)
    )
    return pixels[:, rows[:, None], cols]
