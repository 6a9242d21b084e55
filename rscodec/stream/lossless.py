"""Reads the lossless parts of a stream, without a network: pixel classes and lossless bands.

StreamReader --planes of tiles under a window--> decode_planes, checksum --> classes (P, h, w), bands (E, h, w)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import BitstreamError, MaskDamaged, TileDamaged
from rscodec.bitstreams.planes import decode_planes, planes_crc
from rscodec.raster.window import Window
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry


class Lossless:
    """Reads windows of the lossless parts."""

    def __init__(self, reader: StreamReader, radiometry: Radiometry):
        header = reader.header
        self._reader, self._radiometry = reader, radiometry
        self._grid = Grid(header.width, header.height, header.tile, 1)

    def read(self, window: Window, damaged: Callable[[TileDamaged], None] | None = None) -> tuple:
        """Classes (P, h, w) or None, lossless bands (E, h, w), and a bool array that is True where they are unreadable.
        A damaged tile raises TileDamaged, unless `damaged` is given, which then receives the error.
        """
        shape = window.height, window.width
        exact = np.zeros((len(self._radiometry.exact), *shape), self._radiometry.dtype)
        unreadable = np.zeros(shape, bool)
        if not self._reader.header.planes:
            return None, exact, unreadable
        classes = np.zeros((self._radiometry.plane_count, *shape), np.uint8)
        for row, col in self._grid.touching(window):
            tile = self._grid.tile(row, col)
            part = tile.overlap(window)
            target, source = ((slice(None), *part.within(area)) for area in (window, tile))
            try:
                tile_classes, tile_exact = self.tile(row, col)
            except TileDamaged as problem:
                if damaged is None:
                    raise
                damaged(problem)
                unreadable[part.within(window)] = True
                continue
            classes[target] = tile_classes[source]
            exact[target] = tile_exact[source]
        return classes if len(classes) else None, exact, unreadable

    def tile(self, row: int, col: int) -> tuple[np.ndarray, np.ndarray]:
        """The classes and lossless bands of a tile."""
        data, tile = self._reader.planes(row, col), self._grid.tile(row, col)
        counts = self._radiometry.plane_count, len(self._radiometry.exact)
        try:
            classes, exact = decode_planes(data, *counts, tile.height, tile.width, self._radiometry.dtype)
        except BitstreamError as problem:
            raise MaskDamaged(f"tile ({row}, {col}): {problem}", (row, col, None)) from None
        checked = data or self._reader.header.checks_empty
        if checked and planes_crc(classes, exact) != self._reader.entry(row, col, None).crc_decoded:
            raise MaskDamaged(f"tile ({row}, {col}): the planes are not those that were encoded", (row, col, None))
        return classes, exact
