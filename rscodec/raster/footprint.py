"""The outline of a scene in longitude and latitude, as GeoJSON.

columns, rows --transform, or an affine fit of the GCPs--> the CRS of the scene --> longitude, latitude
--> a ring without jumps, around a pole or not --> polygons within -180 to 180 degrees, cut at the antimeridian
"""

from __future__ import annotations

import itertools
import math
from typing import cast

import numpy as np
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.transform import from_gcps
from rasterio.warp import transform

from rscodec.raster.gdal_errors import public_errors
from rscodec.raster.metadata import Metadata, parse_crs

POINTS = 8  # on each edge: a straight line in one CRS is curved in another
REFINEMENTS, MOST_TURN = 12, 10  # how often an edge that turns by more degrees of longitude is halved
DECIMALS = 7  # a centimetre
NEARLY = 1e-4  # degrees: about ten metres
WGS84 = "EPSG:4326"
SAME = 1e-6  # of the largest coordinate: some metres


def footprint(metadata: Metadata, width: int, height: int) -> tuple[dict, list[float]] | None:
    """(GeoJSON geometry, [west, south, east, north]). None for a scene without georeference, and for a scene whose
    outline is partly off the Earth, such as a full disk from a geostationary orbit.

    A footprint that crosses the antimeridian has two polygons, and its west is greater than its east.
    """
    if "transform" in metadata:
        grid, crs = Affine(*metadata["transform"]), metadata.get("crs")
    elif "gcps" in metadata:
        if len(metadata["gcps"]) < 3:
            return None
        crs = metadata.get("gcps_crs")
        grid = from_gcps([GroundControlPoint(*numbers) for numbers in _unwrapped(metadata["gcps"], crs)])
    else:
        return None
    if crs is None:
        return None
    ring = _on_the_globe(_outline(width, height), grid, crs)
    if ring is None:
        return None
    parts = [[np.round(part, DECIMALS).tolist()] for part in _wrapped(ring)]
    several = len(parts) > 1
    geometry = {"type": "MultiPolygon" if several else "Polygon", "coordinates": parts if several else parts[0]}
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


def _on_the_globe(outline: np.ndarray, grid: Affine, text: str) -> np.ndarray | None:
    """Longitudes and latitudes (n,2) of a closed outline (n,2) in pixels: without jumps at the antimeridian, and if a
    pole is inside, along it. None if the outline is partly off the Earth.
    """
    try:
        crs = cast(CRS, parse_crs(text))
        degrees = _degrees(outline, grid, crs)
        for _ in range(0 if crs.is_geographic else REFINEMENTS):  # a straight edge near a pole turns quickly
            if degrees is None or not (far := _turns(degrees) > MOST_TURN).any():
                break
            outline = np.insert(outline, np.flatnonzero(far) + 1, (outline[:-1] + outline[1:])[far] / 2, 0)
            degrees = _degrees(outline, grid, crs)
    except (RasterioError, CRSError):
        return None
    if degrees is None or crs.is_geographic:
        return degrees
    through = np.flatnonzero(_turns(degrees) > 90)  # the edge passes a pole, or so near that it does not matter
    if len(through) == 1 and not _at_pole(degrees)[through[0] : through[0] + 2].any():
        degrees = np.insert(degrees, through + 1, [(0, math.copysign(90, degrees[through[0], 1]))], 0)
    if np.count_nonzero(_at_pole(degrees[:-1])) == 1:
        return _with_corner_at_pole(degrees[:-1])
    ring = _without_jumps(degrees)
    eastward = ring[-1, 0] - ring[0, 0]
    if abs(eastward) < 180:
        return ring
    corners = np.array([grid * point for point in outline.tolist()])
    north = (eastward > 0) == (_area(corners) > 0)  # seen from above the north pole, east is counter-clockwise
    return _around_pole(ring if eastward > 0 else ring[::-1], 90 if north else -90)


def _degrees(outline: np.ndarray, grid: Affine, crs: CRS) -> np.ndarray | None:
    """Longitudes and latitudes of points in pixels; None if some are off the Earth."""
    ring = np.array([grid * point for point in outline.tolist()])
    if not np.isfinite(ring).all():
        return None
    if crs.is_geographic:  # the outer pixels of grids such as ERA5 reach beyond the poles
        ring = np.clip(ring, (-np.inf, -90), (np.inf, 90))
    with public_errors():
        degrees = np.array(transform(crs, WGS84, *ring.T))
        back = np.array(transform(WGS84, crs, *degrees)).T
    there = np.isfinite(degrees).all() and (crs.is_geographic or _is_same_place(ring, back))
    return degrees.T if there else None


def _turns(degrees: np.ndarray) -> np.ndarray:
    """By how many degrees of longitude each edge turns; 0 next to a pole, where a longitude means nothing."""
    turns = np.diff(degrees[:, 0])
    pole = _at_pole(degrees)
    return np.where(pole[1:] | pole[:-1], 0, np.abs(turns - 360 * np.rint(turns / 360)))


def _at_pole(degrees: np.ndarray) -> np.ndarray:
    return np.abs(degrees[:, 1]) > 90 - 10.0**-DECIMALS


def _without_jumps(degrees: np.ndarray) -> np.ndarray:
    """The same points, each less than half a turn from the one before."""
    turns = np.rint(np.diff(degrees[:, 0], prepend=degrees[0, 0]) / 360).cumsum()
    return np.stack([degrees[:, 0] - 360 * turns, degrees[:, 1]], 1)


def _with_corner_at_pole(degrees: np.ndarray) -> np.ndarray:
    """The closed ring of points of which one is a pole. The pole becomes an edge between its neighbours' longitudes."""
    at = int(_at_pole(degrees).argmax())
    others = _without_jumps(np.roll(degrees, -at, 0)[1:])
    pole = np.sign(degrees[at, 1]) * 90
    return np.array([*others, (others[-1, 0], pole), (others[0, 0], pole), others[0]])


def _is_same_place(ring: np.ndarray, back: np.ndarray) -> bool:
    """Whether points return to their places when they are projected to degrees and back. Points beyond the antimeridian
    return one turn aside, all by the same distance. Points off the Earth return at different distances.
    """
    aside = ring - back
    far = np.abs(aside).max(1) > SAME * np.abs(ring).max()
    turn = aside[far]
    return not len(turn) or bool((np.abs(np.abs(turn) - np.abs(turn[0])) <= SAME * np.abs(ring).max()).all())


def _around_pole(eastward: np.ndarray, pole: float) -> np.ndarray:
    """A ring that runs eastward around a pole -> from longitude -180 to 180, and back along the pole."""
    lon, lat = eastward[:-1].T
    lon = lon - 360 * np.floor((lon[0] + 180) / 360)
    lon, lat = np.concatenate([lon - 360, lon, lon + 360]), np.tile(lat, 3)
    start, end = np.interp([-180, 180], lon, lat)
    inside = (lon > -180) & (lon < 180)
    top = zip(lon[inside], lat[inside], strict=True)
    ring = np.array([(-180, start), *top, (180, end), (180, pole), (-180, pole), (-180, start)])
    return ring if pole > 0 else ring[::-1]


def _outline(width: int, height: int) -> np.ndarray:
    """(column, row) along the edges as a closed ring, counter-clockwise on a map with north up."""
    corners = [(0, 0), (0, height), (width, height), (width, 0), (0, 0)]
    shares = np.linspace(0, 1, POINTS, endpoint=False)[:, None]
    edges = [np.array(a) + shares * (np.array(b) - np.array(a)) for a, b in itertools.pairwise(corners)]
    return np.array([*np.concatenate(edges), corners[0]])


def _wrapped(ring: np.ndarray) -> list[np.ndarray]:
    """Split a ring with any longitudes into rings within -180 to 180: the ring moved by a multiple of 360, or two
    parts. A ring that spans 360 degrees or more becomes a rectangle over all longitudes.
    """
    west, south, east, north = _box(ring)
    if -180 <= west and east <= 180:
        return [ring]
    if east - west >= 360 - NEARLY:
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


def _area(ring: np.ndarray) -> float:
    """Positive for a closed ring that runs counter-clockwise."""
    (x, y), (next_x, next_y) = ring[:-1].T, ring[1:].T
    return float((x * next_y - next_x * y).sum() / 2)


def _box(ring: list | np.ndarray) -> tuple[float, float, float, float]:
    xs, ys = np.array(ring)[:, :2].T
    return xs.min(), ys.min(), xs.max(), ys.max()
