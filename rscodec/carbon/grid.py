"""The georeferenced grid of a raster, and how outlines and other rasters are projected onto it. Only this file of
carbon/ uses rasterio.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import rasterize, shapes
from rasterio.warp import reproject, transform, transform_bounds, transform_geom

from rscodec.bitstreams.errors import InputError
from rscodec.raster.gdal_errors import public_errors
from rscodec.raster.metadata import Metadata, parse_crs

DECIMALS = 7  # of a degree: a centimetre


@dataclass(frozen=True)
class Grid:
    """The CRS and the six numbers of the transform, as in a scene's metadata, and the size in pixels."""

    crs: str
    numbers: tuple[float, ...]
    width: int
    height: int

    @classmethod
    def of(cls, metadata: Metadata, width: int, height: int, name: str) -> Grid:
        """The grid of a raster. The error for a raster without georeference calls it `name`."""
        if metadata.get("crs") is None or "transform" not in metadata:
            raise InputError(f"{name} has no georeference: give it a CRS and a transform (gdal_edit.py -a_srs)")
        return cls(metadata["crs"], tuple(metadata["transform"]), width, height)

    @property
    def metadata(self) -> Metadata:
        return {"crs": self.crs, "transform": list(self.numbers)}

    def degrees(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude (WGS 84) of positions in pixels from the upper left corner."""
        x, y = Affine(*self.numbers) * (columns.ravel(), rows.ravel())
        longitude, latitude = transform(parse_crs(self.crs), "EPSG:4326", x, y)
        return np.reshape(longitude, columns.shape), np.reshape(latitude, columns.shape)

    def outlines(self, numbers: np.ndarray) -> dict[int, dict]:
        """GeoJSON outlines (degrees of WGS 84) of the pixels (h,w) of each number above zero."""
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

    def window(self, column: int, row: int, width: int, height: int) -> Grid:
        """A window of this grid. It may extend beyond the edges."""
        moved = Affine(*self.numbers) * Affine.translation(column, row)
        return Grid(self.crs, tuple(moved)[:6], width, height)

    def projected(self, outlines: list[dict], crs: str, name: str) -> list[dict]:
        """GeoJSON outlines in `crs` (from the file `name`) -> in the CRS of this grid."""
        try:
            with public_errors():
                return transform_geom(parse_crs(crs), parse_crs(self.crs), outlines)
        except RasterioError as problem:
            where = f"outlines of {name} cannot be projected ({problem})"
            raise InputError(f"{where}; check its CRS") from problem

    def box(self, outline: dict) -> tuple[float, float, float, float]:
        """First column and row, last column and row of an outline in this grid's CRS, in pixels."""
        rings = outline["coordinates"] if outline["type"] == "Polygon" else chain(*outline["coordinates"])
        columns, rows = ~Affine(*self.numbers) * np.concatenate([np.array(ring)[:, :2] for ring in rings]).T
        return columns.min(), rows.min(), columns.max(), rows.max()

    def box_of(self, other: Grid) -> tuple[float, float, float, float]:
        """The same for the outline of another grid."""
        columns, rows = np.array([0, 0, other.width, other.width]), np.array([0, other.height, 0, other.height])
        x, y = Affine(*other.numbers) * (columns, rows)
        bounds = transform_bounds(parse_crs(other.crs), parse_crs(self.crs), x.min(), y.min(), x.max(), y.max())
        west, south, east, north = bounds
        ring = [(west, south), (east, south), (east, north), (west, north)]
        return self.box({"type": "Polygon", "coordinates": [ring]})

    def burned(self, outlines: list[dict]) -> np.ndarray:
        """(h,w): the number, from 1, of the outline that contains the centre of a pixel; the last one if there are
        several, 0 if there is none.
        """
        numbered = [(outline, number) for number, outline in enumerate(outlines, 1)]
        shape = self.height, self.width
        if not numbered:
            return np.zeros(shape, np.int32)
        return rasterize(numbered, shape, transform=Affine(*self.numbers), dtype="int32")

    def warped(self, pixels: np.ndarray, of: Grid) -> np.ndarray:
        """float64 (h,w) from pixels (h,w) of another grid: bilinear, averaged over all pixels within a pixel of this
        grid.

        NaN where the other grid has no value. NaN in it is ignored.
        """
        found = np.full((self.height, self.width), np.nan)
        source = {"src_transform": Affine(*of.numbers), "src_crs": parse_crs(of.crs), "src_nodata": np.nan}
        target = {"dst_transform": Affine(*self.numbers), "dst_crs": parse_crs(self.crs), "dst_nodata": np.nan}
        reproject(pixels.astype(np.float64), found, **source, **target, resampling=Resampling.bilinear, tolerance=0)
        return found
