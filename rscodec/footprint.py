"""Where on Earth a scene lies: its outline in longitude and latitude, as GeoJSON wants it.

    columns, rows --transform, or an affine fit of the GCPs--> the CRS of the scene --> WGS 84, cut at the antimeridian
"""

from __future__ import annotations

import itertools

import numpy as np
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.transform import from_gcps
from rasterio.warp import transform_geom

from rscodec.metadata import parse_crs

POINTS = 8  # on each edge: a straight line in one CRS is bent in another
DECIMALS = 7  # a centimetre


def footprint(metadata: dict, width: int, height: int) -> tuple[dict, list[float]] | None:
    """(GeoJSON geometry, [west, south, east, north]); None for a scene that does not say where it lies.

    One that crosses the antimeridian has two polygons, and its west is greater than its east.
    """
    if "transform" in metadata:
        transform, crs = Affine(*metadata["transform"]), metadata.get("crs")
    elif "gcps" in metadata:
        points = [GroundControlPoint(*numbers) for numbers in metadata["gcps"]]
        transform, crs = from_gcps(points), metadata.get("gcps_crs")
    else:
        return None
    if crs is None:
        return None
    ring = [transform @ corner for corner in _outline(width, height)]
    outline = {"type": "Polygon", "coordinates": [ring]}
    geometry = transform_geom(parse_crs(crs), "EPSG:4326", outline, antimeridian_cutting=True, precision=DECIMALS)
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    boxes = np.array([_box(part[0]) for part in parts])
    west, south, east, north = (*boxes[:, :2].min(0), *boxes[:, 2:].max(0))
    if len(parts) > 1:
        west, east = boxes[:, 0].max(), boxes[:, 2].min()
    return geometry, [float(west), float(south), float(east), float(north)]


def _outline(width: int, height: int) -> list[tuple[float, float]]:
    """(column, row) along the edges, counter-clockwise on a map with north up, closed."""
    corners = [(0, 0), (0, height), (width, height), (width, 0), (0, 0)]
    shares = np.linspace(0, 1, POINTS, endpoint=False)[:, None]
    edges = [np.array(a) + shares * (np.array(b) - np.array(a)) for a, b in itertools.pairwise(corners)]
    return [tuple(point) for point in [*np.concatenate(edges).tolist(), corners[0]]]


def _box(ring: list) -> tuple[float, float, float, float]:
    xs, ys = np.array(ring)[:, :2].T
    return xs.min(), ys.min(), xs.max(), ys.max()
