"""A picture at another size: what an upsampler adds to, and all that there is of the bands that it does not know.

    red, infrared, ...   bicubic; linear between the valid neighbours where some of the sixteen are invalid
    alpha, validity      those of the nearest pixel
    units                those of the source

Read window by window; each pixel is the same whatever window is asked for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rscodec.generative.picture import PIECE, Picture
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.metadata import scale_metadata
from rscodec.raster.resample import Taps, centres, linear
from rscodec.raster.validity import VALID, protect_nodata
from rscodec.raster.window import Window
from rscodec.stream.encoder import BLOCK_TILES
from rscodec.stream.geometry import Grid


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Any size that is not smaller."""
    source, grid = picture.scene, Grid(width, height, PIECE, 1)

    def pieces(part: Window) -> list[Window]:
        parts = (block.overlap(part) for block in grid.blocks(BLOCK_TILES))
        return [piece for piece in parts if piece.width > 0 and piece.height > 0]

    def read(part: Window) -> tuple[np.ndarray, np.ndarray | None]:
        at_rows = centres(part.row, part.bottom, source.height, height)
        at_cols = centres(part.col, part.right, source.width, width)
        rows, cols = Taps.at(at_rows, source.height), Taps.at(at_cols, source.width)
        (top, bottom), (left, right) = rows.span, cols.span
        below = Window(left, top, right - left, bottom - top)
        pixels, classes = picture.read(below)
        nearest = np.ix_(_nearest(at_rows, source.height) - top, _nearest(at_cols, source.width) - left)
        found = pixels[(slice(None), *nearest)]
        coded = list(picture.coded)
        holes = picture.damage(below)[None]
        if classes is not None:
            holes = holes | (classes != VALID)
            classes = classes[(slice(None), *nearest)]
        if coded:
            values = np.where(holes, 0, pixels[coded]).astype(np.float64)
            smooth = cols.along(rows.along(values, 1, top), 2, left)
            if holes.any():
                smooth = _between_valid(smooth, values, holes, (rows, cols), (at_rows, at_cols), below, source)
            lost = picture.damage(below)[nearest]
            smooth = protect_nodata(to_dtype(smooth, pixels.dtype), classes, picture.nodata)
            found[coded] = np.where(lost, found[coded], smooth)
        return found, classes

    def damage(part: Window) -> np.ndarray:
        rows = _nearest(centres(part.row, part.bottom, source.height, height), source.height)
        cols = _nearest(centres(part.col, part.right, source.width, width), source.width)
        below = Window(cols[0], rows[0], cols[-1] + 1 - cols[0], rows[-1] + 1 - rows[0])
        return picture.damage(below)[np.ix_(rows - rows[0], cols - cols[0])]

    metadata = scale_metadata(picture.metadata, source.width / width, source.height / height)
    return replace(picture, scene=grid.scene, metadata=metadata, read=read, pieces=pieces, damage=damage)


def _nearest(coordinates: np.ndarray, length: int) -> np.ndarray:
    return np.floor(coordinates + 0.5).astype(np.int64).clip(0, length - 1)


def _between_valid(smooth: np.ndarray, values: np.ndarray, holes: np.ndarray, taps: tuple[Taps, Taps],
                   at: tuple[np.ndarray, np.ndarray], below: Window, source: Window) -> np.ndarray:  # fmt: skip
    """`smooth` with other values where taps meet a hole; the nearest pixel always has a quarter of the weight."""
    (rows, cols), (top, left) = taps, (below.row, below.col)
    some = Taps(rows.index, (rows.weight != 0) * 1.0), Taps(cols.index, (cols.weight != 0) * 1.0)
    near = Taps.at(at[0], source.height, linear), Taps.at(at[1], source.width, linear)

    def through(pair: tuple[Taps, Taps], array: np.ndarray) -> np.ndarray:
        return pair[1].along(pair[0].along(array, 1, top), 2, left)

    weight = through(near, 1.0 - holes)
    mean = through(near, values) / np.where(weight > 0, weight, 1)
    return np.where(through(some, 1.0 * holes) > 0, mean, smooth)
