"""The only file that writes images.

    RasterWriter(path, ...).write(pixels, col, row)                               whatever GDAL can write

The writer fills a temporary file in a folder beside the target and renames it at the end (bitstreams/atomic.py).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import Interleaving
from rasterio.env import GDALVersion
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import OutputError
from rscodec.raster.drivers import creation_options as with_defaults
from rscodec.raster.drivers import unfit
from rscodec.raster.gdal import CACHE_BYTES, OptionComplaints, cause, gdal
from rscodec.raster.gdal_errors import public_errors
from rscodec.raster.metadata import Metadata, alpha_bands, nodata_value, not_kept, read_metadata, write_metadata
from rscodec.raster.validity import native

BLOCK = 512
SIDECARS = (".aux.xml", ".msk", ".ovr")  # files that GDAL would read with the image


class RasterWriter:
    """Writes a new image window by window. Use it as a context manager: after an error there is no file at `path`.

    `shape`: (width, height, bands, dtype). A GeoTIFF or COG is compressed with deflate and a predictor unless
    `creation_options` name another compression. For drivers that cannot write windows (PNG, JPEG, COG, ...) the writer
    makes a temporary GeoTIFF and converts it. `changed`: after the end, the keys of the metadata that differ in the
    file, because its format cannot hold them.
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
        self._options = with_defaults(driver, creation_options or {})
        self._width, self._height, self._count, self._dtype = shape
        if driver == "COG" and _has_namespaces(metadata) and GDALVersion.runtime().at_least("3.8"):
            self._options.setdefault("copy_src_mdd", "YES")
        self.changed: list[str] = []

    def __enter__(self) -> RasterWriter:
        self._check_driver()
        with ExitStack() as stack:
            self._output = AtomicPath(self.path, self._overwrite, SIDECARS)
            self._temporary = self._pixels_path = stack.enter_context(self._output)
            if not self._windowed:
                self._pixels_path = Path(tempfile.mkdtemp(dir=self._temporary.parent)) / "pixels.tif"
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
        problem = unfit(self._driver, self._count, self._dtype, alpha_bands(self._metadata))
        if problem:
            raise OutputError(f"cannot write {self.path}: a {self._driver} {problem}")

    def _create(self) -> DatasetWriter:
        options = {
            "tiled": True,
            **self._blocks(),
            "bigtiff": "IF_SAFER",
            "nodata": None if self._nodata_beside else self._nodata,
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
    def _nodata(self) -> float | None:
        """The nodata value, if possible as a value of the pixel type."""
        nodata = nodata_value(self._metadata)
        pixel = native(nodata, self._dtype)
        return nodata if pixel is None else float(pixel)

    @property
    def _windowed(self) -> bool:
        return self._driver == "GTiff"

    @property
    def _nodata_beside(self) -> bool:
        """Whether the nodata value is written beside the image. A PNG would hold one colour, which is invalid only if
        all bands have the nodata value.
        """
        return self._driver == "PNG" and self._count == 3 and "nodata" in self._metadata

    @property
    def _tags_beside(self) -> bool:
        """Whether the tags of bands are written beside the image. GDAL drops those of the default namespace if it
        copies the other namespaces to a COG.
        """
        tags = self._metadata.get("band_tags", [])
        return self._options.get("copy_src_mdd") == "YES" and any("" in namespaces for namespaces in tags)

    def _finish(self, kind: object, error: object, trace: object) -> None:
        """Close. On success, finish the temporary file, which AtomicPath then renames."""
        if kind is not None:
            self._dataset.close()
            return
        with self._report_errors():
            self._dataset.close()
            _remove_copy_of_imd(self._pixels_path)
            if not self._windowed:
                rasterio.shutil.copy(self._pixels_path, self._temporary, driver=self._driver, **self._options)
                shutil.rmtree(self._pixels_path.parent)
                _remove_copy_of_imd(self._temporary)
            if self._nodata_beside or self._tags_beside:
                self._write_beside()
            if not self._complete():
                self._output.check_space()
                raise OutputError(f"cannot write {self.path}: it was not written completely; the disk may be full")
            self.changed = self._find_changed()

    def _write_beside(self) -> None:
        """Add what the format cannot hold to the file `.aux.xml`, in which GDAL looks for it."""
        file = self._temporary.with_name(f"{self._temporary.name}.aux.xml")
        root = ElementTree.parse(file).getroot() if file.exists() else ElementTree.Element("PAMDataset")
        for band in range(1, self._count + 1):
            element = root.find(f"PAMRasterBand[@band='{band}']")
            if element is None:
                element = ElementTree.SubElement(root, "PAMRasterBand", band=str(band))
            if self._nodata_beside:
                ElementTree.SubElement(element, "NoDataValue").text = self._metadata["nodata"]
            if self._tags_beside:
                tags = ElementTree.SubElement(element, "Metadata")
                for key, value in self._metadata["band_tags"][band - 1].get("", {}).items():
                    ElementTree.SubElement(tags, "MDI", key=key).text = value
        ElementTree.ElementTree(root).write(file, encoding="utf-8")

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
                if written.count:  # netCDF has several bands as subdatasets
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

    def _find_changed(self) -> list[str]:
        wanted = self._metadata
        if "nodata" in wanted:
            wanted = {**wanted, "nodata": repr(self._nodata)}
        with rasterio.open(self._temporary) as written:
            return not_kept(wanted, read_metadata(written, written.indexes)) if written.count else []

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Turn GDAL's errors and its warnings about unknown creation options into OutputError.

        GDAL reports a full disk in many ways, but never by name.
        """
        complaints = OptionComplaints()
        try:
            with gdal(), complaints, public_errors():
                yield
        except (RasterioError, ValueError, SystemError) as error:
            self._output.check_space()
            raise OutputError(f"cannot write {self.path}: {cause(error)}") from error
        if complaints.found:
            raise OutputError(f"cannot write {self.path}: {complaints.found[0]}; see `creation_options`")


def _fitting(edge: int) -> int:
    """The edge of blocks, a multiple of 16: the smallest that needs no more blocks than an edge of BLOCK."""
    return -(-edge // (16 * -(-edge // BLOCK))) * 16


def _remove_copy_of_imd(image: Path) -> None:
    """Remove the file to which GDAL copies the tags IMD of a TIFF. It would read them, and one more tag, from there."""
    image.with_suffix(".IMD").unlink(missing_ok=True)


def _has_namespaces(metadata: Metadata) -> bool:
    return any(name for tags in (metadata.get("tags", {}), *metadata.get("band_tags", [])) for name in tags)
