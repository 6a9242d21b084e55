"""Reads a forest inventory: polygons of stands with timber volume, from any vector file that GDAL reads.

pyogrio, which the extra `carbon` installs, reads GeoPackage, GeoJSON, shapefiles and others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError

POLYGONS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Inventory:
    """For each stand: its number in the file, its outline (GeoJSON in `crs`, None if missing) and m3/ha (NaN if
    unknown).
    """

    path: str
    crs: str
    numbers: list[int]
    outlines: list[dict | None]
    volume: np.ndarray


def read_inventory(path, column: str | None) -> Inventory:
    """Read a file. Raises InputError if it is no inventory, has no CRS, or has no numbers in the column.

    Without a column, only outlines are read, and volumes are unknown.
    """
    try:
        import pyogrio
        import shapely
    except ImportError as missing:
        raise InputError(f"reading {path} needs {missing.name}: pip install 'rscodec[carbon]'") from missing
    if not Path(path).exists():
        raise InputError(f"no such inventory: {path}")
    try:
        columns = [str(name) for name in pyogrio.read_info(path)["fields"]]
        if column is not None and column not in columns:
            there = ", ".join(columns) or "none"
            raise InputError(f"{path} has no column {column!r}; there are {there}; give the one with m3/ha as `volume`")
        wanted = [] if column is None else [column]
        about, numbers, shapes, fields = pyogrio.raw.read(path, columns=wanted, force_2d=True, return_fids=True)
    except pyogrio.errors.DataSourceError as problem:
        raise InputError(f"{path} is no vector file that GDAL can read: {problem}") from problem
    if about["crs"] is None:
        raise InputError(f"{path} has no CRS: give it one (ogr2ogr -a_srs, or a .prj beside a shapefile)")
    (volume,) = fields or [np.full(len(numbers), np.nan)]
    if not np.issubdtype(volume.dtype, np.number):
        raise InputError(f"column {column!r} of {path} holds no numbers; give the one with m3/ha as `volume`")
    outlines = [None if shape is None else shapely.from_wkb(shape) for shape in shapes]
    outlines = [None if shape is None or shape.is_empty else shape.__geo_interface__ for shape in outlines]
    kinds = sorted({outline["type"] for outline in outlines if outline} - set(POLYGONS))
    if kinds:
        raise InputError(f"{path} contains {', '.join(kinds)}; stands must be polygons")
    return Inventory(str(path), about["crs"], numbers.tolist(), outlines, volume.astype(np.float64))
