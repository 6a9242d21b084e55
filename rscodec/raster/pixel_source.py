"""Where pixels come from: a file by windows, or an array in memory, behind the same few attributes.

A source has width, height, count, dtype, metadata, nodata, exact_bands, coded_bands, planes, files and
read(col, row, width, height) -> (pixels (count, h, w), class planes (P, h, w) or None); see raster.RasterReader.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.bitstreams.wire import DTYPES
from rscodec.raster.metadata import alpha_bands, nodata_value
from rscodec.raster.reader import RasterReader
from rscodec.raster.scene import Scene
from rscodec.raster.validity import check_nodata, classify


class SceneSource:
    """A scene in memory as a source."""

    files = ()

    def __init__(self, scene: Scene):
        pixels = scene.pixels
        if pixels.ndim != 3 or 0 in pixels.shape:
            raise InputError(f"an array of shape {pixels.shape} is no scene; give (bands, rows, columns)")
        if str(pixels.dtype) not in DTYPES.values():
            raise InputError(f"{pixels.dtype} pixels cannot be coded; convert to one of {', '.join(DTYPES.values())}")
        if len(pixels) > MAX_BANDS:
            raise InputError(f"the scene has {len(pixels)} bands; give at most {MAX_BANDS}, as (bands, rows, columns)")
        self.count, self.height, self.width = pixels.shape
        self.dtype = str(pixels.dtype)
        self.metadata = scene.metadata
        self.nodata = nodata_value(scene.metadata)
        check_nodata(self.nodata, self.dtype)
        self.exact_bands = alpha_bands(scene.metadata)
        self.coded_bands = tuple(band for band in range(self.count) if band not in self.exact_bands)
        self._pixels = pixels
        self._classes = scene.classes
        if self._classes is None and self.coded_bands:
            self._classes = classify(pixels[list(self.coded_bands)], self.nodata)
        if self._classes is None or not self._classes.any():
            self.planes = 0
        else:
            self.planes = 1 if (self._classes == self._classes[:1]).all() else 2

    def read(self, col: int, row: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        window = np.s_[:, row : row + height, col : col + width]
        if not self.planes:
            return self._pixels[window], None
        return self._pixels[window], self._classes[window] if self.planes == 2 else self._classes[window][:1]


@contextmanager
def open_source(scene, bands: tuple[int, ...] | None = None, nodata: float | None = None):
    """A source from a path, a Scene, or an array (rows, columns) or (bands, rows, columns)."""
    if isinstance(scene, (str, Path)):
        with RasterReader(scene, bands, nodata) as reader:
            yield reader
        return
    if not isinstance(scene, Scene):
        array = np.asarray(scene)
        scene = Scene(array[None] if array.ndim == 2 else array)
    if bands is not None or nodata is not None:
        raise InputError("bands and nodata go with a file; select them in the array, or set scene.metadata['nodata']")
    yield SceneSource(scene)
