"""The true area of pixels on the ellipsoid, in any projection.

Longitude and authalic latitude define an equal-area map: the area on the ellipsoid equals the plane area in

    x = a * longitude,    y = a * q(latitude) / 2     (Snyder 1987, equations 3-12 and 10-1 to 10-5)

The shoelace formula over a pixel's four corners in this map gives its area. That is exact for pixels in degrees. For
projected pixels, straight lines of this map join the corners, which causes errors of parts per million for pixels of
kilometres.
"""

from __future__ import annotations

import numpy as np

from rscodec.carbon.grid import Grid

SEMI_MAJOR = 6_378_137.0  # m, of WGS 84
FLATTENING = 1 / 298.257223563
POSITIONS = 2**16  # that are projected at once, since projecting takes much more memory than the areas


def pixel_areas(grid: Grid) -> np.ndarray:
    """The area of each pixel in m2 (h,w)."""
    areas = np.empty((grid.height, grid.width))
    step = max(1, POSITIONS // (grid.width + 1))
    for top in range(0, grid.height, step):
        bottom = min(top + step, grid.height)
        areas[top:bottom] = _strip(grid, top, bottom)
    return areas


def _strip(grid: Grid, top: int, bottom: int) -> np.ndarray:
    """The areas of some rows."""
    columns, rows = np.meshgrid(np.arange(grid.width + 1.0), np.arange(top, bottom + 1.0))
    longitude, latitude = grid.degrees(columns, rows)
    x, y = np.radians(longitude), _authalic(np.radians(latitude))
    corners = [
        (slice(0, -1), slice(0, -1)),
        (slice(1, None), slice(0, -1)),
        (slice(1, None), slice(1, None)),
        (slice(0, -1), slice(1, None)),
    ]
    twice = 0.0
    for here, there in zip(corners, [*corners[1:], corners[0]], strict=True):
        across = np.mod(x[there] - x[here] + np.pi, 2 * np.pi) - np.pi  # correct across the antimeridian
        twice = twice + across * (y[there] + y[here])
    return np.abs(twice) / 2 * SEMI_MAJOR**2


def _authalic(latitude: np.ndarray) -> np.ndarray:
    """q / 2 of a geodetic latitude, in radians."""
    squared = FLATTENING * (2 - FLATTENING)
    eccentricity = np.sqrt(squared)
    sine = np.sin(latitude)
    q = (1 - squared) * (sine / (1 - squared * sine**2) + np.arctanh(eccentricity * sine) / eccentricity)
    return q / 2
