"""Measures the error of a stream on a sample of tiles, in a fraction of the time that `verify` takes."""

from __future__ import annotations

import math
from itertools import islice
from typing import NamedTuple

from rscodec.bitstreams import StreamReader
from rscodec.codec.base import TileCodec
from rscodec.metrics.pixels import Difference
from rscodec.raster.pixel_source import PixelSource
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.geometry import scattered
from rscodec.stream.tile_payload import valid_pixels

MOST_TILES, EDGE = 4, 256  # a square in the middle of each tile


class SampledError(NamedTuple):
    """Errors of the valid pixels of the sample, which has a square in each of `tiles` tiles, out of `of`."""

    psnr_db: float
    rmse: float
    largest: float
    tiles: int
    of: int


def sampled_error(reader: StreamReader, codec: TileCodec, source: PixelSource) -> SampledError | None:
    """The error of a stream of this source. None if the sample has no valid pixel."""
    decoder, header = SceneDecoder(reader, codec), reader.header
    coded, difference = list(decoder.radiometry.coded), Difference(header.dtype)
    lengths = reader.index["length"][:, header.planes : header.planes + header.groups]
    filled = lengths.any(1).reshape(reader.grid)
    tiles = list(islice((tile for tile in scattered(*reader.grid) if filled[tile]), MOST_TILES))
    for tile in tiles:
        square = middle(decoder.grid.tile(*tile))
        original, classes = source.read(square)
        decoded, _ = decoder.read(square)
        difference.add(original[coded], decoded[coded], valid_pixels(classes, original.shape[1:], len(coded)))
    if not difference.count:
        return None
    rmse, count = math.sqrt(difference.mse), len(tiles)
    return SampledError(difference.psnr_db, rmse, difference.largest, count, len(reader.index))


def middle(tile: Window) -> Window:
    """The square in the middle of a tile."""
    width, height = min(EDGE, tile.width), min(EDGE, tile.height)
    return Window(tile.col + (tile.width - width) // 2, tile.row + (tile.height - height) // 2, width, height)
