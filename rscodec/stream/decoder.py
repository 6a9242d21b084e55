"""Decodes a stream to pixels, window by window.

    TileReader --latents of the tiles that a window touches, and a halo around it-->
      parts of the window, in parallel: codec.synthesise --> network channels --radiometry.inverse--> pixels
      planes: nodata, NaN, masks and lossless bands are restored exactly
      a group of a tile whose latents are all 0 is mid grey, without the network
      in a stream with a largest error, BoundedTiles decodes each tile alone

Every pixel is computed from the same latents in every window, so there are no seams.
"""

from __future__ import annotations

import math

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.container import RESIDUAL
from rscodec.bitstreams.errors import BadField, BitstreamError, TileDamaged
from rscodec.codec.base import TileCodec
from rscodec.concurrency.threads import threads_now
from rscodec.concurrency.tiles import side_by_side
from rscodec.raster.metadata import nodata_value
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.validity import MASKED, VALID, Pixel, native, protect_nodata
from rscodec.raster.window import Window
from rscodec.stream.bounded_tiles import BoundedTiles
from rscodec.stream.damage import Damage, as_tile
from rscodec.stream.error_bound import Bound
from rscodec.stream.geometry import Grid
from rscodec.stream.lossless import Lossless
from rscodec.stream.radiometry_section import unpack_radiometry
from rscodec.stream.tile_cache import Tile
from rscodec.stream.tile_payload import BLOCK_TILES
from rscodec.stream.tile_reader import Latents, TileReader

TILES_PER_THREAD = 2  # A piece has about this many tiles of one row of tiles for each thread.
PART = 512  # pixels


class SceneDecoder:
    """Decodes windows of one stream with one codec. `tiles` reads the latents.

    With `on_error="nodata"`, a damaged tile becomes nodata (NaN or 0 if the scene has no nodata value) and is listed
    in `bad`; with "stop", it raises TileDamaged. Pixels of other tiles within the halo of a bad tile are computed
    without its latents and may be wrong by a few levels.
    """

    def __init__(self, reader: StreamReader, codec: TileCodec, on_error: str = "stop"):
        header = reader.header
        self.reader, self.codec = reader, codec
        self.radiometry = unpack_radiometry(reader.radiometry, header.dtype, header.bands)
        if self.radiometry.groups != header.groups:
            raise BadField(
                f"the header has {header.groups} network groups where its bands need {self.radiometry.groups}; "
                "the stream is not one that rscodec writes"
            )
        if not header.planes and (self.radiometry.plane_count or self.radiometry.exact):
            raise BadField(
                "the radiometry section has planes, but the header has none; the stream is not one that rscodec writes"
            )
        if header.arithmetic not in codec.weights_hashes:
            raise BadField(f"the header has the arithmetic {header.arithmetic}, {codec.model} has {codec.arithmetic}")
        self.grid = Grid(header.width, header.height, header.tile, codec.stride)
        self.nodata = nodata_value(stream_metadata(reader))
        self._lossless, self._damage = Lossless(reader, self.radiometry), Damage(self.grid, on_error)
        self.tiles = TileReader(reader, codec, self.grid, self._damage)
        self.bounded = None if reader.bound is None else self._bounded_tiles(reader.bound)

    def _bounded_tiles(self, largest: float) -> BoundedTiles:
        bound = Bound(largest, self.radiometry.dtype, self.radiometry.scale, self.nodata)
        return BoundedTiles(self.reader, self.codec, self.radiometry, bound)

    @property
    def bad(self) -> dict[tuple[int, int, int | str | None], str]:
        return self._damage.bad

    def windows(self) -> list[Window]:
        """The pieces in which the whole scene is decoded fastest, one row of tiles after the other."""
        return self.pieces(self.grid.scene)

    def pieces(self, window: Window) -> list[Window]:
        """The pieces of a window."""
        unit = math.lcm(BLOCK_TILES, -(-PART // self.grid.edge))  # so that parts do not depend on the number of threads
        return self.grid.pieces(window, unit * -(-TILES_PER_THREAD * threads_now() // unit))

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (B, h, w) of a window, and class planes (P, h, w) if the scene has them.

        If several tiles are damaged, the error names the one that a block by block decode meets first, so it does not
        depend on the number of threads.
        """
        window.check_inside(self.grid.scene)
        try:
            return self._read(window)
        except BitstreamError:
            for block in self.grid.pieces(window):
                self._read(block)
            raise

    def _read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        self.prefetch(window)
        classes, exact, damaged = self.planes(window)
        coded = self._coded(window)
        self._check_empty(window, classes)
        damaged |= self.damage(window)
        coded = protect_nodata(coded, classes, self.nodata)
        if damaged.any():
            coded[:, damaged] = self.blank()
            classes = np.zeros((1, *damaged.shape), np.uint8) if classes is None else classes
            classes[:, damaged] = MASKED
        return self.radiometry.merge(coded, exact), classes

    def prefetch(self, window: Window) -> None:
        """Announce the next window, so that a remote source can read all of it at once."""
        header, under = self.reader.header, self._tiles_under(window)
        tiles = under if self.bounded else self.grid.touching(self._region(window))
        sides: list[str | None] = [None] * header.planes + [RESIDUAL] * header.bounded
        entries: list[tuple[int, int, int | str | None]] = [(*tile, side) for tile in under for side in sides]
        entries += [(*tile, group) for tile in tiles if tile not in self.tiles.cache for group in range(header.groups)]
        self.reader.prefetch(entries)

    def planes(self, window: Window) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """The class planes and lossless bands of a window, and a bool array that is True where they are unreadable."""
        return self._lossless.read(window, self._damage.note)

    def damage(self, window: Window) -> np.ndarray:
        """bool (h, w): True for pixels of a window that belong to damaged tiles."""
        return self._damage.area(window)

    def blank(self) -> Pixel | float:
        """The value of pixels of a damaged tile."""
        dtype = np.dtype(self.radiometry.dtype)
        value = native(self.nodata, dtype)
        if value is not None:
            return value
        return np.nan if np.issubdtype(dtype, np.floating) else 0

    def _coded(self, window: Window) -> np.ndarray:
        """The coded bands of a window, before invalid pixels are restored."""
        if self.bounded and self.radiometry.groups:
            return self._within_bound(self.bounded, window)
        shape = len(self.radiometry.coded), window.height, window.width
        region = self._region(window)
        tiles = self.tiles.latents(self.grid.touching(region)) if self.radiometry.groups else {}
        if all(latents is None for latents in tiles.values()):
            return np.zeros(shape, self.radiometry.dtype)
        pixels, parts = np.empty(shape, self.radiometry.dtype), self._parts(window)
        drawn = side_by_side(lambda part: self._drawn(part, tiles), parts, self.codec.parallel)
        for part, values in zip(parts, drawn, strict=True):
            rows, cols = part.within(window)
            pixels[:, rows, cols] = values
        return pixels

    def _parts(self, window: Window) -> list[Window]:
        """The parts of a window, one task each: whole tiles, at least PART pixels wide, or all of a small window."""
        edge = self.grid.edge * -(-PART // self.grid.edge)
        if window.width <= edge and window.height <= edge:
            return [window]
        rows = range(window.row // edge * edge, window.bottom, edge)
        cols = range(window.col // edge * edge, window.right, edge)
        return [Window(col, row, edge, edge).overlap(window) for row in rows for col in cols]

    def _drawn(self, part: Window, tiles: dict[Tile, Latents]) -> np.ndarray:
        """The coded bands of a part of a window, from the latents of the tiles around it."""
        own, region = self.grid.to_latents(part), self._region(part)
        pixels = self.grid.to_pixels(own)
        rows, cols = part.within(pixels)
        return self.radiometry.inverse(self._channels(own, region, tiles)[..., rows, cols])

    def _channels(self, own: Window, region: Window, tiles: dict[Tile, Latents]) -> np.ndarray:
        """Return the network channels (G, 3, h, w) of the pixels of `own` latents. These channels depend on all latents
        of `region`, which contains `own` and a halo.
        """
        groups, pixels = self.radiometry.groups, self.grid.to_pixels(own)
        field = np.zeros((groups, region.height, region.width, self.codec.channels), self.codec.latent_dtype)
        grey = np.zeros((groups, pixels.height, pixels.width), bool)
        for row, col in self.grid.touching(region):
            latents = tiles[row, col]
            whole = self.grid.to_latents(self.grid.tile(row, col))
            flat = np.ones(groups, bool) if latents is None else ~latents.any((1, 2, 3))
            shown = whole.overlap(own)
            if shown.width > 0 and shown.height > 0:
                rows, cols = self.grid.to_pixels(shown).within(pixels)
                grey[flat, rows, cols] = True
            if latents is not None:
                part = whole.overlap(region)
                target, source = ((slice(None), *part.within(area)) for area in (region, whole))
                field[target] = latents[source]
        channels = np.full((groups, 3, pixels.height, pixels.width), 0.5, np.float32)
        busy = ~grey.all((1, 2))
        if busy.any():
            channels[busy] = self.codec.synthesise(field[busy], self.reader.header.quality, own.within(region))
            channels.transpose(0, 2, 3, 1)[grey] = 0.5
        return channels

    def _within_bound(self, bounded: BoundedTiles, window: Window) -> np.ndarray:
        """The coded bands of a window, within the bound."""
        pixels = np.zeros((len(self.radiometry.coded), window.height, window.width), self.radiometry.dtype)
        found = self.tiles.latents(self._tiles_under(window))
        there = {tile: latents for tile, latents in found.items() if latents is not None}
        for tile, whole in zip(there, bounded.each(self.grid, there), strict=True):
            area = self.grid.tile(*tile)
            if isinstance(whole, BitstreamError):
                self._damage.note(as_tile(whole, tile, RESIDUAL))
            else:
                target, source = ((slice(None), *area.overlap(window).within(each)) for each in (window, area))
                pixels[target] = whole[source]
        return pixels

    def _check_empty(self, window: Window, classes: np.ndarray | None) -> None:
        """Report tiles that have no latents but valid pixels: such a tile is damaged (SPEC.md, "Tile index")."""
        if not self.radiometry.groups:
            return
        for tile in self._tiles_under(window):
            if self.tiles.cache[tile] is None:
                self.check_absent(tile, window, classes)

    def check_absent(self, tile: tuple[int, int], window: Window, classes: np.ndarray | None) -> None:
        """Check one tile without latents in a window with these classes."""
        rows, cols = self.grid.tile(*tile).overlap(window).within(window)
        if tile not in self._damage.tiles and (classes is None or (classes[:, rows, cols] == VALID).any()):
            words = "nothing says what its valid pixels are; the stream is not one that rscodec writes"
            self._damage.note(TileDamaged(f"tile {tile}: {words}", (*tile, 0)))

    def _region(self, window: Window) -> Window:
        """The latents that the pixels of a window depend on."""
        return self.grid.to_latents(window).grown(self.codec.halo, self.grid.latent_scene)

    def _tiles_under(self, window: Window) -> list[tuple[int, int]]:
        return self.grid.touching(self.grid.to_latents(window))
