"""An interpolated picture at a larger size. An upsampler adds detail to its colour bands; other bands stay
interpolated.

    red, infrared, ...   bicubic; linear between the valid neighbours if some of the sixteen are invalid
    alpha, validity      those of the nearest pixel
    units                those of the source

It is read window by window. A pixel is the same in every window.
"""

from __future__ import annotations

import numpy as np

from rscodec.generative.picture import PIECE, Picture
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.metadata import scale_metadata
from rscodec.raster.resample import Taps, centres, linear
from rscodec.raster.validity import VALID, protect_nodata
from rscodec.raster.window import Window
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry


class InterpolatedPicture:
    """A picture at the same or a larger size."""

    def __init__(self, picture: Picture, width: int, height: int):
        self._picture, self._grid = picture, Grid(width, height, PIECE, 1)
        self._source, self.scene = picture.scene, self._grid.scene
        self.metadata = scale_metadata(picture.metadata, self._source.width / width, self._source.height / height)
        self.nodata, self.colours, self.coded = picture.nodata, picture.colours, picture.coded
        self.dtype = picture.dtype

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        source = self._source
        at_rows, at_cols = self._centres(window)
        rows, cols = Taps.at(at_rows, source.height), Taps.at(at_cols, source.width)
        (top, bottom), (left, right) = rows.span, cols.span
        below = Window(left, top, right - left, bottom - top)
        pixels, classes = self._picture.read(below)
        nearest = np.ix_(_nearest(at_rows, source.height) - top, _nearest(at_cols, source.width) - left)
        found = pixels[(slice(None), *nearest)]
        coded, damage = list(self.coded), self._picture.damage(below)
        holes = damage[None]
        if classes is not None:
            holes = holes | (classes != VALID)
            classes = classes[(slice(None), *nearest)]
        if coded:
            values = np.where(holes, 0, pixels[coded]).astype(np.float64)
            smooth = cols.along(rows.along(values, 1, top), 2, left)
            if holes.any():
                smooth = _between_valid(smooth, values, holes, (rows, cols), (at_rows, at_cols), below, source)
            smooth = protect_nodata(to_dtype(smooth, pixels.dtype), classes, self.nodata)
            found[coded] = np.where(damage[nearest], found[coded], smooth)
        return found, classes

    def pieces(self, window: Window) -> list[Window]:
        return self._grid.pieces(window)

    def units(self, bands: tuple[int, ...]) -> Radiometry:
        return self._picture.units(bands)

    def damage(self, window: Window) -> np.ndarray:
        at_rows, at_cols = self._centres(window)
        rows, cols = _nearest(at_rows, self._source.height), _nearest(at_cols, self._source.width)
        below = Window(cols[0], rows[0], cols[-1] + 1 - cols[0], rows[-1] + 1 - rows[0])
        return self._picture.damage(below)[np.ix_(rows - rows[0], cols - cols[0])]

    def _centres(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The centres of a window's rows and columns in the original picture."""
        source, scene = self._source, self.scene
        return (
            centres(window.row, window.bottom, source.height, scene.height),
            centres(window.col, window.right, source.width, scene.width),
        )


def _nearest(coordinates: np.ndarray, length: int) -> np.ndarray:
    return np.floor(coordinates + 0.5).astype(np.int64).clip(0, length - 1)


def _between_valid(
    smooth: np.ndarray,
    values: np.ndarray,
    holes: np.ndarray,
    taps: tuple[Taps, Taps],
    at: tuple[np.ndarray, np.ndarray],
    below: Window,
    source: Window,
) -> np.ndarray:
    """`smooth`, with linear interpolation where taps touch a hole. The nearest pixel has at least a quarter of the
    weight, so the interpolation exists wherever that pixel is valid.
    """
    (rows, cols), (top, left) = taps, (below.row, below.col)
    some = Taps(rows.index, (rows.weight != 0) * 1.0), Taps(cols.index, (cols.weight != 0) * 1.0)
    near = Taps.at(at[0], source.height, linear), Taps.at(at[1], source.width, linear)

    def through(pair: tuple[Taps, Taps], array: np.ndarray) -> np.ndarray:
        return pair[1].along(pair[0].along(array, 1, top), 2, left)

    weight = through(near, 1.0 - holes)
    mean = through(near, values) / np.where(weight > 0, weight, 1)
    return np.where(through(some, 1.0 * holes) > 0, mean, smooth)
