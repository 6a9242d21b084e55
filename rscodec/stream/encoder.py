"""Encodes a scene to a stream.

    source --all windows--> Statistics --> RadiometryChoice, header
    source --blocks of tiles--> TileEncoder --> planes, payloads and residual of each tile --> StreamWriter

Memory holds a few blocks of tiles, never the whole scene. A thread reads ahead. Blocks are encoded in parallel; the
bytes do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import BinaryIO

import numpy as np

from rscodec.bitstreams import Header, StreamWriter
from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.codec import rate
from rscodec.codec.base import TileCodec
from rscodec.concurrency.read_ahead import ahead
from rscodec.concurrency.tiles import side_by_side
from rscodec.metrics.pixels import peak
from rscodec.raster.metadata_schema import check_metadata
from rscodec.raster.pixel_source import PixelSource
from rscodec.raster.window import Window
from rscodec.stream.error_bound import Bound
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.radiometry_choice import RadiometryChoice
from rscodec.stream.radiometry_section import needs_section, section_of
from rscodec.stream.reach import highest_quality
from rscodec.stream.settings import EncodeSettings, Progress
from rscodec.stream.statistics import Statistics
from rscodec.stream.tile_encoder import Block, TileEncoder
from rscodec.stream.tile_payload import BLOCK_TILES


class SceneEncoder:
    """Encodes one source with one codec. Properties of the scene are computed once, in the constructor. `highest` is
    the highest quality at which nothing is clipped (rscodec.stream.reach).

    `choice`: that of the whole scene, if the source is a part of it. `peak`: the peak of the scene's PSNR, if its
    statistics were computed. `max_error`: the largest error of a valid pixel. `effort`: as in rscodec.networks.effort.
    `balance`: give errors more weight in bands that vary less.
    """

    peak: float | None = None

    def __init__(
        self,
        source: PixelSource,
        codec: TileCodec,
        tile: int = 512,
        choice: RadiometryChoice | None = None,
        max_error: float | None = None,
        effort: int = 0,
        balance: bool = False,
    ):
        self.source, self.codec, self.max_error, self.effort = source, codec, max_error, effort
        self.grid = Grid(source.width, source.height, tile, codec.stride)
        unread = Radiometry(source.dtype, source.count, source.exact_bands)
        self.choice = choice or RadiometryChoice(unread, source, codec)
        self.header(QUALITY_MIN).pack()  # refuses a scene that no stream can hold before reading it
        check_metadata(source.metadata, source.count)
        self.highest = QUALITY_MAX
        self.choice = choice or RadiometryChoice(self._measured(balance), source, codec)
        self.bound: Bound | None = None
        if max_error is not None and self.radiometry.groups:
            self.bound = Bound(max_error, source.dtype, self.radiometry.scale, source.nodata)

    def _measured(self, balance: bool) -> Radiometry:
        source, coded = self.source, list(self.source.coded_bands)
        if source.count == len(coded) == 1 and not (source.planes or needs_section(source.dtype, 1)):
            return Radiometry.default(source.dtype, 1)
        statistics = Statistics(source.dtype, len(coded))
        if coded:
            with closing(ahead(source.read(window) for window in self.grid.blocks(BLOCK_TILES))) as windows:
                for pixels, classes in windows:
                    statistics.add(pixels[coded], classes)
            self.peak = peak(source.dtype, statistics.low.min(), statistics.high.max())
        measured = statistics.radiometry(source.count, source.exact_bands, balance=balance)
        if coded and not self.codec.fixed_rate and self.max_error is None:  # a bound restores what does not fit
            blocks = statistics.blocks.means(np.array(measured.offset))
            self.highest = highest_quality(measured, blocks, self.codec)
        return measured

    @property
    def radiometry(self) -> Radiometry:
        """The radiometry that the statistics of the scene give. `radiometry_at` derives that of a stream from it."""
        return self.choice.measured

    def radiometry_at(self, quality: float) -> Radiometry:
        """The radiometry of a stream of this quality; of any quality if the codec has a single rate."""
        return self.radiometry.at(QUALITY_MIN) if self.codec.fixed_rate else self.choice.at(quality)

    def header(self, quality: float) -> Header:
        planes = bool(self.radiometry.planes or self.radiometry.exact)
        return Header(
            arithmetic=self.codec.arithmetic,
            model=self.codec.model,
            weights_hash=self.codec.weights_hash,
            quality=QUALITY_MIN if self.codec.fixed_rate else rate.from_wire(rate.to_wire(quality)),
            width=self.grid.width,
            height=self.grid.height,
            bands=self.source.count,
            dtype=self.source.dtype,
            tile=self.grid.edge,
            flags=frozenset({"planes"} if planes else ()),
            groups=self.radiometry_at(quality).groups,
        )

    def write(
        self,
        target: str | os.PathLike | BinaryIO,
        quality: float,
        overwrite: bool = False,
        progress: Progress | None = None,
        tiles: Generator[tuple, None, None] | None = None,
    ) -> None:
        """Encode to a path or a binary file. `progress` is called with (tiles done, all tiles).

        `tiles`: the results of tiles(quality), if workers make them.
        """
        header, radiometry = self.header(quality), section_of(self.radiometry_at(quality))
        done, total = 0, self.grid.rows * self.grid.cols
        bound = None if self.bound is None else self.bound.largest
        writer = StreamWriter(target, header, self.source.metadata, radiometry, overwrite, bound)
        with writer, closing(tiles or self.tiles(quality)) as made:
            for tile in made:
                writer.add(*tile)
                done += 1
                if progress:
                    progress(done, total)

    def tiles(self, quality: float, blocks: Iterable[Window] | None = None) -> Generator[tuple, None, None]:
        """Yield (row, col, planes, groups, residual) of every tile, or of the tiles of some blocks, for
        StreamWriter.add.
        """
        radiometry = self.radiometry_at(quality)
        encoder = TileEncoder(self.codec, self.grid, radiometry, quality, self.bound, self.effort)
        parallel = self.codec.parallel and not self.effort
        with (
            closing(ahead(map(self._read, blocks or self.grid.blocks(BLOCK_TILES)))) as read,
            closing(side_by_side(lambda block: list(encoder.tiles(block)), read, parallel)) as coded,
        ):
            for tiles in coded:
                yield from tiles

    def _read(self, window: Window) -> Block:
        outer = window.grown(self.codec.border * self.codec.stride, self.grid.scene)
        return Block(window, outer, *self.source.read(outer))


def encoder_for(
    source: PixelSource, settings: EncodeSettings, codec: TileCodec, choice: RadiometryChoice | None = None
) -> SceneEncoder:
    """The encoder of a source with these settings and this codec. `choice`: as for SceneEncoder."""
    if codec.fixed_rate and settings.has_target:
        raise InputError(f"a checkpoint of {codec.model} has one rate; omit `bpp` and `psnr`")
    if settings.max_error is not None and not codec.portable:
        raise InputError(f"`max_error` needs a model that is the same on every machine, which {codec.model} is not")
    if settings.effort > codec.most_effort:
        words = "knows no effort; omit it"
        if codec.portable:
            words = "searches with torch; run pip install 'rscodec[enhance]'"
        raise InputError(f"`effort={settings.effort}`: {codec.model} {words}")
    return SceneEncoder(source, codec, settings.tile, choice, settings.max_error, settings.effort, settings.balance)
