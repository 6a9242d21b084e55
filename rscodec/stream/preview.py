"""Makes a small picture of a scene with little work: every pixel is the average of 2^n x 2^n pixels.

    factor   how it is made                                                          needs (docs/explanation/costs.md)
    16 ...   the first channels of every tile, by the linear shortcut, 1 pixel a latent     entropy decoding in part
    4, 8     the same with more channels, 4 x 4 or 2 x 2 pixels a latent                    entropy decoding
    1, 2     the whole decode

Averages are over valid pixels. A pixel gets the class (valid, nodata, outside the mask) that most pixels under it have.
"""

from __future__ import annotations

import math

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.scene import assemble
from rscodec.raster.validity import MASKED, VALID, protect_nodata
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.settings import is_whole

COARSEST_DECODE = 2  # up to this factor, tiles are decoded completely


def factor_for(width: int, height: int, longest: int) -> int:
    """The power of two for which the longest side is closest to `longest` pixels."""
    if not is_whole(longest) or longest < 1:
        raise InputError(f"the longest side of a preview is a whole number of pixels, at least 1, not {longest!r:.80}")
    return 2 ** max(0, round(math.log2(max(1.0, max(width, height) / longest))))


def shrunk(window: Window, factor: int) -> Window:
    """The pixels of the small picture that overlap a window."""
    col, row = window.col // factor, window.row // factor
    return Window(col, row, -(-window.right // factor) - col, -(-window.bottom // factor) - row)


class PreviewPicture:
    """A scene made `factor` times smaller. A piece is one tile, or as many tiles as it takes for the borders of the
    piece to be borders of pixels in the small picture. So memory does not depend on the size of the scene.
    """

    def __init__(self, decoder: SceneDecoder, factor: int):
        self._decoder, self._factor = decoder, factor
        self.scene = shrunk(decoder.grid.scene, factor)
        self._tiles = factor // math.gcd(factor, decoder.grid.edge)
        self._edge = self._tiles * decoder.grid.edge // factor
        self._lost: dict[Window, np.ndarray] = {}

    def pieces(self, window: Window) -> list[Window]:
        """The pieces of the whole picture; other windows are not supported."""
        grid, tiles = self._decoder.grid, self._tiles
        corners = (
            Window(col * grid.edge, row * grid.edge, tiles * grid.edge, tiles * grid.edge)
            for row in range(0, grid.rows, tiles)
            for col in range(0, grid.cols, tiles)
        )
        return [shrunk(corner.overlap(grid.scene), self._factor) for corner in corners]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """A piece."""
        row, col = window.row // self._edge * self._tiles, window.col // self._edge * self._tiles
        pixels, classes = _Canvas(self._decoder, self._factor, row, col, self._tiles).finish()
        if classes is not None and (lost := (classes == MASKED).all(0)).any():
            self._lost[window] = lost
        return pixels, classes

    def damage(self, window: Window) -> np.ndarray:
        """bool (h, w): True for pixels of a piece that were damaged, or outside the dataset mask, when it was read."""
        return self._lost.get(window, np.zeros((window.height, window.width), bool))


def preview(decoder: SceneDecoder, factor: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (B, h, w), and class planes (P, h, w) if there are any, of the scene made `factor` times smaller."""
    small, header = PreviewPicture(decoder, factor), decoder.reader.header
    pieces = ((piece, *small.read(piece)) for piece in small.pieces(small.scene))
    return assemble(pieces, small.scene, header.bands, header.dtype)


class _Canvas:
    """Accumulates sums for the pixels of one piece of the small picture: up to `tiles` x `tiles` tiles of the scene."""

    def __init__(self, decoder: SceneDecoder, factor: int, row: int, col: int, tiles: int):
        self.decoder, self.factor = decoder, factor
        radiometry, grid = decoder.radiometry, decoder.grid
        corner = Window(col * grid.edge, row * grid.edge, tiles * grid.edge, tiles * grid.edge)
        self.place = shrunk(corner.overlap(grid.scene), factor)
        shape = self.place.height, self.place.width
        self.coded, self.weight = (np.zeros((len(radiometry.coded), *shape)) for _ in range(2))
        self.exact, self.area = np.zeros((len(radiometry.exact), *shape)), np.zeros(shape)
        self.votes = np.zeros((MASKED + 1, radiometry.plane_count, *shape)) if radiometry.plane_count else None
        for tile_row in range(row, min(row + tiles, grid.rows)):
            for tile_col in range(col, min(col + tiles, grid.cols)):
                self.add(tile_row, tile_col)

    def add(self, row: int, col: int) -> None:
        """Add one tile."""
        tile = self.decoder.grid.tile(row, col)
        classes, exact, damaged = self.decoder.planes(tile)
        coded, cell = self._pixels(row, col, tile)
        if coded is None and self.decoder.radiometry.groups:
            self.decoder.check_absent((row, col), tile, classes)
        damaged = damaged | self.decoder.damage(tile)
        inside = slice(None), *shrunk(tile, self.factor).within(self.place)
        self.exact[inside] += _fold(exact, tile, self.factor)
        self.area[inside[1:]] += _fold(np.ones((tile.height, tile.width)), tile, self.factor)
        valid = np.ones((1, tile.height, tile.width), bool) if classes is None else classes == VALID
        if self.votes is not None:
            for kind in range(len(self.votes)):
                self.votes[kind][inside] += _fold((classes == kind) & ~damaged, tile, self.factor)
        if coded is not None:
            weight = _fold(valid & ~damaged, tile, cell)
            _, height, width = weight.shape
            cells = Window(tile.col // cell, tile.row // cell, width, height)
            known = np.where(weight > 0, coded[:, :height, :width], 0)
            self.coded[inside] += _fold(known * weight, cells, self.factor // cell)
            self.weight[inside] += _fold(weight, cells, self.factor // cell)

    def _pixels(self, row: int, col: int, tile: Window) -> tuple[np.ndarray | None, int]:
        """The coded bands of a tile, or None if it has none, and how many pixels of the scene one of their pixels
        spans.
        """
        radiometry, stride = self.decoder.radiometry, self.decoder.codec.stride
        if not radiometry.groups:
            return None, 1
        if self.factor <= COARSEST_DECODE:
            pixels, _ = self.decoder.read(tile)
            return radiometry.split(pixels)[0], 1
        detail = max(1, stride // self.factor)
        channels = self.decoder.tiles.sketch(row, col, detail)
        return None if channels is None else radiometry.inverse(channels), stride // detail

    def finish(self) -> tuple[np.ndarray, np.ndarray | None]:
        decoder, radiometry = self.decoder, self.decoder.radiometry
        known = self.weight > 0
        values = self.coded / np.where(known, self.weight, 1)
        coded = to_dtype(values, radiometry.dtype)
        classes = None if self.votes is None else self.votes.argmax(0).astype(np.uint8)
        coded = protect_nodata(coded, classes, decoder.nodata)
        lost = ~known & (True if classes is None else classes == VALID)
        if lost.any():
            coded[lost] = decoder.blank()
            classes = np.zeros((1, *self.area.shape), np.uint8) if classes is None else classes
            classes[np.broadcast_to(lost.all(0), classes.shape)] = MASKED
        exact = to_dtype(self.exact / self.area, radiometry.dtype)
        return radiometry.merge(coded, exact), classes


def _fold(values: np.ndarray, at: Window, size: int) -> np.ndarray:
    """Sums of an array, which lies at `at` in the scene, over the scene's grid of squares of `size` x `size`."""
    for axis, first in ((-2, at.row), (-1, at.col)):
        number = (first + np.arange(values.shape[axis])) // size
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        values = np.add.reduceat(values, starts, axis, dtype=np.float64)
    return values
