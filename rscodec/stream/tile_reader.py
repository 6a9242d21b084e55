"""Decodes the payloads of a stream to the latents of its tiles.

    StreamReader --payloads--> codec.decode --checksum--> latents of each tile (cached for its neighbours)
                               codec.sketch           --> approximate averages of its pixels

Batches of tiles of the same shape are decoded in parallel. If a batch fails, its tiles are decoded one by one, so that
a damaged tile does not affect others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import BitstreamError, TileDamaged
from rscodec.codec.base import TileCodec
from rscodec.concurrency.threads import threads_now
from rscodec.concurrency.tiles import side_by_side
from rscodec.stream.damage import Damage, as_tile
from rscodec.stream.geometry import Grid
from rscodec.stream.tile_cache import Tile, TileCache
from rscodec.stream.tile_payload import FLAT, latents_crc

CACHE_BYTES = 2**28  # cached latents, at most
ROWS_KEPT = 4  # rows of tiles: a window as high as a tile and its halo touch three; the next is decoded ahead
BATCH_TILES = 4

Latents = np.ndarray | None  # (G, h, w, N) of a tile; None if it is empty or damaged
Payloads = list[bytes] | BitstreamError  # of the groups of a tile


class TileReader:
    """Reads the latents of tiles, any number at once. Damaged tiles are reported to `damage`."""

    def __init__(self, reader: StreamReader, codec: TileCodec, grid: Grid, damage: Damage):
        self.reader, self.codec, self.grid, self.damage = reader, codec, grid, damage
        self._groups = range(reader.header.groups)
        tile_bytes = grid.edge**2 // codec.stride**2 * codec.channels * codec.latent_dtype.itemsize
        fitting = CACHE_BYTES // (tile_bytes * max(1, reader.header.groups))
        self.cache: TileCache[Latents] = TileCache(max(16, min(fitting, ROWS_KEPT * grid.cols)))

    def latents(self, tiles: list[Tile]) -> dict[Tile, Latents]:
        """The latents of these tiles, from the cache or decoded now."""
        missing: dict[tuple[int, int], list[Tile]] = {}
        for tile in tiles:
            if tile in self.cache:
                self.cache.used(tile)
            else:
                area = self.grid.to_latents(self.grid.tile(*tile))
                missing.setdefault((area.height, area.width), []).append(tile)
        batches = (self._payloads(batch) for alike in missing.values() for batch in _batches(alike))
        for decoded in side_by_side(self._decode, batches, self.codec.parallel):
            self.cache.add({tile: self._noted(tile, latents) for tile, latents in decoded.items()})
        found = {tile: self.cache[tile] for tile in tiles}
        self.cache.trim(len(tiles))
        return found

    def in_order(self) -> Iterator[tuple[int, int, Latents]]:
        """Yield (row, col, latents) of every tile, row by row."""
        for row in range(self.grid.rows):
            for first in range(0, self.grid.cols, BATCH_TILES):
                tiles = [(row, col) for col in range(first, min(first + BATCH_TILES, self.grid.cols))]
                self.reader.prefetch([(*tile, group) for tile in tiles for group in self._groups])
                for tile, latents in self.latents(tiles).items():
                    yield *tile, latents

    def sketch(self, row: int, col: int, detail: int) -> np.ndarray | None:
        """Approximate network channels (G, 3, detail h, detail w) of a tile; None if it is empty or damaged.

        Not all latents are decoded, so only the checksum of the coded bytes can detect damage.
        """
        area = self.grid.to_latents(self.grid.tile(row, col))
        try:
            payloads = [self.reader.payload(row, col, group) for group in self._groups]
            coded = [payload for payload in payloads if payload != FLAT]
            size, quality = (area.height, area.width), self.reader.header.quality
            if not any(payloads):
                return None
            drawn = iter(self.codec.sketch(coded, *size, quality, detail) if coded else ())
        except BitstreamError as problem:
            self.damage.note(as_tile(problem, (row, col)))
            return None
        grey = np.full((3, detail * area.height, detail * area.width), 0.5, np.float32)
        return np.stack([grey if payload == FLAT else next(drawn) for payload in payloads])

    def _noted(self, tile: Tile, latents: Latents | BitstreamError) -> Latents:
        if isinstance(latents, BitstreamError):
            self.damage.note(as_tile(latents, tile))
            return None
        return latents

    def _payloads(self, tiles: list[Tile]) -> dict[Tile, Payloads]:
        """Read payloads in the calling thread, because a source may allow one thread only."""
        found: dict[Tile, Payloads] = {}
        for tile in tiles:
            try:
                found[tile] = [self.reader.payload(*tile, group) for group in self._groups]
            except BitstreamError as problem:
                found[tile] = problem
        return found

    def _decode(self, payloads: dict[Tile, Payloads]) -> dict[Tile, Latents | BitstreamError]:
        """Decode tiles of one shape together. If that fails, decode them one by one, so that errors stay apart."""
        result: dict[Tile, Latents | BitstreamError] = {}
        sound: dict[Tile, list[bytes]] = {}
        for tile, found in payloads.items():
            if isinstance(found, BitstreamError):
                result[tile] = found
            else:
                sound[tile] = found
        try:
            return result | self._decode_together(sound)
        except BitstreamError as problem:
            if len(sound) == 1:
                return result | dict.fromkeys(sound, problem)
        for tile, found in sound.items():
            result |= self._decode({tile: found})
        return result

    def _decode_together(self, payloads: dict[Tile, list[bytes]]) -> dict[Tile, Latents]:
        present = [tile for tile in payloads if any(payloads[tile])]
        result: dict[Tile, Latents] = dict.fromkeys(payloads)
        if not present:
            return result
        area = self.grid.to_latents(self.grid.tile(*present[0]))
        shape = area.height, area.width
        coded = [payload for tile in present for payload in payloads[tile] if payload != FLAT]
        decoded = iter(self.codec.decode(coded, *shape, self.reader.header.quality) if coded else ())
        flat = np.zeros((*shape, self.codec.channels), self.codec.latent_dtype)
        for tile in present:
            latents = np.stack([flat if payload == FLAT else next(decoded) for payload in payloads[tile]])
            self._check(tile, latents)
            result[tile] = latents
        return result

    def _check(self, tile: Tile, latents: np.ndarray) -> None:
        for group, values in enumerate(latents):
            if latents_crc(values) != self.reader.entry(*tile, group).crc_decoded:
                model = f"{self.codec.model} is not portable: decode on the kind of machine that encoded"
                advice = "fetch the stream again" if self.codec.portable else model
                raise TileDamaged(
                    f"tile {tile}, group {group}: the latents are not those that were encoded; {advice}", (*tile, group)
                )


def _batches(tiles: list[Tile]) -> list[list[Tile]]:
    """Share few tiles among the threads, and decode up to BATCH_TILES together if there are many."""
    size = max(1, min(BATCH_TILES, -(-len(tiles) // threads_now())))
    return [tiles[start : start + size] for start in range(0, len(tiles), size)]
