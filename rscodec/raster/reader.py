"""The only module that reads scenes from images. It reads by window, so memory does not grow with the scene.

RasterReader(path).read(window) -> pixels (B,h,w), classes (P,h,w)            whatever GDAL can read
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from numbers import Integral, Real
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window as GdalWindow

from rscodec.bitstreams.errors import InputError, check_path
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.bitstreams.wire import DTYPES, MAGIC
from rscodec.raster.gdal import cause, gdal
from rscodec.raster.metadata import alpha_bands, nodata_value, read_metadata
from rscodec.raster.validity import check_nodata, classify, native
from rscodec.raster.window import Window


class RasterReader:
    """An image as a PixelSource: one dtype, windows with pixel classes, all metadata. A context manager.

    `bands`: the bands to use, counted from 1, None for all. `nodata` replaces the nodata value of the file. Raises
    InputError for images that cannot be coded.
    """

    def __init__(self, path: str | os.PathLike, bands: tuple[int, ...] | None = None, nodata: float | None = None):
        self.path = path
        self._dataset = _open(path)
        try:
            self._bands = self._check(bands)
            self.width, self.height, self.count = self._dataset.width, self._dataset.height, len(self._bands)
            self._whole = Window(0, 0, self.width, self.height)
            self.dtype = self._dataset.dtypes[self._bands[0] - 1]
            with gdal():
                self.metadata = read_metadata(self._dataset, self._bands)
            if nodata is not None:
                self._override_nodata(nodata)
            self.nodata = nodata_value(self.metadata)
            self._check_nodata()
            if "masked" in self.metadata and not self.coded_bands:
                raise InputError(
                    f"only alpha of {path} is chosen, but its mask goes with other bands: "
                    "choose one of these, too, with `bands`"
                )
        except BaseException as error:
            self.close()
            if isinstance(error, UnicodeDecodeError):
                raise InputError(
                    f"{path} has a text that is not UTF-8, {error.object!r:.80}: convert its header to UTF-8"
                ) from None
            raise

    @property
    def files(self) -> list[str]:
        """The files on disk that the image consists of, including those of nested VRTs; for an archive, the archive."""
        names, found = [str(self.path), *self._dataset.files], []
        for name in names:
            found += [file for file in _on_disk(name) if file not in found]
            if Path(name).suffix.lower() == ".vrt" and name != str(self.path):
                with suppress(InputError), _open(name) as nested:
                    names += [inner for inner in nested.files if inner not in names]
        return found

    @property
    def exact_bands(self) -> tuple[int, ...]:
        """Indices (0-based) of the alpha bands, which are stored losslessly."""
        return alpha_bands(self.metadata)

    @property
    def coded_bands(self) -> tuple[int, ...]:
        return tuple(band for band in range(self.count) if band not in self.exact_bands)

    @property
    def planes(self) -> int:
        """Class planes, as in Radiometry: 0 none (all valid), 1 one for all coded bands, 2 one for each."""
        by_value = self.nodata is not None or self.dtype.startswith("float")
        if by_value and self.coded_bands:
            return 1 if len(self.coded_bands) == 1 else 2
        return 1 if "masked" in self.metadata and self.coded_bands else 0

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (count,h,w) of a window, and classes uint8 (P,h,w) of the coded bands, or None if `planes` is 0."""
        where = f"window {' '.join(map(str, window))} of {self.path}"
        if window.width < 1 or window.height < 1 or window.overlap(self._whole) != window:
            raise InputError(f"{where} is not inside its {self.width}x{self.height} pixels")
        within, mask = GdalWindow(*window), None
        try:
            with gdal():
                pixels = self._dataset.read(self._bands, window=within)
                if "masked" in self.metadata:
                    mask = self._dataset.read_masks(self._bands[self.coded_bands[0]], window=within)
        except RasterioError as error:
            raise InputError(f"cannot read {where}: {cause(error)}") from error
        if not self.planes:
            return pixels, None
        try:
            classes = classify(pixels[list(self.coded_bands)], self.nodata, mask)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None
        return pixels, classes if self.planes == 2 else classes[:1]

    def close(self) -> None:
        self._dataset.close()

    def __enter__(self) -> RasterReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, bands: tuple[int, ...] | None) -> tuple[int, ...]:
        """The bands to read. Raises InputError for everything that makes them unreadable."""
        dataset, path = self._dataset, self.path
        if dataset.count == 0:
            parts = ", ".join(dataset.subdatasets[:3]) or "none"
            raise InputError(f"{path} has no bands of its own: name one of its subdatasets ({parts})")
        bands = tuple(dataset.indexes) if bands is None else _numbers(bands)
        missing = [band for band in bands if band not in dataset.indexes]
        if missing or not bands or len(set(bands)) != len(bands):
            chosen = _listed(bands) or "none"
            raise InputError(f"{path} has bands 1 to {dataset.count}, not {chosen}: choose some of them, each once")
        if len(bands) > MAX_BANDS:
            raise InputError(f"{path} has {len(bands)} bands: choose at most {MAX_BANDS} with `bands`")
        dtypes = sorted({dataset.dtypes[band - 1] for band in bands})
        if len(dtypes) > 1:
            raise InputError(f"{path} mixes {', '.join(dtypes)}: choose bands of one type with `bands`")
        if dtypes[0] not in DTYPES.values():
            raise InputError(f"{path} has {dtypes[0]} pixels: convert to one of {', '.join(DTYPES.values())}")
        for band in bands:
            flags = dataset.mask_flag_enums[band - 1]
            if dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") == "1":
                raise InputError(f"band {band} of {path} has one bit per pixel: use gdal_translate -expand gray")
            if dataset.colorinterp[band - 1] == ColorInterp.palette:
                raise InputError(f"band {band} of {path} is a palette: use gdal_translate -expand rgb")
            if not flags:
                raise InputError(f"band {band} of {path} has a mask of its own: turn it into nodata pixels")
            if {MaskFlags.per_dataset, MaskFlags.nodata} <= set(flags):
                raise InputError(f"{path} has nodata of all bands together (NODATA_VALUES): turn it into a mask")
        if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
            top = np.iinfo(dtypes[0]).max if np.issubdtype(dtypes[0], np.integer) else 1
            raise InputError(
                f"0 is white in {path} (MINISWHITE), and would be black in the output: "
                f"use gdal_translate -scale_1 0 {top} {top} 0"
            )
        if dataset.gcps[0] and not dataset.transform.is_identity:
            raise InputError(f"{path} has both GCPs and a geotransform, of which a GeoTIFF keeps one: remove one")
        nodata = [dataset.nodatavals[band - 1] for band in bands]
        if len(set(map(repr, nodata))) > 1:
            raise InputError(f"the bands of {path} differ in nodata ({_listed(nodata)}): choose some with `bands`")
        return bands

    def _check_nodata(self) -> None:
        try:
            check_nodata(self.nodata, self.dtype)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None

    def _override_nodata(self, nodata: float) -> None:
        if not isinstance(nodata, Real) or isinstance(nodata, bool):
            raise InputError(f"`nodata={nodata!r:.80}`: give a number")
        if native(nodata, self.dtype) is None:
            raise InputError(f"nodata {nodata} is not a possible {self.dtype} value of {self.path}")
        self.metadata["nodata"] = repr(float(nodata))


IN_MEMORY = "/vsimem/"  # the start of GDAL's names for bytes in memory


def is_stream(path: str | os.PathLike) -> bool:
    """Whether this is a stream of rscodec, and not an image."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@contextmanager
def in_memory(image: bytes | BinaryIO) -> Iterator[str]:
    """A name under which GDAL reads the bytes of an image, or an open binary file."""
    data = image if isinstance(image, (bytes, bytearray, memoryview)) else image.read()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError("the file is open as text; open it with mode 'rb'")
    if bytes(data[: len(MAGIC)]) == MAGIC:
        raise InputError("the bytes are compressed already, no image: give the image, or decode them first")
    with gdal(), MemoryFile(bytes(data)) as file:
        yield file.name


def _open(path: str | os.PathLike) -> DatasetReader:
    check_path(path, "an image")
    if str(path) == "-":
        raise InputError("standard input cannot be read: save the image in a file, and name that")
    try:
        with gdal():
            return rasterio.open(path)
    except UnicodeEncodeError:
        raise InputError(f"the name of the file {os.fsencode(path)!r} is not UTF-8: rename the file") from None
    except RasterioError as error:
        local = Path(path)
        if local.is_dir():
            raise InputError(
                f"{path} is a folder: name an image in it, or take all of them with `rscodec batch`"
            ) from error
        if local.is_file() and local.stat().st_size == 0:
            raise InputError(f"{path} is empty") from error
        if is_stream(path):
            raise InputError(f"{path} is compressed already, no image: give the image, or decode it first") from error
        reason = cause(error).removeprefix(f"'{path}' ").removeprefix(f"{path}: ")
        if str(path).startswith(IN_MEMORY):
            raise InputError(f"the bytes are not an image that GDAL can open: {reason}") from error
        if local.is_file():
            raise InputError(f"{path} is not an image that GDAL can open: {reason}") from error
        raise InputError(f"no such image: {path} ({reason})") from error


def _on_disk(name: str) -> list[str]:
    """The file on disk that contains this GDAL name: a.zip for /vsizip/a.zip/b.tif."""
    inner = re.sub(r"^(/vsi[a-z0-9]+/|[a-z]+\+?[a-z]*://)+", "", name).replace("{", "").replace("}", "")
    places = [name] if inner == name else [inner, *map(str, Path(inner.replace("!", "/")).parents)]
    return [place for place in places if os.path.isfile(place)]


def _numbers(bands: Any) -> tuple[int, ...]:
    """The numbers of bands. Raises InputError for anything else."""
    found = tuple(bands) if isinstance(bands, Iterable) else (None,)
    if not all(isinstance(band, Integral) and not isinstance(band, bool) for band in found):
        raise InputError(f"bands are whole numbers from 1 on, such as (3, 2, 1), not {bands!r:.80}")
    return found


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
