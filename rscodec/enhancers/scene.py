"""A scene, enhanced window by window, behind the same calls as the scene itself.

    picture.read --red, green, blue--> fill invalid, scale to 0..1 --Enhancer.change--> one change per window (kept for
                                                                                        its neighbours)
    picture.read + strength * blended changes --round, clip, restore invalid--> pixels
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rscodec.decoder import SceneDecoder
from rscodec.encoder import BLOCK_TILES
from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.enhancers.windows import Windows
from rscodec.fill import fill_invalid
from rscodec.provenance import marked
from rscodec.radiometry import REPLICATION, Radiometry, to_dtype
from rscodec.raster import RasterReader
from rscodec.statistics import Statistics
from rscodec.tiles import Grid, Window
from rscodec.validity import VALID, protect_nodata

COLOURS = ("red", "green", "blue")
BEYOND = 0.5  # of 0..1: pixels further out are outliers, which the network need not see as they are
PIECE = 512


@dataclass(frozen=True)
class Picture:
    """What can be enhanced: `decoded` makes it of a stream, `opened` of a raster."""

    scene: Window
    metadata: dict
    nodata: float | None
    coded: tuple[int, ...]  # indices of the bands that are no alpha
    units: Callable[[tuple[int, ...]], Radiometry]  # of some of these bands
    read: Callable[[Window], tuple[np.ndarray, np.ndarray | None]]  # pixels (B, h, w), class planes (P, h, w) if any
    pieces: Callable[[Window], list[Window]]  # a window in the parts in which it is best read, row by row
    damage: Callable[[Window], np.ndarray]  # bool (h, w): what a damaged stream has lost of a window


class EnhancedScene:
    """Reads like the picture that it is made of. `facts` are for its tags, `bands` (0-based) are those that change."""

    def __init__(self, picture: Picture, enhancer: Enhancer, settings: EnhanceSettings, facts: dict[str, object],
                 quality: float | None = None):  # fmt: skip
        self._picture, self._enhancer, self._settings, self._quality = picture, enhancer, settings, quality
        self._facts = facts
        self.pieces = picture.pieces
        self.bands = () if settings.changes_nothing else colour_bands(picture.metadata, picture.coded)
        self._units = picture.units(self.bands) if self.bands else None
        self._windows = Windows(picture.scene, enhancer.window, enhancer.overlap)
        self._changes: dict[Window, np.ndarray] = {}

    def read(self, part: Window) -> tuple[np.ndarray, np.ndarray | None]:
        pixels, classes = self._picture.read(part)
        if not self.bands:
            return pixels, classes
        change = np.zeros((3, part.height, part.width), np.float32)
        for window in self._windows.touching(part):
            both = window.overlap(part)
            change[(slice(None), *both.within(part))] += self._change(window)[(slice(None), *both.within(window))]
        self._forget(part)
        bands = list(self.bands)
        keep = self._invalid(classes, pixels.shape[1:]) | self._picture.damage(part)
        pixels = pixels.copy()
        pixels[bands] = np.where(keep, pixels[bands], self._changed(pixels[bands], change))
        return pixels, classes

    def mark(self, metadata: dict, chosen: list[int]) -> dict:
        """The metadata of an output that has the `chosen` bands (0-based), with the tags that it needs."""
        bands = [place for place, band in enumerate(chosen, 1) if band in self.bands]
        return marked(metadata, bands, self._facts) if bands else metadata

    def _changed(self, before: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Pixels of the colour bands in their own units with a change (3, h, w) of network channels."""
        channels = np.array(REPLICATION[len(before)])
        step = np.stack([change[channels == band].mean(0) for band in range(len(before))]).astype(np.float64)
        step *= self._units.scale * self._settings.strength
        limit = self._settings.max_change
        if limit is not None:
            limit = np.floor(limit) if np.issubdtype(before.dtype, np.integer) else limit
            step = step.clip(-limit, limit)
        return protect_nodata(to_dtype(before + step, before.dtype), None, self._picture.nodata)

    def _change(self, window: Window) -> np.ndarray:
        """The share that a window has in the change of its pixels: (3, W, W)."""
        if window not in self._changes:
            inside = window.overlap(self._picture.scene)
            pixels, classes = self._picture.read(inside)
            holes = self._invalid(classes, pixels.shape[1:]) | self._picture.damage(inside)
            pixels = fill_invalid(pixels[list(self.bands)], holes)
            x = self._units.forward(pixels)[0].clip(-BEYOND, 1 + BEYOND)
            missing = (0, 0), (0, window.height - inside.height), (0, window.width - inside.width)
            x = np.ascontiguousarray(np.pad(x, missing, mode="symmetric"))
            seed = int(np.random.SeedSequence((self._settings.seed, window.row, window.col)).generate_state(1)[0])
            self._changes[window] = self._enhancer.change(x, self._quality, seed) * self._windows.share(window)
        return self._changes[window]

    def _invalid(self, classes: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
        """bool (bands or 1, h, w)"""
        if classes is None:
            return np.zeros((1, *shape), bool)
        if len(classes) > 1:
            classes = classes[[self._picture.coded.index(band) for band in self.bands]]
        return classes != VALID

    def _forget(self, part: Window) -> None:
        """Keep the changes of those windows only that reach into the next part, to the right or below."""
        for window in list(self._changes):
            right = window.col < part.right < window.right and window.row < part.bottom
            below = window.row < part.bottom < window.bottom
            if not (right or below):
                del self._changes[window]


def colour_bands(metadata: dict, coded: tuple[int, ...]) -> tuple[int, ...]:
    """The bands (0-based) that are called red, green and blue; else the first three, or the one or two there are."""
    names = metadata.get("colorinterp", [])
    if all(names.count(colour) == 1 for colour in COLOURS):
        return tuple(names.index(colour) for colour in COLOURS)
    return tuple(coded[:3])


def plain_units(radiometry: Radiometry, places: Sequence[int]) -> Radiometry:
    """The coded bands at these places on the scale of a scene, without its KLT; eight bits are their own units."""
    if radiometry.dtype == "uint8":
        return Radiometry.default("uint8", len(places))
    offsets = [radiometry.offset[place] for place in places]
    if radiometry.has_klt:  # then the offset is the mean of a band, which is to become mid grey
        offsets = [offset - radiometry.scale / 2 for offset in offsets]
    return Radiometry(radiometry.dtype, len(places), scale=radiometry.scale, offset=tuple(offsets))


def decoded(decoder: SceneDecoder, metadata: dict) -> Picture:
    """A stream as a picture. Units are those that its radiometry gives away, so it need not be decoded twice."""
    radiometry = decoder.radiometry

    def units(bands: tuple[int, ...]) -> Radiometry:
        return plain_units(radiometry, [radiometry.coded.index(band) for band in bands])

    return Picture(decoder.grid.scene, metadata, decoder.nodata, radiometry.coded, units, decoder.read, decoder.pieces,
                   decoder.damage)  # fmt: skip


def opened(reader: RasterReader) -> Picture:
    """A raster as a picture; its units take a pass over it, unless it has eight bits."""
    grid, coded = Grid(reader.width, reader.height, PIECE, 1), reader.coded_bands

    def pieces(part: Window) -> list[Window]:
        parts = (block.overlap(part) for block in grid.blocks(BLOCK_TILES))
        return [piece for piece in parts if piece.width > 0 and piece.height > 0]

    def units(bands: tuple[int, ...]) -> Radiometry:
        statistics = Statistics(reader.dtype, len(bands))
        for piece in pieces(grid.scene) if reader.dtype != "uint8" else []:
            pixels, classes = reader.read(*piece)
            if classes is not None and len(classes) > 1:
                classes = classes[[coded.index(band) for band in bands]]
            statistics.add(pixels[list(bands)], classes)
        return plain_units(statistics.radiometry(len(bands)), range(len(bands)))

    return Picture(grid.scene, reader.metadata, reader.nodata, coded, units, lambda part: reader.read(*part), pieces,
                   lambda part: np.zeros((part.height, part.width), bool))  # fmt: skip
