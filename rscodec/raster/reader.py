"""The one file that opens images. Everything goes by window, so memory does not depend on the scene.

    RasterReader(path).read(col, row, w, h) -> pixels (B,h,w), classes (P,h,w)    whatever GDAL can read
    RasterWriter(path, ...).write(pixels, col, row)                               whatever GDAL can write

A writer works on a temporary file beside its target and renames it at the end (bitstreams/atomic.py).
"""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Interleaving, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.bitstreams.wire import DTYPES, MAGIC
from rscodec.raster.metadata import alpha_bands, nodata_value, read_metadata, write_metadata
from rscodec.raster.validity import check_nodata, classify, native

CACHE_BYTES = 64 * 2**20  # of GDAL's blocks
BLOCK = 512
DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jp2": "JP2OpenJPEG"}
PNG_DTYPES, PNG_BANDS = ("uint8", "uint16"), 4
TRUE = ("yes", "true", "on", "1")
COG_RESAMPLES = ("tiling_scheme", "target_srs", "res", "extent")
SIDECARS = (".aux.xml", ".msk", ".ovr")  # what GDAL would read together with the file


class RasterReader:
    """An image as the codec wants it: one dtype, windows with pixel classes, all metadata. A context manager.

    bands: 1-based numbers of the bands to use, None for all. nodata: overrides the value that the file names.
    Raises InputError, in words a user understands, for whatever cannot be coded.
    """

    def __init__(self, path, bands: tuple[int, ...] | None = None, nodata: float | None = None):
        self.path = path
        self._dataset = _open(path)
        try:
            self._bands = self._check(bands)
            self.width, self.height, self.count = self._dataset.width, self._dataset.height, len(self._bands)
            self.dtype = self._dataset.dtypes[self._bands[0] - 1]
            with _gdal():
                self.metadata = read_metadata(self._dataset, self._bands)
            if nodata is not None:
                self._override_nodata(nodata)
            self.nodata = nodata_value(self.metadata)
            self._check_nodata()
            if "masked" in self.metadata and not self.coded_bands:
                raise InputError(f"only alpha of {path} is chosen, but its mask goes with other bands: "
                                 "choose one of these, too, with --bands")  # fmt: skip
        except BaseException:
            self.close()
            raise

    @property
    def files(self) -> list[str]:
        """The files on disk that the image consists of, those of a VRT in a VRT too; of one in an archive, the archive.
        """
        names, found = [str(self.path), *self._dataset.files], []
        for name in names:
            found += [file for file in _on_disk(name) if file not in found]
            if Path(name).suffix.lower() == ".vrt" and name != str(self.path):
                with suppress(InputError), _open(name) as nested:
                    names += [inner for inner in nested.files if inner not in names]
        return found

    @property
    def exact_bands(self) -> tuple[int, ...]:
        """Indices (0-based) of the bands to keep losslessly: alpha."""
        return alpha_bands(self.metadata)

    @property
    def coded_bands(self) -> tuple[int, ...]:
        return tuple(band for band in range(self.count) if band not in self.exact_bands)

    @property
    def planes(self) -> int:
        """Class planes as in Radiometry: 0 all valid, 1 shared by all coded bands, 2 one for each."""
        by_value = self.nodata is not None or self.dtype.startswith("float")
        if by_value and self.coded_bands:
            return 1 if len(self.coded_bands) == 1 else 2
        return 1 if "masked" in self.metadata and self.coded_bands else 0

    def read(self, col: int, row: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        """A window -> pixels (count,h,w), classes uint8 (P,h,w) of the coded bands, None if `planes` is 0."""
        inside = 0 <= col < col + width <= self.width and 0 <= row < row + height <= self.height
        where = f"window {col} {row} {width} {height} of {self.path}"
        if not inside:
            raise InputError(f"{where} is not inside its {self.width}x{self.height} pixels")
        window = Window(col, row, width, height)
        mask = None
        try:
            with _gdal():
                pixels = self._dataset.read(self._bands, window=window)
                if "masked" in self.metadata:
                    mask = self._dataset.read_masks(self._bands[self.coded_bands[0]], window=window)
        except RasterioError as error:
            raise InputError(f"cannot read {where}: {_cause(error)}") from error
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

    def __exit__(self, *exception) -> None:
        self.close()

    def _check(self, bands: tuple[int, ...] | None) -> tuple[int, ...]:
        """The bands to read, after a look at everything that would make them unreadable."""
        dataset, path = self._dataset, self.path
        if dataset.count == 0:
            parts = ", ".join(dataset.subdatasets[:3]) or "none"
            raise InputError(f"{path} has no bands of its own: name one of its subdatasets ({parts})")
        bands = tuple(dataset.indexes) if bands is None else tuple(bands)
        missing = [band for band in bands if band not in dataset.indexes]
        if missing or not bands or len(set(bands)) != len(bands):
            chosen = _listed(bands) or "none"
            raise InputError(f"{path} has bands 1 to {dataset.count}, not {chosen}: name some of them, each once")
        if len(bands) > MAX_BANDS:
            raise InputError(f"{path} has {len(bands)} bands: choose at most {MAX_BANDS} with --bands")
        dtypes = sorted({dataset.dtypes[band - 1] for band in bands})
        if len(dtypes) > 1:
            raise InputError(f"{path} mixes {', '.join(dtypes)}: choose bands of one type with --bands")
        if dtypes[0] not in DTYPES.values():
            raise InputError(f"{path} has {dtypes[0]} pixels: convert to one of {', '.join(DTYPES.values())}")
        for band in bands:
            flags = dataset.mask_flag_enums[band - 1]
            if dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") == "1":
                raise InputError(f"band {band} of {path} has one bit a pixel: use gdal_translate -expand gray")
            if dataset.colorinterp[band - 1] == ColorInterp.palette:
                raise InputError(f"band {band} of {path} is a palette: use gdal_translate -expand rgb")
            if not flags:
                raise InputError(f"band {band} of {path} has a mask of its own: turn it into nodata pixels")
            if {MaskFlags.per_dataset, MaskFlags.nodata} <= set(flags):
                raise InputError(f"{path} has nodata of all bands together (NODATA_VALUES): turn it into a mask")
        if dataset.gcps[0] and not dataset.transform.is_identity:
            raise InputError(f"{path} has both GCPs and a geotransform, of which a GeoTIFF keeps one: take one away")
        nodata = [dataset.nodatavals[band - 1] for band in bands]
        if len(set(map(repr, nodata))) > 1:
            raise InputError(f"the bands of {path} differ in nodata ({_listed(nodata)}): choose some with --bands")
        return bands

    def _check_nodata(self) -> None:
        try:
            check_nodata(self.nodata, self.dtype)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None

    def _override_nodata(self, nodata: float) -> None:
        if native(nodata, self.dtype) is None:
            raise InputError(f"nodata {nodata} is no possible {self.dtype} pixel of {self.path}")
        self.metadata["nodata"] = repr(float(nodata))


class RasterWriter:
    """A new image, written window by window. A context manager: at `path` on success, gone on failure.

    A GeoTIFF is deflated unless `creation_options` say how it is to be compressed.
    Drivers that cannot write windows (PNG, JPEG, COG, ...) are fed from a temporary GeoTIFF.
    """

    def __init__(
        self,
        path,
        width: int,
        height: int,
        count: int,
        dtype: str,
        metadata: dict,
        driver: str = "GTiff",
        creation_options: dict | None = None,
        overwrite: bool = False,
    ):
        self.path = Path(path)
        self._metadata, self._driver, self._overwrite = metadata, driver, overwrite
        self._options = {key.lower(): value for key, value in (creation_options or {}).items()}
        if driver == "COG":  # GDAL's cubic overviews overshoot, and spread NaN
            self._options.setdefault("overview_resampling", self._options.get("resampling", "AVERAGE"))
        self._shape = {"width": width, "height": height, "count": count, "dtype": dtype}

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
        """pixels (B,h,w) to the window whose upper left corner is at (col, row)."""
        with self._report_errors():
            self._dataset.write(pixels, window=Window(col, row, pixels.shape[2], pixels.shape[1]))

    def write_mask(self, mask: np.ndarray, col: int, row: int) -> None:
        """mask (h,w), nonzero where valid, to the dataset mask."""
        with self._report_errors():
            self._dataset.write_mask(mask != 0, window=Window(col, row, mask.shape[1], mask.shape[0]))

    def __exit__(self, *exception) -> None:
        self._stack.__exit__(*exception)

    def _check_driver(self) -> None:
        """Raise OutputError where it is plain already that the format cannot hold the image."""
        with rasterio.Env() as environment:
            if self._driver not in environment.drivers():
                raise OutputError(f"cannot write {self.path}: GDAL has no driver {self._driver}")
        count, dtype = self._shape["count"], self._shape["dtype"]
        problem = None
        if self._driver == "PNG" and dtype not in PNG_DTYPES:
            problem = f"holds {' or '.join(PNG_DTYPES)}, not {dtype}: write a GeoTIFF (.tif)"
        elif self._driver == "PNG" and count > PNG_BANDS:
            problem = f"has at most {PNG_BANDS} bands, not {count}: choose with --bands 1-3, or write a GeoTIFF (.tif)"
        elif self._driver == "PNG" and count in (2, 4) and count - 1 not in alpha_bands(self._metadata):
            fewer = "1-3" if count == 4 else "1"
            problem = (f"would take band {count} for alpha, which it is not: choose with --bands {fewer}, "
                       "or write a GeoTIFF (.tif)")  # fmt: skip
        if problem:
            raise OutputError(f"cannot write {self.path}: a PNG {problem}")

    def _create(self):
        nodata = nodata_value(self._metadata)
        pixel = native(nodata, self._shape["dtype"])
        options = {
            "tiled": True,
            **self._blocks(),
            "bigtiff": "IF_SAFER",
            "nodata": nodata if pixel is None else pixel,
            **(self._compression() | self._options if self._windowed else {}),
            **self._shape,
        }
        return rasterio.open(self._pixels_path, "w", driver="GTiff", **options)

    def _compression(self) -> dict:
        """Lossless, readable for every GDAL, and at a level that costs little time."""
        if "compress" in self._options:
            return {}
        integer = np.issubdtype(self._shape["dtype"], np.integer)
        return {"compress": "deflate", "zlevel": 1, "predictor": 2 if integer else 3}

    def _blocks(self) -> dict:
        """Blocks of BLOCK pixels, as tiles have by default; in a scene that the cache can hold, blocks that fit it."""
        width, height = self._shape["width"], self._shape["height"]
        if width * height * self._shape["count"] * np.dtype(self._shape["dtype"]).itemsize > CACHE_BYTES // 2:
            width, height = min(width, BLOCK), min(height, BLOCK)
        return {"blockxsize": _fitting(width), "blockysize": _fitting(height)}

    @property
    def _windowed(self) -> bool:
        return self._driver == "GTiff"

    @property
    def _pixels_path(self) -> Path:
        suffix = "" if self._windowed else ".pixels"
        return self._temporary.with_name(self._temporary.name + suffix)

    def _finish(self, kind, error, trace) -> None:
        """Close, and on success finish the temporary file, which AtomicPath then renames."""
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
                raise OutputError(f"cannot write {self.path}: not all of it reached the disk, which may be full")

    def _complete(self) -> bool:
        """Whether every block is in the file: GDAL keeps silent about a disk that is full when it closes a TIFF."""
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
    def _report_errors(self):
        """Turn what GDAL raises into an OutputError, and what it says of creation options that it does not know.

        It tells of a full disk in many ways, none of which names it.
        """
        complaints = _OptionComplaints()
        try:
            with _gdal(), complaints:
                yield
        except (RasterioError, CPLE_BaseError, ValueError) as error:
            self._output.check_space()
            raise OutputError(f"cannot write {self.path}: {_cause(error)}") from error
        if complaints.found:
            raise OutputError(f"cannot write {self.path}: {complaints.found[0]}; see --co")


def is_stream(path) -> bool:
    """Is this a file that rscodec compressed, rather than an image?"""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def driver_for(path) -> str:
    """The GDAL driver for a file name's suffix; GTiff for those not known."""
    return DRIVERS.get(Path(path).suffix.lower(), "GTiff")


def lossy_option(driver: str, options: dict) -> str:
    """What changes pixels once more when they are written so; nothing where nothing does."""
    given = {key.lower(): str(value) for key, value in options.items()}

    def on(key: str, default: str = "no") -> bool:
        return given.get(key, default).lower() in TRUE

    if driver == "JPEG":
        return driver
    if driver == "COG":
        moving = next((key for key in COG_RESAMPLES if given.get(key, "custom").lower() != "custom"), None)
        if moving:
            return f"{moving.upper()}={given[moving]}"
    if driver == "JP2OpenJPEG":
        lossless = on("reversible") and given.get("quality") == "100" and not on("ycbcr420")
        return "" if lossless else "JP2OpenJPEG without REVERSIBLE=YES and QUALITY=100"
    compression = given.get("compress", "").lower()
    loses = {
        "jpeg": True,
        "webp": not on("webp_lossless"),
        "jxl": not on("jxl_lossless", "yes"),
    }.get(compression, compression.startswith("lerc") and given.get("max_z_error", "0").strip("0.") != "")
    if loses:
        return f"COMPRESS={given['compress']}"
    return next((f"{key.upper()}={given[key]}" for key in ("discard_lsb", "nbits") if key in given), "")


class _OptionComplaints(logging.Handler):
    """While it is entered, gathers GDAL's warnings about creation options: a misspelt one is otherwise ignored."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "creation option" in record.getMessage():
            self.found.append(re.sub(r"CPLE_\w+ in ", "", record.getMessage()))

    def __enter__(self) -> None:
        logging.getLogger("rasterio._env").addHandler(self)

    def __exit__(self, *exception) -> None:
        logging.getLogger("rasterio._env").removeHandler(self)


class _Silence:
    """No word about images without georeference. The filters of `warnings` are those of all threads: the first thread
    that comes in sets them, and the last one that leaves puts them back.
    """

    def __init__(self):
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._inside += 1

    def __exit__(self, *exception) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._before.__exit__(*exception)


_silence = _Silence()


@contextmanager
def _gdal():
    """GDAL with a bounded block cache, masks inside TIFFs, and no word about images without georeference."""
    options = {"GDAL_CACHEMAX": CACHE_BYTES, "GDAL_TIFF_INTERNAL_MASK": True}
    with _silence, rasterio.Env(**options):
        yield


def _open(path):
    if str(path) == "-":
        raise InputError("standard input cannot be read: save the image in a file, and name that")
    try:
        with _gdal():
            return rasterio.open(path)
    except RasterioError as error:
        local = Path(path)
        if local.is_dir():
            raise InputError(f"{path} is a folder: name an image in it") from error
        if local.is_file() and local.stat().st_size == 0:
            raise InputError(f"{path} is empty") from error
        if is_stream(path):
            raise InputError(f"{path} is compressed already, no image: give the image, or decode it first") from error
        cause = _cause(error).removeprefix(f"'{path}' ").removeprefix(f"{path}: ")
        if local.is_file():
            raise InputError(f"{path} is not an image that GDAL can open: {cause}") from error
        raise InputError(f"no such image: {path} ({cause})") from error


def _on_disk(name: str) -> list[str]:
    """A name as GDAL knows it, or the file in which it lies: /vsizip/a.zip/b.tif is in a.zip."""
    inner = re.sub(r"^(/vsi[a-z0-9]+/|[a-z]+\+?[a-z]*://)+", "", name).replace("{", "").replace("}", "")
    places = [name] if inner == name else [inner, *map(str, Path(inner.replace("!", "/")).parents)]
    return [place for place in places if os.path.isfile(place)]


def _cause(error: BaseException) -> str:
    """The innermost message, on one line: GDAL's own words rather than 'see previous exception'."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())


def _listed(values) -> str:
    return ", ".join(map(str, values))


def _fitting(edge: int) -> int:
    """The edge of blocks, a multiple of 16: as few as blocks of BLOCK would be, and no larger than they need to be."""
    return -(-edge // (16 * -(-edge // BLOCK))) * 16
