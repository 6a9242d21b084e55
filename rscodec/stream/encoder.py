"""A scene into a stream.

    source --windows--> pixels, classes --fill--> radiometry.forward --> network channels (G, 3, h, w)
      codec.analyse, on blocks of tiles with a border      ->  y
      with effort: codec.refine, tile by tile               ->  y that costs less
      codec.encode, tile by tile                            ->  one payload per tile and group
      few valid pixels: what they lack is asked for again   ->  better payloads (rscodec.stream.closed_loop)
      classes and lossless bands                            ->  the planes of the tile
      with a largest error: what the latents lack           ->  the residual of the tile (rscodec.stream.error_bound)
                                                             => StreamWriter

Bounded memory: what is held is a block of tiles, never the scene. Reading runs ahead in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np

from rscodec.bitstreams import Header, StreamWriter
from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.planes import encode_planes, planes_crc
from rscodec.codec import rate
from rscodec.codec.base import Aim, TileCodec
from rscodec.concurrency.read_ahead import ahead
from rscodec.metrics.pixels import peak
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.fill import fill_invalid
from rscodec.raster.metadata_schema import check_metadata
from rscodec.raster.pixel_source import PixelSource
from rscodec.raster.window import Window
from rscodec.stream.closed_loop import Coded, TileView, analyse, closer
from rscodec.stream.error_bound import Bound, unrounded_base
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.settings import EncodeSettings, Progress
from rscodec.stream.statistics import Statistics
from rscodec.stream.tile_payload import BLOCK_TILES, FLAT, latents_crc

FIRST_SEARCH = 2  # effort from which on a tile is refined
MOST_FLAT = 1.5  # times the error that coding leaves may be what mid grey leaves


class SceneEncoder:
    """Encodes one source with one codec. What depends on the scene alone is found out once, at construction.

    `radiometry`: that of the scene of which the source is a part, instead of its own.
    `peak`: what the PSNR of the scene refers to, where its statistics were needed.
    `max_error`: the most by which a valid pixel may be off. `effort`: as in rscodec.codec.effort. `balance`: an
    error counts by how much its band varies.
    """

    peak: float | None = None

    def __init__(self, source: PixelSource, codec: TileCodec, tile: int = 512, radiometry: Radiometry | None = None,
                 max_error: float | None = None, effort: int = 0, balance: bool = False):  # fmt: skip
        self.source, self.codec, self.max_error, self.effort = source, codec, max_error, effort
        self.grid = Grid(source.width, source.height, tile, codec.stride)
        self.radiometry = radiometry or Radiometry(source.dtype, source.count, source.exact_bands)
        self.header(rate.QUALITY_MIN).pack()  # what no stream can hold is refused before the scene is read
        check_metadata(source.metadata, source.count)
        self.radiometry = radiometry or self._radiometry(balance)
        bounded = max_error is not None and self.radiometry.groups
        self.bound = Bound(max_error, source.dtype, self.radiometry.scale, source.nodata) if bounded else None

    def _radiometry(self, balance: bool) -> Radiometry:
        source, coded = self.source, list(self.source.coded_bands)
        if source.count == len(coded) == 1 and not (source.planes or Radiometry.needs_section(source.dtype, 1)):
            return Radiometry.default(source.dtype, 1)
        statistics = Statistics(source.dtype, len(coded))
        if coded:
            with closing(ahead(source.read(window) for window in self.grid.blocks(BLOCK_TILES))) as windows:
                for pixels, classes in windows:
                    statistics.add(pixels[coded], classes)
            self.peak = peak(source.dtype, statistics.low.min(), statistics.high.max())
        return statistics.radiometry(source.count, source.exact_bands, balance=balance)

    def radiometry_at(self, quality: float) -> Radiometry:
        """That of a stream of this quality; where there is one rate only, quality has no say in it."""
        return self.radiometry.at(rate.QUALITY_MIN if self.codec.fixed_rate else quality)

    def header(self, quality: float) -> Header:
        planes = bool(self.radiometry.planes or self.radiometry.exact)
        return Header(
            arithmetic=self.codec.arithmetic,
            model=self.codec.model,
            weights_hash=self.codec.weights_hash,
            quality=rate.QUALITY_MIN if self.codec.fixed_rate else rate.from_wire(rate.to_wire(quality)),
            width=self.grid.width,
            height=self.grid.height,
            bands=self.source.count,
            dtype=self.source.dtype,
            tile=self.grid.edge,
            flags=frozenset({"planes"} if planes else ()),
            groups=self.radiometry_at(quality).groups,
        )

    def write(self, target, quality: float, overwrite: bool = False, progress: Progress | None = None,
              tiles: Iterator[tuple] | None = None) -> None:  # fmt: skip
        """Encode to a path or a binary file. `progress` is told (tiles done, tiles in all).

        `tiles`: what tiles(quality) yields, if others make it.
        """
        radiometry = self.radiometry_at(quality)
        radiometry = None if radiometry.is_default() else radiometry.pack()
        done, total = 0, self.grid.rows * self.grid.cols
        bound = self.bound and self.bound.largest
        writer = StreamWriter(target, self.header(quality), self.source.metadata, radiometry, overwrite, bound)
        with writer, closing(tiles or self.tiles(quality)) as made:
            for tile in made:
                writer.add(*tile)
                done += 1
                if progress:
                    progress(done, total)

    def tiles(self, quality: float, blocks: Iterable[Window] | None = None) -> Iterator[tuple]:
        """(row, col, planes, groups, residual) of every tile, or of those of some blocks, for StreamWriter.add."""
        edge, blocks = self.grid.edge, blocks or self.grid.blocks(BLOCK_TILES)
        with closing(ahead(self._read(block) for block in blocks)) as scanned:
            for block, outer, pixels, classes in scanned:
                channels, y = self._analyse(outer, pixels, classes, quality)
                for col in range(block.col // edge, -(-block.right // edge)):
                    tile = self.grid.tile(block.row // edge, col)
                    inside = (slice(None), *tile.within(outer))
                    planes = self._planes(pixels[inside], None if classes is None else classes[inside])
                    groups, residual = [], (b"", 0)
                    if y is not None and (classes is None or (classes[inside] == 0).any()):
                        valid = None if classes is None else classes[inside] == 0
                        coded = self._code(y, outer, tile, channels, classes, quality)
                        groups = [(payload, latents_crc(values)) for payload, values in coded]
                        if self.bound:
                            base = np.stack([values for _, values in coded])
                            residual = self._residual(base, pixels[inside], valid, quality, tile)
                    yield block.row // edge, col, planes, groups, residual

    def _read(self, block: Window) -> tuple[Window, Window, np.ndarray, np.ndarray | None]:
        outer = block.grown(self.codec.border * self.codec.stride, self.grid.scene)
        return block, outer, *self.source.read(outer)

    def _analyse(self, outer: Window, pixels: np.ndarray, classes: np.ndarray | None, quality: float):
        """Channels (G, 3, H, W) and y (G, h, w, N) of a block and its border; None where there is nothing to code."""
        coded, _ = self.radiometry.split(pixels)
        if not len(coded) or (classes is not None and (classes != 0).all()):
            return None, None
        if classes is not None and classes.any():
            coded = fill_invalid(coded, classes != 0)
        channels = self.radiometry_at(quality).forward(coded)
        return channels, analyse(self.codec, channels, quality)

    def _code(self, y: np.ndarray, outer: Window, tile: Window, channels: np.ndarray, classes: np.ndarray | None,
              quality: float) -> Coded:  # fmt: skip
        """Payload and latents of each group of a tile; y, channels and classes are of `outer`."""
        inside = (slice(None), *tile.within(outer))
        shape = (1, tile.height, tile.width)
        valid = np.ones(shape, bool) if classes is None else classes[inside] == 0
        coded = self._encoded(y, self.grid.to_latents(outer), tile, channels[(slice(None), *inside)], valid, quality)
        if self.codec.fixed_rate:
            return coded
        if np.count_nonzero(valid.any(0)) <= self.codec.stride**2 and not self.bound:
            view = self._view(y, outer, tile, channels, classes, quality)
            coded = closer(view, coded, valid, self.radiometry_at(quality))
        seen = channels[(slice(None), *inside)]
        cheap = [group for group, (payload, _) in enumerate(coded) if _cheap(payload, seen[group], valid, quality)]
        if cheap:
            shown = self._view(y, outer, tile, channels, classes, quality).shown(coded)
            visible = self.radiometry_at(quality).visible()
            for group in cheap:
                left, flat = (_error(visible[group], seen[group], other, valid) for other in (shown[group], 0.5))
                if flat <= MOST_FLAT**2 * left:
                    coded[group] = FLAT, np.zeros_like(coded[group][1])
        return coded

    def _view(self, y: np.ndarray, outer: Window, tile: Window, channels: np.ndarray, classes: np.ndarray | None,
              quality: float) -> TileView:  # fmt: skip
        """A tile with as much around it as the decoder will have, and the network sees."""
        grid, codec, y_window = self.grid, self.codec, self.grid.to_latents(outer)
        own = grid.to_latents(tile)
        around = own if self.bound else own.grown(codec.halo, y_window)
        latents = np.rint(y[(slice(None), *around.within(y_window))] * codec.latent_unit).astype(codec.latent_dtype)
        for neighbour in grid.touching(around) if classes is not None else ():
            part = grid.to_latents(grid.tile(*neighbour)).overlap(around)
            if (classes[(slice(None), *grid.to_pixels(part).overlap(outer).within(outer))] != 0).all():
                latents[(slice(None), *part.within(around))] = 0  # probably absent
        area = tile.grown(codec.border * codec.stride, outer)
        return TileView(codec, quality, channels[(..., *area.within(outer))], tile.within(area), latents,
                        own.within(around))  # fmt: skip

    def _encoded(self, y: np.ndarray, y_window: Window, tile: Window, channels: np.ndarray, valid: np.ndarray,
                 quality: float) -> Coded:  # fmt: skip
        """Payload and latents of each group of a tile with these channels; `y` is of `y_window`."""
        own = self.grid.to_latents(tile)
        if self.effort < FIRST_SEARCH:
            return self.codec.encode(y[(slice(None), *own.within(y_window))], quality, self.effort > 0)
        around = own.grown(self.codec.halo, y_window)
        visible = self.radiometry_at(quality).visible()
        aims = [Aim(seen, valid.mean(0), counts) for seen, counts in zip(channels, visible, strict=True)]
        known = y[(slice(None), *around.within(y_window))]
        return self.codec.encode(self.codec.refine(known, own.within(around), aims, quality, self.effort), quality)

    def _residual(self, latents: np.ndarray, pixels: np.ndarray, valid: np.ndarray | None, quality: float, tile):
        """What a tile's latents (G, h, w, N) lack, with its checksum."""
        coded, _ = self.radiometry.split(pixels)
        base = unrounded_base(self.codec, self.radiometry_at(quality), latents, quality, tile)
        return self.bound.encode(base, coded, np.broadcast_to(True if valid is None else valid, coded.shape))

    def _planes(self, pixels: np.ndarray, classes: np.ndarray | None) -> tuple[bytes, int] | None:
        """The lossless side of a tile with its checksum; None where the stream has no such thing."""
        if not (self.radiometry.planes or self.radiometry.exact):
            return None
        _, exact = self.radiometry.split(pixels)
        count = self.radiometry.plane_count
        shape = (count, *pixels.shape[1:])
        kept = np.zeros(shape, np.uint8) if classes is None else np.broadcast_to(classes[:count], shape)
        return encode_planes(kept, exact), planes_crc(kept, exact)


def encoder_for(source: PixelSource, settings: EncodeSettings, radiometry: Radiometry | None = None) -> SceneEncoder:
    """The encoder of a source with these settings; `radiometry` as for SceneEncoder."""
    codec = codec_for_encoding(settings.model, settings.weights, settings.device)
    if codec.fixed_rate and settings.has_target:
        raise InputError(f"a checkpoint of {codec.model} has one rate; leave --bpp and --psnr away")
    if settings.max_error is not None and not codec.portable:
        raise InputError(f"--max-error needs a model that is the same on every machine, which {codec.model} is not")
    if settings.effort > codec.most_effort:
        raise InputError(f"--effort {settings.effort}: {codec.model} knows no effort; leave it away")
    return SceneEncoder(source, codec, settings.tile, radiometry, settings.max_error, settings.effort,
                        settings.balance)  # fmt: skip


def _cheap(payload: bytes, channels: np.ndarray, valid: np.ndarray, quality: float) -> bool:
    """Would the error of mid grey cost less than the bits of this group of a tile, even if they left no error?"""
    error = np.square(255 * (channels - 0.5)).mean(0)[valid.any(0)]
    return rate.weight(quality) * error.sum() <= 8 * len(payload)


def _error(visible: np.ndarray, channels: np.ndarray, shown: np.ndarray | float, valid: np.ndarray) -> float:
    """Mean squared error of valid pixels of a group (3,h,w), as far as the bands will have it."""
    return np.square(visible @ (channels - shown)[:, valid.any(0)]).mean()
