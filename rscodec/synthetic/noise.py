"""Random fields without borders. A value is a hash of its coordinates, so any window can be computed alone.

    hashed(seed, i, j)            white noise on an integer lattice, 0..1
    bell(seed, i, j)              the same, nearly normal; mean 0, std 1
    smooth(view, seed, wave)      a knot every `wave` pixels, joined by cubic B-splines; mean 0, std 1
    fractal(view, seed, wave, n)  n octaves of `smooth`, for terrain and patchy vegetation
    smooth_at(seed, x, y, wave)   a smooth field at scattered points (bilinear), for decisions about whole parcels

All arithmetic is integer or elementwise, so a seed gives the same field with every version of numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPLINE_STD = 0.1375  # standard deviation of a cubic B-spline surface with knots uniform in 0..1, averaged over a cell


@dataclass(frozen=True)
class View:
    """A window of the plane: the integer coordinates of its corner, and its size."""

    x: int
    y: int
    width: int
    height: int

    def grown(self, margin: int) -> View:
        return View(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        """x (1,w), y (h,1) of the pixels."""
        x = np.arange(self.x, self.x + self.width, dtype=np.float32)
        y = np.arange(self.y, self.y + self.height, dtype=np.float32)
        return x[None], y[:, None]


def hashed(seed: int, *coordinates: np.ndarray) -> np.ndarray:
    """Integer coordinate arrays -> pseudo-random float32 in 0..1."""
    state = np.full(1, (seed * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF, np.uint32)
    for axis in coordinates:
        state = (state ^ np.asarray(axis).astype(np.int64).astype(np.uint32)) * np.uint32(0x85EBCA6B)
        state = (state ^ (state >> np.uint32(15))) * np.uint32(0xC2B2AE35)
        state ^= state >> np.uint32(13)
    return (state >> np.uint32(8)).astype(np.float32) / np.float32(2**24)


def bell(seed: int, *coordinates: np.ndarray) -> np.ndarray:
    """Integer coordinate arrays -> float32, nearly normal: the sum of four draws, scaled, so between -3.5 and 3.5."""
    return (sum(hashed(seed + 7919 * k, *coordinates) for k in range(4)) - np.float32(2)) * np.float32(3**0.5)


def smooth(view: View, seed: int, wave: float) -> np.ndarray:
    """A smooth field (h,w) with details of about `wave` pixels; mean 0, standard deviation 1."""
    columns, column_weights = _knots(view.x, view.width, wave)
    rows, row_weights = _knots(view.y, view.height, wave)
    knots_x = np.arange(columns[0], columns[-1] + 4)
    knots_y = np.arange(rows[0], rows[-1] + 4)
    knots = hashed(seed, knots_x[None], knots_y[:, None])
    across = sum(knots[:, columns - columns[0] + tap] * column_weights[tap] for tap in range(4))
    field = sum(across[rows - rows[0] + tap] * row_weights[tap][:, None] for tap in range(4))
    return (field - np.float32(0.5)) / np.float32(SPLINE_STD)


def fractal(view: View, seed: int, wave: float, octaves: int, gain: float = 0.5) -> np.ndarray:
    """Octaves of `smooth`, each with half the wave and `gain` times the amplitude of the one before."""
    return sum(smooth(view, seed + 101 * k, wave / 2**k) * np.float32(gain**k) for k in range(octaves))


def smooth_at(seed: int, x: np.ndarray, y: np.ndarray, wave: float) -> np.ndarray:
    """A bilinear field at any points, roughly uniform in -1..1."""
    left, top = np.floor(x / wave), np.floor(y / wave)
    across, down = x / wave - left, y / wave - top
    corners = [hashed(seed, left + i, top + j) for j in (0, 1) for i in (0, 1)]
    upper = corners[0] + (corners[1] - corners[0]) * across
    lower = corners[2] + (corners[3] - corners[2]) * across
    return 2 * (upper + (lower - upper) * down) - 1


def _knots(start: int, length: int, wave: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """First of four knots for each pixel of an axis, and the four B-spline weights."""
    position = np.arange(start, start + length) / wave
    first = np.floor(position).astype(np.int64)
    t = (position - first).astype(np.float32)
    squared, u = t * t, 1 - t
    cubed = squared * t  # `**` gives different cubes on different instruction sets
    weights = [u * u * u, 3 * cubed - 6 * squared + 4, -3 * cubed + 3 * squared + 3 * t + 1, cubed]
    return first, [weight / 6 for weight in weights]
