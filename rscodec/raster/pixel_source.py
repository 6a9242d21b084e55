"""Sources of pixels with one interface: files that are read by windows, an array in memory, or a part of either.

RasterReader (a file)  RasterStack (several files)  SceneSource (an array)  SourcePart (a window of one of them)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.bitstreams.wire import DTYPES
from rscodec.raster.data_array import is_data_array, scene_of
from rscodec.raster.metadata import Metadata, alpha_bands, nodata_value
from rscodec.raster.reader import RasterReader, in_memory
from rscodec.raster.scene import Scene, needs_mask
from rscodec.raster.stack import RasterStack
from rscodec.raster.validity import check_nodata, classify, native
from rscodec.raster.window import Window

STRIP = 512  # rows that are classified at once


class PixelSource(Protocol):
    """Pixels of one type that are read by window, and their metadata.

    `exact_bands` (0-based): the alpha bands, which are stored losslessly. `coded_bands`: the others. `planes`: which
    class planes `read` returns, as in Radiometry: 0 none, 1 one for all coded bands, 2 one for each.
    """

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def metadata(self) -> Metadata: ...
    @property
    def nodata(self) -> float | None: ...
    @property
    def exact_bands(self) -> tuple[int, ...]: ...
    @property
    def coded_bands(self) -> tuple[int, ...]: ...
    @property
    def planes(self) -> int: ...

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (count,h,w) of a window, and classes uint8 (P,h,w) of the coded bands, or None if `planes` is 0."""


class SceneSource:
    """A scene in memory as a source."""

    files: Sequence[str] = ()  # an array has no files that the output could replace

    def __init__(self, scene: Scene):
        pixels = scene.pixels
        if not isinstance(pixels, np.ndarray):
            raise InputError(f"the pixels of a scene are an array of NumPy, not {type(pixels).__name__}")
        if pixels.ndim != 3 or 0 in pixels.shape:
            raise InputError(f"an array of shape {pixels.shape} is no scene; give (bands, rows, columns)")
        if str(pixels.dtype) not in DTYPES.values():
            raise InputError(f"{pixels.dtype} pixels cannot be coded; convert to one of {', '.join(DTYPES.values())}")
        if len(pixels) > MAX_BANDS:
            raise InputError(
                f"the scene has {len(pixels)} bands; give at most {MAX_BANDS}, as (bands, rows, columns): "
                "array.transpose(2, 0, 1) makes that of (rows, columns, bands)"
            )
        self.count, self.height, self.width = pixels.shape
        self.dtype = str(pixels.dtype)
        self.metadata = scene.metadata
        self.nodata = nodata_value(scene.metadata)
        check_nodata(self.nodata, self.dtype)
        self.exact_bands = alpha_bands(scene.metadata)
        self.coded_bands = tuple(band for band in range(self.count) if band not in self.exact_bands)
        self._pixels, self._mask = pixels, scene.dataset_mask
        if self.coded_bands and needs_mask(self.metadata, self.dtype) and not self._mask.all():
            self.metadata = cast(Metadata, {**self.metadata, "masked": True})
        self.planes = self._find_planes()

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        rows, cols = slice(window.row, window.bottom), slice(window.col, window.right)
        pixels = self._pixels[:, rows, cols]
        if not self.planes:
            return pixels, None
        classes = self._classify(pixels, self._mask[rows, cols])
        return pixels, classes if self.planes == 2 else classes[:1]

    def _classify(self, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The classes of the coded bands. They are those of the pixels as they are now; only the dataset mask is that
        of the scene's classes.
        """
        return classify(pixels[list(self.coded_bands)], self.nodata, mask if "masked" in self.metadata else None)

    def _find_planes(self) -> int:
        """The fewest planes that hold the classes, found strip by strip."""
        planes = 0
        for row in range(0, self.height if self.coded_bands else 0, STRIP):
            rows = slice(row, row + STRIP)
            classes = self._classify(self._pixels[:, rows], self._mask[rows])
            if classes.any():
                planes = max(planes, 1 if (classes == classes[:1]).all() else 2)
        return planes


class SourcePart:
    """A window of a source, as a source."""

    def __init__(self, source: PixelSource, window: Window):
        self._source, self.window = source, window
        self.width, self.height = window.width, window.height
        self.count, self.dtype = source.count, source.dtype
        self.metadata, self.nodata = source.metadata, source.nodata
        self.exact_bands, self.coded_bands, self.planes = source.exact_bands, source.coded_bands, source.planes

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        return self._source.read(window.moved(self.window.row, self.window.col))


def is_paths(scene: object) -> bool:
    """Whether a scene is given by several paths."""
    return (
        isinstance(scene, (list, tuple)) and bool(scene) and all(isinstance(one, (str, os.PathLike)) for one in scene)
    )


@contextmanager
def open_source(
    scene: Any, bands: tuple[int, ...] | None = None, nodata: float | None = None
) -> Iterator[RasterReader | RasterStack | SceneSource]:
    """A source from an image (its path, paths of images with its bands, its bytes, or a binary file), from a Scene, a
    DataArray, or an array (rows, columns) or (bands, rows, columns).
    """
    if isinstance(scene, (str, os.PathLike)):
        with RasterReader(scene, bands, nodata) as reader:
            yield reader
        return
    if is_paths(scene):
        if bands is not None:
            raise InputError("`bands` are those of one file: name the files in the order of their bands")
        with RasterStack(scene, nodata) as stack:
            yield stack
        return
    if isinstance(scene, (bytes, bytearray, memoryview)) or hasattr(scene, "read"):
        with in_memory(scene) as name, RasterReader(name, bands, nodata) as reader:
            yield reader
        return
    scene = _as_scene(scene)
    if bands is not None or nodata is not None:
        raise InputError(
            "`bands` and `nodata` apply to files; select bands in the array, or set scene.metadata['nodata']"
        )
    yield SceneSource(scene)


def _as_scene(scene: Any) -> Scene:
    """A Scene of what is in memory."""
    if isinstance(scene, Scene):
        return scene
    if is_data_array(scene):
        return scene_of(scene)
    if isinstance(scene, np.ma.MaskedArray) and np.any(scene.mask):
        return _of_masked(scene)
    try:
        array = np.asarray(scene)
    except ValueError:  # lists of different lengths
        array = np.array(None)
    if array.dtype.kind not in "biufc" or isinstance(scene, (bool, int, float)):
        raise InputError(
            "a scene is an array, a DataArray, a Scene, or an image as a path, bytes or a binary file, "
            f"not {type(scene).__name__}"
        )
    return Scene(array[None] if array.ndim == 2 else array)


def _of_masked(array: Any) -> Scene:
    """The scene of a masked array. Its fill value becomes the nodata value."""
    nodata = array.fill_value
    if array.dtype.kind in "iu" and native(float(nodata), array.dtype) is None:  # NumPy's default is 999999
        raise InputError(f"{array.dtype.name} cannot hold the fill value {nodata}; set array.fill_value to another one")
    if (array.compressed() == nodata).any():
        raise InputError(f"valid pixels equal the fill value {nodata}; set array.fill_value to another value")
    pixels = array.filled()
    return Scene(pixels[None] if pixels.ndim == 2 else pixels, metadata={"nodata": repr(float(nodata))})
