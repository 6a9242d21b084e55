"""The input of generative models: a stream or a raster with one interface.

stream             --DecodedPicture--> Picture.read(window) -> pixels (B, h, w), class planes
raster or array    --SourcePicture-->
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from rscodec.raster.colours import band_colours
from rscodec.raster.metadata import Metadata
from rscodec.raster.pixel_source import PixelSource
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.geometry import Grid
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.statistics import Statistics

PIECE = 512


class ReadablePicture(Protocol):
    """A picture that can be read window by window without seams: a decoder, or a generated scene."""

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (B, h, w) of a window, and class planes (P, h, w) if there are any."""

    def pieces(self, window: Window) -> list[Window]:
        """The parts in which a window is read fastest, row by row."""

    def damage(self, window: Window) -> np.ndarray:
        """bool (h, w): True for pixels of a window that a damaged stream has lost."""


class Picture(ReadablePicture, Protocol):
    """The picture from which pixels are generated. `colours`: the names of bands. `coded`: indices of bands that are
    not alpha.
    """

    scene: Window
    dtype: str
    metadata: Metadata
    nodata: float | None
    colours: tuple[str, ...]
    coded: tuple[int, ...]

    def units(self, bands: tuple[int, ...]) -> Radiometry:
        """The units of these bands."""


def plain_units(radiometry: Radiometry, places: Sequence[int]) -> Radiometry:
    """The units of these coded bands: the scale of the scene, without its KLT. For eight bits they are fixed."""
    if radiometry.dtype == "uint8":
        return Radiometry.default("uint8", len(places))
    scale, offsets = radiometry.scale, [radiometry.offset[place] for place in places]
    if radiometry.weights:  # the scale then applies to bands multiplied by their weights
        scale /= min(radiometry.weights[place] for place in places)
    if radiometry.has_klt:  # the offset is then the mean of a band, which should become mid grey
        offsets = [offset - scale / 2 for offset in offsets]
    return Radiometry(radiometry.dtype, len(places), scale=scale, offset=tuple(offsets))


class DecodedPicture:
    """A stream as a picture. Its radiometry gives the units, so the stream need not be decoded twice."""

    def __init__(self, decoder: SceneDecoder, metadata: Metadata):
        self._decoder, self._radiometry = decoder, decoder.radiometry
        self.scene, self.metadata, self.nodata = decoder.grid.scene, metadata, decoder.nodata
        self.dtype = self._radiometry.dtype
        self.colours = band_colours(metadata, self._radiometry.bands, self._radiometry.dtype)
        self.coded = self._radiometry.coded

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        return self._decoder.read(window)

    def pieces(self, window: Window) -> list[Window]:
        return self._decoder.pieces(window)

    def damage(self, window: Window) -> np.ndarray:
        return self._decoder.damage(window)

    def units(self, bands: tuple[int, ...]) -> Radiometry:
        return plain_units(self._radiometry, [self.coded.index(band) for band in bands])


class SourcePicture:
    """A raster or an array as a picture. Computing its units takes a pass over it, unless it has eight bits."""

    def __init__(self, source: PixelSource):
        self._source, self._grid = source, Grid(source.width, source.height, PIECE, 1)
        self.scene, self.metadata, self.nodata = self._grid.scene, source.metadata, source.nodata
        self.dtype = source.dtype
        self.colours = band_colours(source.metadata, source.count, source.dtype)
        self.coded = source.coded_bands

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        return self._source.read(window)

    def pieces(self, window: Window) -> list[Window]:
        return self._grid.pieces(window)

    def damage(self, window: Window) -> np.ndarray:
        return np.zeros((window.height, window.width), bool)

    def units(self, bands: tuple[int, ...]) -> Radiometry:
        statistics = Statistics(self._source.dtype, len(bands))
        for piece in self.pieces(self.scene) if self._source.dtype != "uint8" else []:
            pixels, classes = self.read(piece)
            if classes is not None and len(classes) > 1:
                classes = classes[[self.coded.index(band) for band in bands]]
            statistics.add(pixels[list(bands)], classes)
        return plain_units(statistics.radiometry(len(bands)), range(len(bands)))
