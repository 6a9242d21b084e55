"""Encodes one scene with several workers. Each encodes some blocks of tiles; the stream is identical to that of a
single process.

    SceneEncoder (here: statistics, quality) --Part--> workers, each with the file open --> tiles, in order --> here

Workers must find the scene under the same path, and also the weights, unless they are the packaged ones.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice

from rscodec.concurrency.executors import in_order
from rscodec.concurrency.threads import turn
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.pixel_source import open_source
from rscodec.stream.encoder import SceneEncoder, encoder_for
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.radiometry_choice import RadiometryChoice
from rscodec.stream.settings import EncodeSettings
from rscodec.stream.tile_payload import BLOCK_TILES

PART_BLOCKS = 4  # blocks for each task: seconds of work, against a fraction of a second of overhead
LEAD = 64  # tasks ahead of the writer; their payloads wait in memory


@dataclass(frozen=True)
class Part:
    """The blocks `first` to `last` (exclusive) of a scene, and everything that their tiles depend on. The `radiometry`
    is final.
    """

    scene: str | tuple[str, ...]
    bands: tuple[int, ...] | None
    nodata: float | None
    settings: EncodeSettings
    radiometry: Radiometry
    quality: float
    first: int = 0
    last: int = 0


def spread_tiles(executor: Executor, encoder: SceneEncoder, whole: Part) -> Generator[tuple, None, None]:
    """The tiles that SceneEncoder.tiles yields, made by workers."""
    blocks = encoder.grid.rows * -(-encoder.grid.cols // BLOCK_TILES)
    starts = range(0, blocks, PART_BLOCKS)
    parts = (replace(whole, first=first, last=min(first + PART_BLOCKS, blocks)) for first in starts)
    for tiles in in_order(executor, encode_part, parts, LEAD):
        yield from tiles


def encode_part(part: Part) -> list[tuple]:
    """Encode the tiles of a part, in a worker."""
    with turn(threads=1), open_source(part.scene, part.bands, part.nodata) as source:
        settings = part.settings
        codec = codec_for_encoding(settings.model, settings.weights, settings.device)
        encoder = encoder_for(source, settings, codec, RadiometryChoice(part.radiometry, source, codec))
        blocks = islice(encoder.grid.blocks(BLOCK_TILES), part.first, part.last)
        with closing(encoder.tiles(part.quality, blocks)) as tiles:
            return list(tiles)
