"""Decodes the tiles of a stream that guarantees a largest error. Each tile is decoded alone: its residual is added to
the pixels that its own latents give.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.container import RESIDUAL
from rscodec.bitstreams.errors import BitstreamError, SymbolsDamaged, TileDamaged
from rscodec.codec.base import TileCodec
from rscodec.concurrency.tiles import side_by_side
from rscodec.raster.window import Window
from rscodec.stream.error_bound import Bound, unrounded_base
from rscodec.stream.geometry import Grid
from rscodec.stream.lossless import Lossless
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.tile_cache import Tile, TileCache
from rscodec.stream.tile_payload import valid_pixels

BOUNDED_BYTES = 2**26  # cached tiles, at most: several windows of a few rows need the same tile


class Residual(NamedTuple):
    """The place of a tile, the payload of its residual, and its class planes."""

    place: Tile
    payload: bytes
    classes: np.ndarray | None


class BoundedTiles:
    """The coded bands of tiles, within the bound."""

    def __init__(self, reader: StreamReader, codec: TileCodec, radiometry: Radiometry, bound: Bound):
        self._reader, self._codec, self._radiometry, self._bound = reader, codec, radiometry, bound
        self._lossless = Lossless(reader, radiometry)
        self.cache: TileCache[np.ndarray] = TileCache(BOUNDED_BYTES, lambda pixels: pixels.nbytes)

    def each(self, grid: Grid, tiles: dict[Tile, np.ndarray]) -> list[np.ndarray | BitstreamError]:
        """For each tile with these latents: its coded bands (C, h, w), from the cache or decoded now, or its error."""
        missing = [tile for tile in tiles if tile not in self.cache]
        parts = ((grid.tile(*tile), tiles[tile], self._read(*tile)) for tile in missing)
        decoded = side_by_side(lambda part: self._decoded(*part), parts, self._codec.parallel)
        found: dict[Tile, np.ndarray | BitstreamError] = dict(zip(missing, decoded, strict=True))
        for tile in tiles:
            if tile not in found:
                self.cache.used(tile)
                found[tile] = self.cache[tile]
        self.cache.add({tile: pixels for tile in missing if isinstance(pixels := found[tile], np.ndarray)})
        self.cache.trim()
        return [found[tile] for tile in tiles]

    def _read(self, row: int, col: int) -> Residual | BitstreamError:
        """Read in the calling thread, because a source may allow one thread only."""
        try:
            return Residual((row, col), self._reader.residual(row, col), self.classes(row, col))
        except BitstreamError as problem:
            return problem

    def classes(self, row: int, col: int) -> np.ndarray | None:
        """The class planes of a tile, if the stream has any."""
        return self._lossless.tile(row, col)[0] if self._radiometry.plane_count else None

    def _decoded(
        self, tile: Window, latents: np.ndarray, read: Residual | BitstreamError
    ) -> np.ndarray | BitstreamError:
        if isinstance(read, BitstreamError):
            return read
        header, place = self._reader.header, (*read.place, RESIDUAL)
        try:
            pixels, crc = self.with_residual(tile, latents, read.payload, read.classes)
            checked = read.payload or header.checks_empty
            if checked and crc != self._reader.entry(*place).crc_decoded:
                raise SymbolsDamaged("the pixels are not those that were encoded")
        except SymbolsDamaged as problem:
            advice = "fetch the stream again"
            if header.arithmetic == "integer-1":  # its weights_hash does not cover the synthesis
                advice = "these may be other weights: check them, then fetch the stream again"
            return TileDamaged(f"tile {read.place}: {problem}; {advice}", place)
        except BitstreamError as problem:
            return problem
        return pixels

    def with_residual(self, tile: Window, latents: np.ndarray, residual: bytes, classes: np.ndarray | None) -> tuple:
        """The coded bands of a tile after its residual is added, and their checksum."""
        valid = valid_pixels(classes, (tile.height, tile.width), len(self._radiometry.coded))
        base = unrounded_base(self._codec, self._radiometry, latents, self._reader.header.quality, tile)
        return self._bound.decode(residual, base, valid)
