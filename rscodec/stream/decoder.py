"""Decodes a stream to pixels, window by window.

    TileReader --latents of the tiles that a window touches, and a halo around it-->
      codec.synthesise --crop--> network channels --radiometry.inverse--> pixels
      planes: nodata, NaN, masks and lossless bands are restored exactly
      a group of a tile whose latents are all 0 is mid grey, without the network
      in a stream with a largest error, BoundedTiles decodes each tile alone

Every pixel is computed from the same latents in every window, so there are no seams.
"""

from __future__ import annotations

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.container import RESIDUAL
from rscodec.bitstreams.errors import BadField, BitstreamError, InputError, TileDamaged
from rscodec.codec.base import TileCodec
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
from rscodec.stream.tile_reader import TileReader


class SceneDecoder:
    """Decodes windows of one stream with one codec. `tiles` reads the latents.

    With `on_error="nodata"`, a damaged tile becomes nodata (NaN or 0 if the scene has no nodata value) and is listed
    in `bad`; with "stop", it raises TileDamaged. Pixels of other tiles within the halo of a bad tile are computed
    without its latents and may be wrong by a few levels.
    """

    def __init__(self, reader: StreamReader, codec: TileCodec, on_error: str = "stop", fast: bool = False):
        header = reader.header
        self.reader, self.codec, self.fast = reader, codec, fast
        self.radiometry = unpack_radiometry(reader.radiometry, header.dtype, header.bands)
        if self.radiometry.groups != header.groups:
            raise BadField(
                f"the header has {header.groups} network groups where its bands need {self.radiometry.groups}; "
                "the stream is not one that rscodec writes"
            )
        if header.arithmetic not in codec.weights_hashes:
            raise BadField(f"the header has the arithmetic {header.arithmetic}, {codec.model} has {codec.arithmetic}")
        self.grid = Grid(header.width, header.height, header.tile, codec.stride)
        self.nodata = nodata_value(stream_metadata(reader))
        self._lossless, self._damage = Lossless(reader, self.radiometry), Damage(self.grid, on_error)
        self.tiles = TileReader(reader, codec, self.grid, self._damage)
        self.bounded = None if reader.bound is None else self._bounded_tiles(reader.bound)

    def _bounded_tiles(self, largest: float) -> BoundedTiles:
        if self.fast:
            raise InputError(
                f"the stream guarantees a largest error of {largest:g}, which `fast=True` cannot keep; omit it"
            )
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
        return self.grid.pieces(window)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (B, h, w) of a window, and class planes (P, h, w) if the scene has them."""
        window.check_inside(self.grid.scene)
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
        """bool (h, w): True for pixels of a window whose tiles have damaged latents."""
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
        region = self._region(window)
        tiles = self.tiles.latents(self.grid.touching(region)) if self.radiometry.groups else {}
        if all(latents is None for latents in tiles.values()):
            return np.zeros((len(self.radiometry.coded), window.height, window.width), self.radiometry.dtype)
        pixels = self.grid.to_pixels(region)
        rows, cols = window.within(pixels)
        return self.radiometry.inverse(self._channels(region, pixels, tiles)[..., rows, cols])

    def _channels(self, region: Window, pixels: Window, tiles: dict) -> np.ndarray:
        """The network channels (G, 3, h, w) of the pixels that a region of latents covers."""
        groups = self.radiometry.groups
        field = np.zeros((groups, region.height, region.width, self.codec.channels), self.codec.latent_dtype)
        grey = np.zeros((groups, pixels.height, pixels.width), bool)
        for (row, col), latents in tiles.items():
            if latents is not None:
                whole = self.grid.to_latents(self.grid.tile(row, col))
                part = whole.overlap(region)
                target, source = ((slice(None), *part.within(area)) for area in (region, whole))
                field[target] = latents[source]
                rows, cols = self.grid.to_pixels(part).within(pixels)
                grey[~latents.any((1, 2, 3)), rows, cols] = True
        channels = np.full((groups, 3, pixels.height, pixels.width), 0.5, np.float32)
        busy = ~grey.all((1, 2))
        if busy.any():
            channels[busy] = self.codec.synthesise(field[busy], self.reader.header.quality, self.fast)
            channels.transpose(0, 2, 3, 1)[grey] = 0.5
        return channels

    def _within_bound(self, bounded: BoundedTiles, window: Window) -> np.ndarray:
        """The coded bands of a window, within the bound."""
        pixels = np.zeros((len(self.radiometry.coded), window.height, window.width), self.radiometry.dtype)
        for (row, col), latents in self.tiles.latents(self._tiles_under(window)).items():
            tile = self.grid.tile(row, col)
            part = tile.overlap(window)
            if latents is not None:
                try:
                    whole = bounded.pixels(row, col, tile, latents)
                except BitstreamError as problem:
                    self._damage.note(as_tile(problem, (row, col), RESIDUAL))
                else:
                    target, source = ((slice(None), *part.within(area)) for area in (window, tile))
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
