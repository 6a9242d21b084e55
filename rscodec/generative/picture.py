"""A picture: what generated pixels are made of, whether a stream or a raster holds it, behind the same calls.

    stream  --decoded--> Picture.read(window) -> pixels (B, h, w), class planes
    raster  --opened-->
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rscodec.raster.metadata import default_colours
from rscodec.raster.reader import RasterReader
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import BLOCK_TILES
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.statistics import Statistics

COLOURS = ("red", "green", "blue")
DESCRIBED = {"red": "red", "green": "green", "blue": "blue", "b04": "red", "b03": "green", "b02": "blue"}  # Sentinel-2
PIECE = 512


@dataclass(frozen=True)
class Picture:
    """What pixels are generated from: `decoded` makes it of a stream, `opened` of a raster."""

    scene: Window
    metadata: dict
    nodata: float | None
    colours: tuple[str, ...]  # what bands are called
    coded: tuple[int, ...]  # indices of the bands that are no alpha
    units: Callable[[tuple[int, ...]], Radiometry]  # of some of these bands
    read: Callable[[Window], tuple[np.ndarray, np.ndarray | None]]  # pixels (B, h, w), class planes (P, h, w) if any
    pieces: Callable[[Window], list[Window]]  # a window in the parts in which it is best read, row by row
    damage: Callable[[Window], np.ndarray]  # bool (h, w): what a damaged stream has lost of a window


def said_colours(colours: Sequence[str], coded: tuple[int, ...], chosen: Sequence[int] = ()) -> tuple[int, ...]:
    """The bands (0-based) that are called red, green and blue; else the first three that are `chosen`; else none."""
    if all(colours.count(colour) == 1 for colour in COLOURS):
        return tuple(colours.index(colour) for colour in COLOURS)
    first = tuple(band for band in chosen if band in coded)[:3]
    return first if len(first) == 3 else ()


def band_colours(metadata: dict, count: int, dtype: str) -> tuple[str, ...]:
    """What bands are called: by their descriptions if these name red, green and blue, else by colour interpretation."""
    described = tuple(DESCRIBED.get((text or "").strip().lower(), "") for text in metadata.get("descriptions") or ())
    if all(described.count(colour) == 1 for colour in COLOURS):
        return described
    return tuple(metadata.get("colorinterp") or default_colours(count, dtype))


def plain_units(radiometry: Radiometry, places: Sequence[int]) -> Radiometry:
    """The coded bands at these places on the scale of a scene, without its KLT; eight bits are their own units."""
    if radiometry.dtype == "uint8":
        return Radiometry.default("uint8", len(places))
    scale, offsets = radiometry.scale, [radiometry.offset[place] for place in places]
    if radiometry.weights:  # then the scale is that of bands times their weights
        scale /= min(radiometry.weights[place] for place in places)
    if radiometry.has_klt:  # then the offset is the mean of a band, which is to become mid grey
        offsets = [offset - scale / 2 for offset in offsets]
    return Radiometry(radiometry.dtype, len(places), scale=scale, offset=tuple(offsets))


def decoded(decoder: SceneDecoder, metadata: dict) -> Picture:
    """A stream as a picture. Units are those that its radiometry gives away, so it need not be decoded twice."""
    radiometry = decoder.radiometry

    def units(bands: tuple[int, ...]) -> Radiometry:
        return plain_units(radiometry, [radiometry.coded.index(band) for band in bands])

    colours = band_colours(metadata, radiometry.bands, radiometry.dtype)
    return Picture(decoder.grid.scene, metadata, decoder.nodata, colours, radiometry.coded, units, decoder.read,
                   decoder.pieces, decoder.damage)  # fmt: skip


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

    colours = band_colours(reader.metadata, reader.count, reader.dtype)
    return Picture(grid.scene, reader.metadata, reader.nodata, colours, coded, units, lambda part: reader.read(*part),
                   pieces, lambda part: np.zeros((part.height, part.width), bool))  # fmt: skip
