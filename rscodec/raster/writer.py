"""The only file that writes images.

    RasterWriter(path, ...).write(pixels, col, row)                               whatever GDAL can write

The writer fills a temporary file beside the target and renames it at the end (bitstreams/atomic.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import Interleaving
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import OutputError
from rscodec.raster.gdal import CACHE_BYTES, OptionComplaints, cause, gdal
from rscodec.raster.gdal_errors import public_errors
from rscodec.raster.metadata import Metadata, alpha_bands, nodata_value, write_metadata
from rscodec.raster.validity import native

BLOCK = 512
PNG_DTYPES, PNG_BANDS = ("uint8", "uint16"), 4
SIDECARS = (".aux.xml", ".msk", ".ovr")  # files that GDAL would read with the image


class RasterWriter:
    """Writes a new image window by window. Use it as a context manager: after an error there is no file at `path`.

    `shape`: (width, height, bands, dtype). A GeoTIFF or COG is compressed with deflate and a predictor unless
    `creation_options` name another compression. For drivers that cannot write windows (PNG, JPEG, COG, ...) the writer
    makes a temporary GeoTIFF and converts it.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        shape: tuple[int, int, int, str],
        metadata: Metadata,
        driver: str = "GTiff",
        creation_options: dict | None = None,
        overwrite: bool = False,
    ):
        self.path = Path(path)
        self._metadata, self._driver, self._overwrite = metadata, driver, overwrite
        self._options = {key.lower(): value for key, value in (creation_options or {}).items()}
        if driver == "COG":  # GDAL's cubic overviews overshoot, and spread NaN
            self._options.setdefault("overview_resampling", self._options.get("resampling", "AVERAGE"))
            self._options.setdefault("compress", "DEFLATE")
            if self._options["compress"].upper() in ("DEFLATE", "LZW", "ZSTD"):
                self._options.setdefault("predictor", "YES")
        self._width, self._height, self._count, self._dtype = shape

    def __enter__(self) -> RasterWriter:
        self._check_driver()
        with ExitStack() as stack:
            self._output = AtomicPath(self.path, self._overwrite, SIDECARS)
            self._temporary = stack.enter_context(self._output)
            with self._report_errors():
                self._dataset = self._create()
                stack.push(self._finish)
                write_metadata(self._dataset, self._metadata)
            self._stack = stack.pop_all()
        return self

    def write(self, pixels: np.ndarray, col: int, row: int) -> None:
        """Write pixels (B,h,w) to the window whose upper left corner is at (col, row)."""
        with self._report_errors():
            self._dataset.write(pixels, window=Window(col, row, pixels.shape[2], pixels.shape[1]))

    def write_mask(self, mask: np.ndarray, col: int, row: int) -> None:
        """Write mask (h,w), nonzero for valid pixels, to the dataset mask."""
        with self._report_errors():
            self._dataset.write_mask(mask != 0, window=Window(col, row, mask.shape[1], mask.shape[0]))

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def _check_driver(self) -> None:
        """Raise OutputError if the format cannot hold the image."""
        with rasterio.Env() as environment:
            if self._driver not in environment.drivers():
                raise OutputError(f"cannot write {self.path}: GDAL has no driver {self._driver}")
        count, dtype = self._count, self._dtype
        problem = None
        if self._driver == "PNG" and dtype not in PNG_DTYPES:
            problem = f"holds {' or '.join(PNG_DTYPES)}, not {dtype}: write a .tif"
        elif self._driver == "PNG" and count > PNG_BANDS:
            problem = f"has at most {PNG_BANDS} bands, not {count}: choose three with `bands`, or write a .tif"
        elif self._driver == "PNG" and count in (2, 4) and count - 1 not in alpha_bands(self._metadata):
            fewer = "three" if count == 4 else "one"
            problem = (
                f"would take band {count} for alpha, which it is not: choose {fewer} with `bands`, or write a .tif"
            )
        if problem:
            raise OutputError(f"cannot write {self.path}: a PNG {problem}")

    def _create(self) -> DatasetWriter:
        nodata = nodata_value(self._metadata)
        pixel = native(nodata, self._dtype)
        options = {
            "tiled": True,
            **self._blocks(),
            "bigtiff": "IF_SAFER",
            "nodata": nodata if pixel is None else pixel,
            **(self._compression() | self._options if self._windowed else {}),
            "width": self._width,
            "height": self._height,
            "count": self._count,
            "dtype": self._dtype,
        }
        return rasterio.open(self._pixels_path, "w", driver="GTiff", **options)

    def _compression(self) -> dict:
        """Options of a lossless compression that every GDAL reads, at a fast level."""
        if "compress" in self._options:
            return {}
        integer = np.issubdtype(self._dtype, np.integer)
        return {"compress": "deflate", "zlevel": 1, "predictor": 2 if integer else 3}

    def _blocks(self) -> dict:
        """Options for blocks of BLOCK pixels, the default tile size. In a scene that fits the cache, blocks fit the
        scene.
        """
        width, height = self._width, self._height
        if width * height * self._count * np.dtype(self._dtype).itemsize > CACHE_BYTES // 2:
            width, height = min(width, BLOCK), min(height, BLOCK)
        return {"blockxsize": _fitting(width), "blockysize": _fitting(height)}

    @property
    def _windowed(self) -> bool:
        return self._driver == "GTiff"

    @property
    def _pixels_path(self) -> Path:
        suffix = "" if self._windowed else ".pixels"
        return self._temporary.with_name(self._temporary.name + suffix)

    def _finish(self, kind: object, error: object, trace: object) -> None:
        """Close. On success, finish the temporary file, which AtomicPath then renames."""
        if kind is not None:
            self._dataset.close()
            return
        with self._report_errors():
            self._dataset.close()
            if not self._windowed:
                rasterio.shutil.copy(self._pixels_path, self._temporary, driver=self._driver, **self._options)
                rasterio.shutil.delete(self._pixels_path, driver="GTiff")
            if not self._complete():
                self._output.check_space()
                raise OutputError(f"cannot write {self.path}: it was not written completely; the disk may be full")

    def _complete(self) -> bool:
        """Whether the file contains every block: GDAL reports no error if the disk is full when it closes a TIFF."""
        size = self._temporary.stat().st_size
        sparse = "sparse_ok" in self._options
        try:
            written = rasterio.open(self._temporary)
        except RasterioError:  # its beginning is missing, too
            return False
        with written:
            if written.driver != "GTiff":
                written.read(window=Window(0, written.height - 1, written.width, 1))
                return True
            for band in (1,) if written.interleaving == Interleaving.pixel else written.indexes:
                for (row, col), _ in written.block_windows(band):
                    start, length = (
                        written.get_tag_item(f"BLOCK_{item}_{col}_{row}", "TIFF", bidx=band)
                        for item in ("OFFSET", "SIZE")
                    )
                    if start is None and not sparse or start is not None and int(start) + int(length) > size:
                        return False
        return True

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Turn GDAL's errors and its warnings about unknown creation options into OutputError.

        GDAL reports a full disk in many ways, but never by name.
        """
        complaints = OptionComplaints()
        try:
            with gdal(), complaints, public_errors():
                yield
        except (RasterioError, ValueError) as error:
            self._output.check_space()
            raise OutputError(f"cannot write {self.path}: {cause(error)}") from error
        if complaints.found:
            raise OutputError(f"cannot write {self.path}: {complaints.found[0]}; see `creation_options`")


def _fitting(edge: int) -> int:
    """The edge of blocks, a multiple of 16: the smallest that needs no more blocks than an edge of BLOCK."""
    return -(-edge // (16 * -(-edge // BLOCK))) * 16
