"""Where the pixels of a raster lie, and how other things come onto them. Of carbon/ this file alone knows rasterio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rasterio import Affine
from rasterio.warp import transform

from bitstreams.errors import InputError
from rscodec.metadata import parse_crs


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
