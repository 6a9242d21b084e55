"""The raster that a stream is compared with, as blocks of pixels, because a browser cannot open a GeoTIFF.

block (factor, row, col)  EDGE x EDGE pixels of the raster made `factor` times smaller; twice this edge if factor is 1
its bytes                 bands, then class planes, little endian, row by row
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rscodec.raster.dtypes import to_dtype
from rscodec.raster.reader import RasterReader
from rscodec.raster.validity import MASKED, VALID, native
from rscodec.raster.window import Window

EDGE = 256  # edge of a block, as in page/layers.js
COARSEST = 64
STRIP_PIXELS = 2**22  # pixels that are read at once


class Original:
    """An open raster that gives its blocks. Several threads may share it; they take turns. `nodata` replaces the nodata
    value of the file, if the type of the file can hold it.
    """

    def __init__(self, path: str | Path, bands: tuple[int, ...] | None = None, nodata: float | None = None):
        self._reader, self._lock = RasterReader(path, bands), threading.Lock()
        if native(nodata, self._reader.dtype) is not None:
            self._reader.close()
            self._reader = RasterReader(path, bands, nodata)
        self.width, self.height = self._reader.width, self._reader.height

    def describe(self) -> dict:
        """Return what the page needs to know."""
        reader = self._reader
        return {
            "name": Path(reader.path).name,
            "width": reader.width,
            "height": reader.height,
            "bands": reader.count,
            "dtype": reader.dtype,
            "coded": list(reader.coded_bands),
            "planes": (0, min(1, len(reader.coded_bands)), len(reader.coded_bands))[reader.planes],
            "metadata": json.loads(json.dumps(reader.metadata), parse_constant=str),  # JSON has no NaN: it becomes text
        }

    def blocks(self) -> Iterator[tuple[int, int, int]]:
        """Yield (factor, row, col) of every block."""
        factor = 1
        while factor <= COARSEST:
            edge = _edge(factor)
            for row in range(-(-self.height // edge)):
                for col in range(-(-self.width // edge)):
                    yield factor, row, col
            factor *= 2

    def block(self, factor: int, row: int, col: int) -> bytes | None:
        """Return the bytes of a block, or None if there is no such block."""
        edge, scene = _edge(factor), Window(0, 0, self.width, self.height)
        known = factor in {2**n for n in range(COARSEST.bit_length())} and row >= 0 and col >= 0
        window = Window(col * edge, row * edge, edge, edge).overlap(scene)
        if not known or window.width < 1 or window.height < 1:
            return None
        height = max(1, STRIP_PIXELS // (window.width * factor)) * factor
        strips = [
            Window(window.col, top, window.width, min(height, window.bottom - top))
            for top in range(window.row, window.bottom, height)
        ]
        with self._lock:
            parts = [self._averaged(strip, factor) for strip in strips]
        planes = [np.concatenate(one, 1) for one in zip(*parts, strict=True)]
        return b"".join(plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes() for plane in planes)

    def close(self) -> None:
        self._reader.close()

    def _averaged(self, window: Window, factor: int) -> tuple[np.ndarray, ...]:
        """Return the pixels and classes, if there are any, of a window made `factor` times smaller."""
        reader = self._reader
        pixels, classes = reader.read(window)
        if factor == 1:
            return (pixels,) if classes is None else (pixels, classes)
        valid = np.ones(pixels.shape, bool)
        if classes is not None:
            valid[list(reader.coded_bands)] = classes == VALID
        count = _fold(valid, factor)
        values = _fold(np.where(valid, pixels, 0), factor) / np.maximum(count, 1)
        small = np.where(count > 0, to_dtype(values, reader.dtype), native(reader.nodata, reader.dtype) or 0)
        small = small.astype(reader.dtype)
        if classes is None:
            return (small,)
        votes = np.stack([_fold(classes == kind, factor) for kind in range(MASKED + 1)])
        return small, votes.argmax(0).astype(np.uint8)


def _edge(factor: int) -> int:
    """Return the edge of a block in pixels of the raster."""
    return EDGE * max(2, factor)


def _fold(values: np.ndarray, factor: int) -> np.ndarray:
    """Return the sums over squares of `factor` x `factor`. The first square begins at the corner."""
    for axis in (-2, -1):
        starts = np.arange(0, values.shape[axis], factor)
        values = np.add.reduceat(values, starts, axis, dtype=np.float64)
    return values
