"""The outline of a scene in longitude and latitude, as GeoJSON.

    columns, rows --transform, or an affine fit of the GCPs--> the CRS of the scene --> WGS 84, cut at the antimeridian

GDAL cuts an outline at the antimeridian when it projects it. It does not project an outline that is in degrees already,
such as 0 to 360, so this module cuts those.
"""

from __future__ import annotations

import itertools

import numpy as np
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.errors import CRSError, RasterioError
from rasterio.transform import from_gcps
from rasterio.warp import transform_geom

from rscodec.raster.gdal_errors import public_errors
from rscodec.raster.metadata import Metadata, parse_crs

POINTS = 8  # on each edge: a straight line in one CRS is curved in another
DECIMALS = 7  # a centimetre


def footprint(metadata: Metadata, width: int, height: int) -> tuple[dict, list[float]] | None:
    """(GeoJSON geometry, [west, south, east, north]). None for a scene without georeference, and for a scene whose
    outline is partly off the Earth, such as a full disk from a geostationary orbit.

    A footprint that crosses the antimeridian has two polygons, and its west is greater than its east.
    """
    if "transform" in metadata:
        transform, crs = Affine(*metadata["transform"]), metadata.get("crs")
    elif "gcps" in metadata:
        if len(metadata["gcps"]) < 3:
            return None
        crs = metadata.get("gcps_crs")
        transform = from_gcps([GroundControlPoint(*numbers) for numbers in _unwrapped(metadata["gcps"], crs)])
    else:
        return None
    if crs is None:
        return None
    ring = [transform * corner for corner in _outline(width, height)]
    if not np.isfinite(ring).all():
        return None
    outline = {"type": "Polygon", "coordinates": [ring]}
    try:
        with public_errors():
            geometry = transform_geom(parse_crs(crs), "EPSG:4326", outline, precision=DECIMALS)
    except (RasterioError, CRSError):
        return None
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    if not all(np.isfinite(part[0]).all() for part in parts):
        return None
    if len(parts) == 1:
        parts = [[np.round(part, DECIMALS).tolist()] for part in _wrapped(np.array(parts[0][0]))]
        several = len(parts) > 1
        geometry = {"type": "MultiPolygon" if several else "Polygon", "coordinates": parts if several else parts[0]}
    for part in parts:  # the outer pixels of grids such as ERA5 reach beyond the poles
        part[0] = np.clip(part[0], (-np.inf, -90), (np.inf, 90)).tolist()
    boxes = np.array([_box(part[0]) for part in parts])
    west, south = boxes[:, :2].min(0)
    east, north = boxes[:, 2:].max(0)
    if len(parts) > 1:
        west, east = boxes[:, 0].max(), boxes[:, 2].min()
    return geometry, [float(west), float(south), float(east), float(north)]


def _unwrapped(gcps: list, crs: str | None) -> list:
    """GCPs in degrees on both sides of the antimeridian, all with positive longitudes; others as they are."""
    xs = [point[2] for point in gcps]
    try:
        known = parse_crs(crs)
    except CRSError:
        known = None
    if known is None or not known.is_geographic or max(xs) - min(xs) <= 180:
        return gcps
    return [[row, col, x + 360 if x < 0 else x, *rest] for row, col, x, *rest in gcps]


def _outline(width: int, height: int) -> list[tuple[float, float]]:
    """(column, row) along the edges as a closed ring, counter-clockwise on a map with north up."""
    corners = [(0, 0), (0, height), (width, height), (width, 0), (0, 0)]
    shares = np.linspace(0, 1, POINTS, endpoint=False)[:, None]
    edges = [np.array(a) + shares * (np.array(b) - np.array(a)) for a, b in itertools.pairwise(corners)]
    return [tuple(point) for point in [*np.concatenate(edges).tolist(), corners[0]]]


def _wrapped(ring: np.ndarray) -> list[np.ndarray]:
    """Split a ring with any longitudes into rings within -180 to 180: the ring moved by a multiple of 360, or two
    parts. A ring that spans 360 degrees or more becomes a rectangle over all longitudes.
    """
    west, south, east, north = _box(ring)
    if -180 <= west and east <= 180:
        return [ring]
    if east - west >= 360:
        return [np.array([(-180, south), (180, south), (180, north), (-180, north), (-180, south)])]
    turns = 360 * np.floor((west + 180) / 360)
    ring = ring - [turns, 0]
    if east - turns <= 180:
        return [ring]
    return [_cut(ring, 1), _cut(ring, -1) - [360, 0]]


def _cut(ring: np.ndarray, side: int) -> np.ndarray:
    """The part west (1) or east (-1) of longitude 180."""
    kept = []
    beyond = side * (ring[:, 0] - 180)
    for (a, b), (before, after) in zip(itertools.pairwise(ring), itertools.pairwise(beyond), strict=True):
        if before <= 0:
            kept.append(a)
        if before * after < 0:
            kept.append(a + (b - a) * before / (before - after))
    return np.array([*kept, kept[0]])


def _box(ring: list | np.ndarray) -> tuple[float, float, float, float]:
    xs, ys = np.array(ring)[:, :2].T
    return xs.min(), ys.min(), xs.max(), ys.max()
