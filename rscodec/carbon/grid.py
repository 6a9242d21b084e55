"""Where the pixels of a raster lie, and how other things come onto them. Of carbon/ this file alone knows rasterio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio import Affine
from rasterio.features import shapes
from rasterio.warp import transform, transform_geom

from bitstreams.errors import InputError
from rscodec.metadata import parse_crs

DECIMALS = 7  # of a degree: a centimetre


@dataclass(frozen=True)
class Grid:
    """CRS and six numbers of the transform as in a scene's metadata, and a size in pixels."""

    crs: str
    numbers: tuple[float, ...]
    width: int
    height: int

    @classmethod
    def of(cls, metadata: dict, width: int, height: int, name: str) -> Grid:
        """The grid of a raster that is called `name` where it has none."""
        if metadata.get("crs") is None or "transform" not in metadata:
            raise InputError(f"{name} does not say where it lies: give it a CRS and a transform (gdal_edit.py -a_srs)")
        return cls(metadata["crs"], tuple(metadata["transform"]), width, height)

    @property
    def metadata(self) -> dict:
        return {"crs": self.crs, "transform": list(self.numbers)}

    def degrees(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude (WGS 84) of positions in pixels, counted from the upper left corner."""
        x, y = Affine(*self.numbers) * (columns.ravel(), rows.ravel())
        longitude, latitude = transform(parse_crs(self.crs), "EPSG:4326", x, y)
        return np.reshape(longitude, columns.shape), np.reshape(latitude, columns.shape)

    def outlines(self, numbers: np.ndarray) -> dict[int, dict]:
        """GeoJSON in degrees of WGS 84 around the pixels (h,w) of each number above zero."""
        parts: dict[int, list] = {}
        for geometry, number in shapes(numbers, numbers > 0, transform=Affine(*self.numbers)):
            parts.setdefault(int(number), []).append(geometry["coordinates"])
        around = {
            number: {"type": "Polygon", "coordinates": rings[0]}
            if len(rings) == 1
            else {"type": "MultiPolygon", "coordinates": rings}
            for number, rings in sorted(parts.items())
        }
        crs = parse_crs(self.crs)
        return {number: transform_geom(crs, "EPSG:4326", one, precision=DECIMALS) for number, one in around.items()}
