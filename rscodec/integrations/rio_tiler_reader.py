"""Streams as a reader of rio-tiler, so that titiler serves them.

    with RscodecReader("scene.bin") as reader:
        image = reader.tile(x, y, z)

    what is asked for -> window and factor -> decoder, or its small pictures (rscodec.stream.preview)
                      -> a sparse GeoTIFF in memory, as large as the scene, with that window in it -> rio-tiler's Reader

So rio-tiler itself warps, resamples, masks and evaluates expressions, and it reads the pixels of the decoded GeoTIFF.
If the scene is at least twice as fine as the request, it is first made 2, 4, 8, ... times smaller by averaging, so
that no pixels are skipped. rio-tiler derives the size of an answer from the size of the pixels, and never enlarges. So
the size is computed for the original scene, and then given to rio-tiler.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attr
from affine import Affine
from morecantile import TileMatrixSet
from rasterio.crs import CRS
from rasterio.features import bounds as bounds_of
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window as GdalWindow
from rio_tiler.constants import WEB_MERCATOR_TMS, WGS84_CRS
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import BaseReader, Reader
from rio_tiler.models import BandStatistics, ImageData, Info, PointData
from rio_tiler.types import BBox
from rio_tiler.utils import get_vrt_transform

import rscodec
from rscodec.bitstreams.errors import InputError
from rscodec.concurrency.threads import turn
from rscodec.raster.gdal import gdal
from rscodec.raster.metadata import nodata_value, parse_crs, scale_metadata, write_metadata
from rscodec.raster.scene import Scene, assemble
from rscodec.raster.validity import native
from rscodec.raster.window import Window
from rscodec.stream.preview import PreviewPicture, shrunk

BLOCK = 256
NOTHING = Window(0, 0, 0, 0)
MARGIN = 16  # border around a request, in pixels of the answer, for kernels and for the grid of a warp
LONGEST = 1024  # of previews and statistics, as in rio-tiler


@attr.s
class RscodecReader(BaseReader):
    """`input`: a path or a URL. `weights`: a file, instead of the packaged one. `options`: of rio-tiler's Reader."""

    input: str = attr.ib()
    tms: TileMatrixSet = attr.ib(default=WEB_MERCATOR_TMS)
    weights: str | None = attr.ib(default=None)
    options: dict = attr.ib(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.scene = rscodec.open(self.input, weights=self.weights)
        header, metadata = self.scene.header, self.scene.metadata
        if "crs" not in metadata or "transform" not in metadata:
            self.scene.close()
            raise InputError(f"{self.input} has no CRS and geotransform, which map tiles need; decode it instead")
        self.crs, self.transform = parse_crs(metadata["crs"]), Affine(*metadata["transform"])
        self.width, self.height = header.width, header.height
        self.bounds = array_bounds(self.height, self.width, self.transform)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.scene.close()

    @property
    def minzoom(self) -> int:
        return self._minzoom

    @property
    def maxzoom(self) -> int:
        return self._maxzoom

    def info(self) -> Info:
        with self._reader(Window(0, 0, 1, 1), 1) as reader:
            found = reader.info()
        return found.model_copy(update={"driver": "rscodec", "overviews": []})

    def statistics(self, max_size: int | None = LONGEST, **settings: Any) -> dict[str, BandStatistics]:
        with self._preview({"max_size": max_size, **settings}) as (reader, settings):
            return reader.statistics(**settings)

    def preview(self, max_size: int | None = LONGEST, **settings: Any) -> ImageData:
        with self._preview({"max_size": max_size, **settings}) as (reader, settings):
            return reader.preview(**settings)

    def tile(self, tile_x: int, tile_y: int, tile_z: int, tilesize: int | None = None, **settings: Any) -> ImageData:
        if not self.tile_exists(tile_x, tile_y, tile_z):
            raise TileOutsideBounds(f"Tile(x={tile_x}, y={tile_y}, z={tile_z}) is outside bounds")
        matrix, bounds = self.tms.matrix(tile_z), tuple(self.tms.xy_bounds(tile_x, tile_y, tile_z))
        size = {"width": tilesize or matrix.tileWidth, "height": tilesize or matrix.tileHeight}
        with self._part(bounds, self.tms.rasterio_crs, {**settings, **size}) as (reader, _):
            return reader.tile(tile_x, tile_y, tile_z, tilesize=tilesize, **settings)

    def part(self, bbox: BBox, bounds_crs: CRS = WGS84_CRS, **settings: Any) -> ImageData:
        with self._part(bbox, bounds_crs, settings) as (reader, settings):
            return reader.part(bbox, bounds_crs=bounds_crs, **settings)

    def feature(self, shape: dict, shape_crs: CRS = WGS84_CRS, **settings: Any) -> ImageData:
        with self._part(bounds_of(shape), shape_crs, settings) as (reader, settings):
            return reader.feature(shape, shape_crs=shape_crs, **settings)

    def point(self, lon: float, lat: float, coord_crs: CRS = WGS84_CRS, **settings: Any) -> PointData:
        with self._reader(self._around(self._window_of((lon, lat, lon, lat), coord_crs), MARGIN), 1) as reader:
            return reader.point(lon, lat, coord_crs=coord_crs, **settings)

    @contextmanager
    def _preview(self, settings: dict) -> Iterator[tuple[Reader, dict]]:
        """A reader of the scene, as fine as the answer needs it, and settings that give the answer its size."""
        crs, wide, high = settings.get("dst_crs"), self.width, self.height
        if crs and crs != self.crs:
            with self._reader(NOTHING, 1) as original, WarpedVRT(original.dataset, crs=crs) as warped:
                wide, high = warped.width, warped.height
        width, height = answer_size(wide, high, settings)
        factor = factor_for(min(wide / width, high / height))
        with self._reader(Window(0, 0, self.width, self.height), factor) as reader:
            yield reader, sized(settings, width, height) if factor > 1 else settings

    @contextmanager
    def _part(self, bounds: BBox, crs: CRS, settings: dict) -> Iterator[tuple[Reader, dict]]:
        """The same for the part within bounds."""
        target = settings.get("dst_crs") or crs
        if target != crs:
            bounds = transform_bounds(crs, target, *bounds, densify_pts=21)
        window = self._window_of(bounds, target)
        wide, high = self._original_size(bounds, target, settings)
        width, height = answer_size(wide, high, settings)
        # In a CRS where the scene crosses the antimeridian, rio-tiler's pixels are far too large. The window is right
        # there, but elsewhere it can be larger than the bounds: around a rotated square by sqrt(2).
        ratios = wide / width, high / height, max(window[2:]) / max(width, height)
        factor = factor_for(max(min(ratios[:2]), ratios[2] / 2))
        spare = MARGIN + (settings.get("padding") or 0) + (settings.get("buffer") or 0)
        part = self._around(window, math.ceil(spare * max(1, *ratios)))
        with self._reader(part, factor) as reader:
            yield reader, sized(settings, width, height) if factor > 1 else settings

    def _original_size(self, bounds: BBox, crs: CRS, settings: dict) -> tuple[float, float]:
        """Width and height of the part within bounds, in pixels of the grid on which rio-tiler reads the scene."""
        if crs == self.crs:
            return self._window_of(bounds, crs)[2:]
        with self._reader(NOTHING, 1) as original:
            size = settings.get("height"), settings.get("width")
            _, width, height = get_vrt_transform(original.dataset, bounds, *size, dst_crs=crs)
        return width, height

    def _around(self, window: tuple[float, float, float, float], border: int) -> Window:
        """The pixels of the scene within a window and a border around it."""
        left, top, width, height = window
        col, row = math.floor(left) - border, math.floor(top) - border
        right, bottom = math.ceil(left + width) + border, math.ceil(top + height) + border
        return Window(col, row, right - col, bottom - row).overlap(Window(0, 0, self.width, self.height))

    def _window_of(self, bounds: BBox, crs: CRS) -> tuple[float, float, float, float]:
        """Column, row, width and height of the pixels within bounds."""
        if crs != self.crs:
            bounds = transform_bounds(crs, self.crs, *bounds, densify_pts=21)
        left, bottom, right, top = bounds
        corners = [~self.transform * (x, y) for x in (left, right) for y in (bottom, top)]
        cols, rows = zip(*corners, strict=True)
        return min(cols), min(rows), max(cols) - min(cols), max(rows) - min(rows)

    @contextmanager
    def _reader(self, window: Window, factor: int) -> Iterator[Reader]:
        """rio-tiler's reader of the scene made `factor` times smaller. It has only the pixels of a window."""
        small = shrunk(Window(0, 0, self.width, self.height), factor)
        read = None
        if window.width > 0 and window.height > 0:
            read = self._read(window, factor)
        with MemoryFile() as memory:
            write_sparse(memory, self.scene, small, factor, read)
            with memory.open() as dataset, PartReader(self.input, dataset, self.tms, options=self.options) as reader:
                yield reader

    def _read(self, window: Window, factor: int) -> tuple[Window, Scene]:
        """The place of a window in the scene made `factor` times smaller, and its pixels there. A smaller scene is read
        in whole pieces, so place and pixels may extend beyond the window.
        """
        if factor == 1:
            return window, self.scene.read(window)
        target = shrunk(window, factor)
        header = self.scene.header
        with turn():
            picture = PreviewPicture(self.scene.decoder, factor)
            pieces = [piece for piece in picture.pieces(picture.scene) if overlaps(piece, target)]
            col, row = min(piece.col for piece in pieces), min(piece.row for piece in pieces)
            right, bottom = max(piece.right for piece in pieces), max(piece.bottom for piece in pieces)
            place = Window(col, row, right - col, bottom - row)
            read = ((piece, *picture.read(piece)) for piece in pieces)
            return place, Scene(*assemble(read, place, header.bands, header.dtype), self.scene.metadata)


@attr.s
class PartReader(Reader):
    """rio-tiler's Reader of a dataset that exists for one request, without the warning about missing overviews."""

    def __attrs_post_init__(self) -> None:
        dataset: DatasetReader = self.dataset
        self.bounds, self.crs, self.transform = tuple(dataset.bounds), dataset.crs, dataset.transform
        self.width, self.height, self.colormap = dataset.width, dataset.height, {}


def write_sparse(memory: MemoryFile, scene, small: Window, factor: int, read: tuple[Window, Scene] | None) -> None:
    """Write the GeoTIFF that `rscodec decode` would write, but without tags and RPCs, and only the pixels of `read`."""
    header, metadata = scene.header, scale_metadata(scene.metadata, factor, factor)
    profile = {
        "driver": "GTiff",
        "width": small.width,
        "height": small.height,
        "count": header.bands,
        "dtype": header.dtype,
        "nodata": native(nodata_value(metadata), header.dtype),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "band",
        "SPARSE_OK": True,
        "BIGTIFF": "IF_SAFER",
    }
    with gdal(), memory.open(**profile) as dataset:
        write_metadata(dataset, {key: value for key, value in metadata.items() if key not in ("tags", "rpcs")})
        if read is not None:
            place, part = read
            dataset.write(part.pixels, window=GdalWindow(*place))
            if "masked" in metadata:
                dataset.write_mask(part.dataset_mask, window=GdalWindow(*place))


def overlaps(one: Window, other: Window) -> bool:
    part = one.overlap(other)
    return part.width > 0 and part.height > 0


def factor_for(ratio: float) -> int:
    """The greatest power of two that is at most the ratio of pixels read to pixels wanted."""
    return 2 ** max(0, math.floor(math.log2(ratio))) if ratio > 0 else 1


def answer_size(wide: float, high: float, settings: dict) -> tuple[int, int]:
    """Width and height of rio-tiler's answer, if its grid has `wide` x `high` pixels."""
    width, height, longest = settings.get("width"), settings.get("height"), settings.get("max_size")
    if not width and not height:
        wide, high = max(1, round(wide)), max(1, round(high))
        if not longest or longest > max(wide, high):
            return wide, high
        width, height = (None, longest) if high > wide else (longest, None)
    return width or math.ceil(height / (high / wide)), height or math.ceil(width * (high / wide))


def sized(settings: dict, width: int, height: int) -> dict:
    return settings | {"max_size": None, "width": width, "height": height}
