"""Encodes blocks of tiles to payloads, at one quality.

Block --codec.analyse--> y --codec.refine, codec.encode--> payload and latents of each group of a tile
      few valid pixels: a loop reduces their error        --> better ones (rscodec.stream.closed_loop)
      more bits than its detail is worth                  --> FLAT
      with a largest error: remaining differences         --> the residual of the tile (rscodec.stream.error_bound)
      classes and lossless bands                          --> the planes of the tile
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rscodec.bitstreams.planes import encode_planes, planes_crc
from rscodec.codec import rate
from rscodec.codec.base import Aim, TileCodec
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.fill import fill_invalid
from rscodec.raster.validity import VALID
from rscodec.raster.window import Window
from rscodec.stream.closed_loop import Coded, TileView, analyse, closer
from rscodec.stream.error_bound import Bound, unrounded_base
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.tile_payload import FLAT, latents_crc

MOST_FLAT = 1.5  # mid grey may leave this many times the error that coding leaves


@dataclass(frozen=True)
class Block:
    """Neighbouring tiles (`window`) with their surroundings (`outer`). The pixels (B,H,W) and classes are those of
    `outer`.
    """

    window: Window
    outer: Window
    pixels: np.ndarray
    classes: np.ndarray | None


@dataclass(frozen=True)
class AnalysedBlock:
    """The input channels (G,3,H,W) of the network for a block, and the output y (G,h,w,N) of its analysis."""

    outer: Window
    classes: np.ndarray | None
    channels: np.ndarray
    y: np.ndarray

    def seen(self, tile: Window) -> np.ndarray:
        """The channels (G,3,h,w) of a tile."""
        rows, cols = tile.within(self.outer)
        return self.channels[..., rows, cols]

    def valid(self, tile: Window) -> np.ndarray:
        """bool (P,h,w): the valid pixels of a tile. P is 1 if all pixels are valid."""
        if self.classes is None:
            return np.ones((1, tile.height, tile.width), bool)
        rows, cols = tile.within(self.outer)
        return self.classes[:, rows, cols] == VALID


class TileEncoder:
    """Encodes blocks of one scene at one quality. `radiometry` is that of this quality."""

    def __init__(
        self, codec: TileCodec, grid: Grid, radiometry: Radiometry, quality: float, bound: Bound | None, effort: int
    ):
        self.codec, self.grid, self.radiometry, self.quality = codec, grid, radiometry, quality
        self.bound, self.effort = bound, effort

    def tiles(self, block: Block) -> Iterator[tuple]:
        """(row, col, planes, groups, residual) of each tile of a block, for StreamWriter.add."""
        edge, analysed = self.grid.edge, self._analysed(block)
        row = block.window.row // edge
        for col in range(block.window.col // edge, -(-block.window.right // edge)):
            tile = self.grid.tile(row, col)
            inside = (slice(None), *tile.within(block.outer))
            pixels, classes = block.pixels[inside], None if block.classes is None else block.classes[inside]
            groups: list[tuple[bytes, int]] = []
            residual = b"", 0
            if analysed is not None and (classes is None or (classes == VALID).any()):
                groups, residual = self._coded(analysed, tile, pixels)
            yield row, col, self._planes(pixels, classes), groups, residual

    def _analysed(self, block: Block) -> AnalysedBlock | None:
        """Analyse a block. None if there is nothing to code."""
        pixels, _ = self.radiometry.split(block.pixels)
        classes = block.classes
        if not len(pixels) or (classes is not None and (classes != VALID).all()):
            return None
        if classes is not None and classes.any():
            pixels = fill_invalid(pixels, classes != VALID)
        channels = self.radiometry.forward(pixels)
        return AnalysedBlock(block.outer, classes, channels, analyse(self.codec, channels, self.quality))

    def _coded(self, block: AnalysedBlock, tile: Window, pixels: np.ndarray) -> tuple[list, tuple[bytes, int]]:
        """The payloads of a tile, and its residual, each with its checksum."""
        coded = self._latents(block, tile)
        groups = [(payload, latents_crc(values)) for payload, values in coded]
        if not self.bound:
            return groups, (b"", 0)
        original, _ = self.radiometry.split(pixels)
        latents = np.stack([values for _, values in coded])
        base = unrounded_base(self.codec, self.radiometry, latents, self.quality, tile)
        return groups, self.bound.encode(base, original, np.broadcast_to(block.valid(tile), original.shape))

    def _latents(self, block: AnalysedBlock, tile: Window) -> Coded:
        """Payload and latents of each group of a tile."""
        valid, seen = block.valid(tile), block.seen(tile)
        coded = self._encoded(block, tile)
        if self.codec.fixed_rate:
            return coded
        if np.count_nonzero(valid.any(0)) <= self.codec.stride**2 and not self.bound:
            coded = closer(self._view(block, tile), coded, valid, self.radiometry)
        cheap = [group for group, (payload, _) in enumerate(coded) if self._cheap(payload, seen[group], valid)]
        if cheap:
            shown, visible = self._view(block, tile).shown(coded), self.radiometry.visible()
            for group in cheap:
                left, flat = (_error(visible[group], seen[group], other, valid) for other in (shown[group], 0.5))
                if flat <= MOST_FLAT**2 * left:
                    coded[group] = FLAT, np.zeros_like(coded[group][1])
        return coded

    def _encoded(self, block: AnalysedBlock, tile: Window) -> Coded:
        """Payload and latents without the closed loop."""
        codec, y_window, own = self.codec, self.grid.to_latents(block.outer), self.grid.to_latents(tile)
        if not self.effort:
            rows, cols = own.within(y_window)
            return codec.encode(block.y[:, rows, cols], self.quality)
        around, weight = own.grown(codec.halo, y_window), block.valid(tile).mean(0)
        visible = self.radiometry.visible()
        aims = [Aim(seen, weight, counts) for seen, counts in zip(block.seen(tile), visible, strict=True)]
        rows, cols = around.within(y_window)
        y = codec.refine(block.y[:, rows, cols], own.within(around), aims, self.quality, self.effort)
        return codec.encode(y, self.quality, refined=True)

    def _view(self, block: AnalysedBlock, tile: Window) -> TileView:
        """A tile with the surroundings that the decoder and the network will see."""
        grid, codec, y_window = self.grid, self.codec, self.grid.to_latents(block.outer)
        own = grid.to_latents(tile)
        around = own if self.bound else own.grown(codec.halo, y_window)
        rows, cols = around.within(y_window)
        latents = to_dtype(np.rint(block.y[:, rows, cols] * codec.latent_unit), codec.latent_dtype)
        for neighbour in grid.touching(around) if block.classes is not None else ():
            part = grid.to_latents(grid.tile(*neighbour)).overlap(around)
            if not block.valid(grid.to_pixels(part).overlap(block.outer)).any():
                rows, cols = part.within(around)
                latents[:, rows, cols] = 0  # probably not in the stream
        area = tile.grown(codec.border * codec.stride, block.outer)
        return TileView(codec, self.quality, block.seen(area), tile.within(area), latents, own.within(around))

    def _cheap(self, payload: bytes, channels: np.ndarray, valid: np.ndarray) -> bool:
        """Whether the error of mid grey costs less than the bits of this group, even if those bits left no error."""
        error = np.square(255 * (channels - 0.5)).mean(0)[valid.any(0)]
        return rate.weight(self.quality) * error.sum() <= 8 * len(payload)

    def _planes(self, pixels: np.ndarray, classes: np.ndarray | None) -> tuple[bytes, int] | None:
        """The lossless planes of a tile with their checksum; None if the stream has no planes."""
        if not (self.radiometry.planes or self.radiometry.exact):
            return None
        _, exact = self.radiometry.split(pixels)
        count = self.radiometry.plane_count
        shape = (count, *pixels.shape[1:])
        kept = np.zeros(shape, np.uint8) if classes is None else np.broadcast_to(classes[:count], shape)
        return encode_planes(kept, exact), planes_crc(kept, exact)


def _error(visible: np.ndarray, channels: np.ndarray, shown: np.ndarray | float, valid: np.ndarray) -> float:
    """Mean squared error of the valid pixels of a group (3,h,w), counting only errors that reach the bands."""
    return np.square(visible @ (channels - shown)[:, valid.any(0)]).mean()
