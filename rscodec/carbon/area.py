"""The true area of pixels on the ellipsoid, whatever their projection makes of it.

Longitude and authalic latitude span an equal-area map: the area on the ellipsoid is the plane area of

    x = a * longitude,    y = a * q(latitude) / 2     (Snyder 1987, equations 3-12 and 10-1 to 10-5)

so a pixel is the shoelace formula over its four corners there. Exact for pixels in degrees; for projected ones the
corners are joined by lines of that map, which at pixels of kilometres costs parts per million.
"""

from __future__ import annotations

import numpy as np

from rscodec.carbon.grid import Grid

SEMI_MAJOR = 6_378_137.0  # m, of WGS 84
FLATTENING = 1 / 298.257223563


def pixel_areas(grid: Grid) -> np.ndarray:
    """m2 (h,w)."""
    columns, rows = np.meshgrid(np.arange(grid.width + 1.0), np.arange(grid.height + 1.0))
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
        across = np.mod(x[there] - x[here] + np.pi, 2 * np.pi) - np.pi  # the antimeridian is no border
        twice = twice + across * (y[there] + y[here])
    return np.abs(twice) / 2 * SEMI_MAJOR**2


def _authalic(latitude: np.ndarray) -> np.ndarray:
    """q / 2 of a geodetic latitude, in radians."""
    squared = FLATTENING * (2 - FLATTENING)
    eccentricity = np.sqrt(squared)
    sine = np.sin(latitude)
    q = (1 - squared) * (sine / (1 - squared * sine**2) + np.arctanh(eccentricity * sine) / eccentricity)
    return q / 2
