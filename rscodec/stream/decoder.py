"""A stream into pixels, window by window.

    StreamReader --payloads--> codec.decode --checksum--> latents of each tile (kept for its neighbours)
      a window needs the tiles it touches and a halo of latents around them
      codec.synthesise --crop--> network channels --radiometry.inverse--> pixels
      planes: nodata, NaN, masks and lossless bands come back exactly
      a tile's group whose latents are all 0 is mid grey, whatever the network would make of them

Every pixel is computed from the same latents whatever window asks for it, so there are no seams.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.container import RESIDUAL
from rscodec.bitstreams.errors import BadField, BitstreamError, InputError, SymbolsDamaged, TileDamaged
from rscodec.codec.base import TileCodec
from rscodec.raster.metadata import nodata_value
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.validity import MASKED, VALID, native, protect_nodata
from rscodec.raster.window import Window
from rscodec.stream.error_bound import Bound, unrounded_base
from rscodec.stream.geometry import Grid
from rscodec.stream.lossless import Lossless
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.tile_payload import FLAT, latents_crc, valid_pixels

CACHE_BYTES = 2**28  # of decoded latents, at most
BOUNDED_BYTES = 2**26  # of tiles within a bound, at most: windows of a few rows come back to them
ROWS_KEPT = 4  # of tiles: a window as high as a tile and its halo touch three, and the next row comes in meanwhile
BATCH_TILES = 4


class SceneDecoder:
    """Decodes windows of one stream with one codec.

    With `on_error="nodata"` a damaged tile becomes nodata (NaN or 0 where the scene has no nodata value) and is listed
    in `bad`; with "stop" it raises TileDamaged. Pixels of other tiles within a halo of a bad one lack its latents: they
    may be a few levels off.
    """

    def __init__(self, reader: StreamReader, codec: TileCodec, on_error: str = "stop", fast: bool = False):
        header = reader.header
        self.reader, self.codec, self.on_error, self.fast = reader, codec, on_error, fast
        self.radiometry = Radiometry.unpack(reader.radiometry, header.dtype, header.bands)
        if self.radiometry.groups != header.groups:
            raise BadField(
                f"the header has {header.groups} network groups where its bands need {self.radiometry.groups}; "
                "the stream is not one that rscodec writes"
            )
        if header.arithmetic not in codec.weights_hashes:
            raise BadField(f"the header has the arithmetic {header.arithmetic}, {codec.model} has {codec.arithmetic}")
        self._lossless = Lossless(reader, self.radiometry)
        self.grid = Grid(header.width, header.height, header.tile, codec.stride)
        self.nodata = nodata_value(stream_metadata(reader))
        if reader.bound is not None and fast:
            raise InputError(f"the stream promises a largest error of {reader.bound:g}, which --fast cannot keep; "
                             "leave it away")
        bounded = reader.bound is not None
        self.bound = Bound(reader.bound, header.dtype, self.radiometry.scale, self.nodata) if bounded else None
        self.bad: dict[tuple[int, int, int | None], str] = {}
        self._latents: OrderedDict[tuple[int, int], np.ndarray | None] = OrderedDict()
        tile_bytes = self.grid.edge**2 // codec.stride**2 * codec.channels * codec.latent_dtype.itemsize
        fitting = CACHE_BYTES // (tile_bytes * max(1, header.groups))
        self._capacity = max(16, min(fitting, ROWS_KEPT * self.grid.cols))
        self._bounded_tiles: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def windows(self) -> list[Window]:
        """The scene in the pieces in which it is best decoded: row by row of tiles."""
        return self.pieces(self.grid.scene)

    def pieces(self, window: Window) -> list[Window]:
        """A window in such pieces."""
        return self.grid.pieces(window)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (B, h, w) of a window, and class planes (P, h, w) where the scene has them."""
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
        """Say that a window comes next, so that a remote source can read all of it at once."""
        header, under = self.reader.header, self._tiles_under(window)
        tiles = under if self.bound else self.grid.touching(self._region(window))
        sides = [None] * header.planes + [RESIDUAL] * header.bounded
        entries = [(*tile, side) for tile in under for side in sides]
        entries += [(*tile, group) for tile in tiles if tile not in self._latents for group in range(header.groups)]
        self.reader.prefetch(entries)

    def tile_latents(self) -> Iterator[tuple[int, int, np.ndarray | None]]:
        """(row, col, latents (G, h, w, N) or None) of every tile in order; damaged ones are None and in `bad`."""
        for row in range(self.grid.rows):
            for first in range(0, self.grid.cols, BATCH_TILES):
                tiles = [(row, col) for col in range(first, min(first + BATCH_TILES, self.grid.cols))]
                self.reader.prefetch([(*tile, group) for tile in tiles for group in range(self.radiometry.groups)])
                for (row, col), latents in self._load(tiles).items():
                    yield row, col, latents

    def tile(self, row: int, col: int) -> np.ndarray | None:
        """The latents (G, h, w, N) of a tile; None where it is empty or damaged."""
        return self._load([(row, col)])[row, col]

    def sketch(self, row: int, col: int, detail: int) -> np.ndarray | None:
        """About the network channels (G, 3, detail h, detail w) of a tile; None where it is empty or damaged.

        Latents are not all decoded, so only the checksum of the coded bytes speaks of damage.
        """
        area = self.grid.to_latents(self.grid.tile(row, col))
        try:
            payloads = [self.reader.payload(row, col, group) for group in range(self.radiometry.groups)]
            coded = [payload for payload in payloads if payload != FLAT]
            size, quality = (area.height, area.width), self.reader.header.quality
            if not any(payloads):
                return None
            drawn = iter(self.codec.sketch(coded, *size, quality, detail) if coded else ())
        except BitstreamError as problem:
            self._note(self._as_tile(problem, (row, col)))
            return None
        grey = np.full((3, detail * area.height, detail * area.width), 0.5, np.float32)
        return np.stack([grey if payload == FLAT else next(drawn) for payload in payloads])

    def _coded(self, window: Window) -> np.ndarray:
        """The coded bands of a window, before anything invalid is put back."""
        shape = window.height, window.width
        if not self.radiometry.groups:
            return np.zeros((0, *shape), self.radiometry.dtype)
        if self.bound:
            return self._bounded(window)
        region = self._region(window)
        tiles = self._load(self.grid.touching(region))
        if all(latents is None for latents in tiles.values()):
            return np.zeros((len(self.radiometry.coded), *shape), self.radiometry.dtype)
        field = np.zeros(
            (self.radiometry.groups, region.height, region.width, self.codec.channels), self.codec.latent_dtype
        )
        pixels = self.grid.to_pixels(region)
        grey = np.zeros((self.radiometry.groups, pixels.height, pixels.width), bool)
        for (row, col), latents in tiles.items():
            if latents is not None:
                whole = self.grid.to_latents(self.grid.tile(row, col))
                part = whole.overlap(region)
                field[(slice(None), *part.within(region))] = latents[(slice(None), *part.within(whole))]
                grey[(~latents.any((1, 2, 3)), *self.grid.to_pixels(part).within(pixels))] = True
        channels = np.full((len(field), 3, pixels.height, pixels.width), 0.5, np.float32)
        busy = ~grey.all((1, 2))
        if busy.any():
            channels[busy] = self.codec.synthesise(field[busy], self.reader.header.quality, self.fast)
            channels.transpose(0, 2, 3, 1)[grey] = 0.5
        inside = window.within(pixels)
        return self.radiometry.inverse(channels[(slice(None), slice(None), *inside)])

    def _check_empty(self, window: Window, classes: np.ndarray | None) -> None:
        """A tile without latents has no valid pixel (SPEC.md, "Tile index"), or it is bad."""
        if not self.radiometry.groups:
            return
        empty = [tile for tile in self._tiles_under(window) if self._latents[tile] is None]
        known = {tile[:2] for tile in self.bad}
        for tile in (tile for tile in empty if tile not in known):
            inside = self.grid.tile(*tile).overlap(window).within(window)
            if classes is None or (classes[(slice(None), *inside)] == VALID).any():
                self._note(TileDamaged(f"tile {tile}: nothing says what its valid pixels are; the stream is not one "
                                       "that rscodec writes", (*tile, 0)))  # fmt: skip

    def _bounded(self, window: Window) -> np.ndarray:
        """Like `_coded`, within the bound: each tile by itself, its residual on what its own latents give."""
        pixels = np.zeros((len(self.radiometry.coded), window.height, window.width), self.radiometry.dtype)
        for (row, col), latents in self._load(self._tiles_under(window)).items():
            tile = self.grid.tile(row, col)
            part = tile.overlap(window)
            if latents is not None:
                try:
                    whole = self._within_bound(row, col, tile, latents)
                except BitstreamError as problem:
                    self._note(self._as_tile(problem, (row, col), RESIDUAL))
                else:
                    pixels[(slice(None), *part.within(window))] = whole[(slice(None), *part.within(tile))]
        return pixels

    def _within_bound(self, row: int, col: int, tile: Window, latents: np.ndarray) -> np.ndarray:
        """The coded bands of a tile, from memory or decoded now."""
        if (row, col) in self._bounded_tiles:
            self._bounded_tiles.move_to_end((row, col))
            return self._bounded_tiles[row, col]
        residual, header = self.reader.residual(row, col), self.reader.header
        try:
            pixels, crc = self.with_residual(row, col, tile, latents, residual)
            checked = residual or header.checks_empty
            if checked and crc != self.reader.entry(row, col, RESIDUAL).crc_decoded:
                raise SymbolsDamaged("the pixels are not those that were encoded")
        except SymbolsDamaged as problem:
            advice = "fetch the stream again"
            if header.arithmetic == "integer-1":  # whose weights_hash says nothing of the synthesis
                advice = "these may be other weights: check them, then fetch the stream again"
            raise TileDamaged(f"tile ({row}, {col}): {problem}; {advice}", (row, col, RESIDUAL)) from None
        self._bounded_tiles[row, col] = pixels
        while sum(kept.nbytes for kept in self._bounded_tiles.values()) > BOUNDED_BYTES:
            self._bounded_tiles.popitem(last=False)
        return pixels

    def with_residual(self, row: int, col: int, tile: Window, latents: np.ndarray, residual: bytes) -> tuple:
        """The coded bands of a tile, and the checksum of what its residual makes of them."""
        classes = self._lossless.tile(row, col)[0] if self.radiometry.plane_count else None
        valid = valid_pixels(classes, (tile.height, tile.width), len(self.radiometry.coded))
        base = unrounded_base(self.codec, self.radiometry, latents, self.reader.header.quality, tile)
        return self.bound.decode(residual, base, valid)

    def _load(self, tiles: list[tuple[int, int]]) -> dict[tuple[int, int], np.ndarray | None]:
        """Latents of these tiles, from memory or decoded now, in batches of tiles of one shape."""
        missing: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for tile in tiles:
            if tile in self._latents:
                self._latents.move_to_end(tile)
            else:
                latents = self.grid.to_latents(self.grid.tile(*tile))
                missing.setdefault((latents.height, latents.width), []).append(tile)
        for shape, alike in missing.items():
            for start in range(0, len(alike), BATCH_TILES):
                self._latents |= self._decode(alike[start : start + BATCH_TILES], shape)
        found = {tile: self._latents[tile] for tile in tiles}
        while len(self._latents) > max(self._capacity, len(tiles)):
            self._latents.popitem(last=False)
        return found

    def _decode(self, tiles: list[tuple[int, int]], shape: tuple[int, int]) -> dict[tuple[int, int], np.ndarray | None]:
        """Decode tiles of one shape together; should that fail, one by one, so that each pays for itself only."""
        try:
            return self._decode_together(tiles, shape)
        except BitstreamError as problem:
            if len(tiles) > 1:
                return {tile: latents for one in tiles for tile, latents in self._decode([one], shape).items()}
            (tile,) = tiles
            self._note(self._as_tile(problem, tile))
            return {tile: None}

    @staticmethod
    def _as_tile(problem: BitstreamError, tile: tuple[int, int], group: int | str = 0) -> TileDamaged:
        """A problem met in a tile, as its own."""
        return problem if isinstance(problem, TileDamaged) else TileDamaged(f"tile {tile}: {problem}", (*tile, group))

    def _decode_together(self, tiles: list[tuple[int, int]], shape: tuple[int, int]) -> dict:
        groups = range(self.radiometry.groups)
        payloads = {tile: [self.reader.payload(*tile, group) for group in groups] for tile in tiles}
        present = [tile for tile in tiles if any(payloads[tile])]
        result: dict = dict.fromkeys(tiles)
        if not present:
            return result
        coded = [payload for tile in present for payload in payloads[tile] if payload != FLAT]
        decoded = iter(self.codec.decode(coded, *shape, self.reader.header.quality) if coded else ())
        flat = np.zeros((*shape, self.codec.channels), self.codec.latent_dtype)
        for tile in present:
            result[tile] = np.stack([flat if payload == FLAT else next(decoded) for payload in payloads[tile]])
            for group in groups:
                if latents_crc(result[tile][group]) != self.reader.entry(*tile, group).crc_decoded:
                    raise TileDamaged(
                        f"tile {tile}, group {group}: the latents are not those that were encoded; "
                        + ("fetch the stream again" if self.codec.portable else f"{self.codec.model} is not portable: "
                           "decode on the kind of machine that encoded"),
                        (*tile, group),
                    )
        return result

    def planes(self, window: Window) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Class planes, lossless bands, and where they are unreadable (bool), for a window."""
        return self._lossless.read(window, self._note)

    def _region(self, window: Window) -> Window:
        """The latents that the pixels of a window are made of."""
        return self.grid.to_latents(window).grown(self.codec.halo, self.grid.latent_scene)

    def _tiles_under(self, window: Window) -> list[tuple[int, int]]:
        return self.grid.touching(self.grid.to_latents(window))

    def _note(self, problem: TileDamaged) -> None:
        if self.on_error == "stop":
            raise problem
        self.bad.setdefault(problem.tile, str(problem))

    def damage(self, window: Window) -> np.ndarray:
        """Where the pixels of a window belong to tiles whose latents are bad."""
        damaged = np.zeros((window.height, window.width), bool)
        for row, col in {tile[:2] for tile in self.bad}:
            part = self.grid.tile(row, col).overlap(window)
            if part.width > 0 and part.height > 0:
                damaged[part.within(window)] = True
        return damaged

    def blank(self):
        """What a pixel of a damaged tile becomes."""
        dtype = np.dtype(self.radiometry.dtype)
        value = native(self.nodata, dtype)
        if value is not None:
            return value
        return np.nan if np.issubdtype(dtype, np.floating) else 0
