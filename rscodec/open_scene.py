"""An open stream, with the names that rasterio gives to an open dataset.

with rscodec.open("scene.bin") as scene:
    scene.shape, scene.count, scene.dtype, scene.crs, scene.transform, scene.bounds, scene.nodata
    scene.read(window, bands, out_shape)                                        a Scene
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, naming
from rscodec.bitstreams.limits import MAX_PIXELS_IN_MEMORY
from rscodec.concurrency.threads import turn
from rscodec.enhancers.base import EnhanceSettings
from rscodec.output import check_bands, check_size, check_window
from rscodec.raster.georeference import bounds_of, crs_of, transform_of, window_of
from rscodec.raster.metadata import Metadata, crop_metadata, nodata_value, scale_metadata, select_bands
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.resample import nearest
from rscodec.raster.scene import Scene, assemble, summary
from rscodec.raster.window import Window
from rscodec.stream.settings import DecodeSettings, is_whole

if TYPE_CHECKING:
    from rasterio import Affine
    from rasterio.coords import BoundingBox
    from rasterio.crs import CRS

    from rscodec.generative.picture import ReadablePicture
    from rscodec.stream.decoder import SceneDecoder


class OpenScene:
    """An open stream; use it as a context manager. Threads may share it; one reads at a time."""

    def __init__(
        self,
        reader: StreamReader,
        settings: DecodeSettings | None = None,
        enhance: EnhanceSettings | None = None,
        colours: tuple[int, ...] | None = None,
        max_pixels: int = MAX_PIXELS_IN_MEMORY,
    ):
        self.reader, self._settings, self._enhance = reader, settings or DecodeSettings(), enhance
        self._colours, self._max_pixels = colours, max_pixels
        self._decoder = self._enhanced = None
        self.header = reader.header
        self._whole = Window(0, 0, self.header.width, self.header.height)

    def __repr__(self) -> str:
        facts = summary((self.count, *self.shape), self.dtype, self.metadata)
        bound = self.reader.bound
        point = f"quality {self.header.quality:g}" if bound is None else f"errors of at most {bound:g}"
        return f"<rscodec stream {self.reader.path or 'in memory'}: {facts}, {point}, {self.reader.end} bytes>"

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.header.width

    @property
    def height(self) -> int:
        """The number of rows."""
        return self.header.height

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as in rasterio."""
        return self.header.height, self.header.width

    @property
    def count(self) -> int:
        """The number of bands."""
        return self.header.bands

    @property
    def dtype(self) -> str:
        """The type of the pixels, such as "uint16"."""
        return self.header.dtype

    @property
    def metadata(self) -> Metadata:
        """All metadata of the scene, as `Scene.metadata`."""
        return stream_metadata(self.reader)

    @property
    def crs(self) -> CRS | None:
        """The CRS, as in rasterio; None if there is none."""
        return crs_of(self.metadata)

    @property
    def transform(self) -> Affine:
        """The geotransform, as in rasterio."""
        return transform_of(self.metadata)

    @property
    def bounds(self) -> BoundingBox:
        """The left, bottom, right and top of the scene in units of the CRS."""
        return bounds_of(self.metadata, self.width, self.height)

    @property
    def nodata(self) -> float | None:
        """The nodata value; None if there is none."""
        return nodata_value(self.metadata)

    @property
    def descriptions(self) -> tuple[str | None, ...]:
        """The names of the bands; None for a band without a name."""
        return tuple(self.metadata.get("descriptions") or [None] * self.count)

    def tags(self, band: int = 0, ns: str = "") -> dict[str, str]:
        """The tags of the scene, or of a band (counted from 1), in a namespace."""
        if band:
            (place,) = check_bands(band, self.count, self.reader.path)
            return dict((self.metadata.get("band_tags") or [{}] * self.count)[place].get(ns, {}))
        return dict(self.metadata.get("tags", {}).get(ns, {}))

    @property
    def device(self) -> str:
        return self._settings.device

    @property
    def decoder(self) -> SceneDecoder:
        if self._decoder is None:
            from rscodec.models.weights import codec_for_decoding
            from rscodec.stream.decoder import SceneDecoder

            how = self._settings
            with turn():
                codec = codec_for_decoding(self.header, how.weights, how.device)
            self._decoder = SceneDecoder(self.reader, codec, how.on_error)
        return self._decoder

    @property
    def picture(self) -> ReadablePicture:  # what is read: the decoder, or the enhanced picture
        if self._enhance is None:
            return self.decoder
        if self._enhanced is None:
            from rscodec.enhancers.apply import enhanced_stream

            colours = check_bands(self._colours, self.header.bands, self.reader.path) if self._colours else ()
            device = self._settings.device
            with turn():
                self._enhanced = enhanced_stream(self.reader, self.decoder, self._enhance, device, colours)
        return self._enhanced

    def mark(self, metadata: Metadata, chosen: list[int]) -> Metadata:  # with tags that describe the enhancement
        return metadata if self._enhance is None else self.picture.mark(metadata, chosen)

    @property
    def bad(self) -> dict:
        """Damaged tiles found so far, (row, col, group) -> reason; only with on_error="nodata"."""
        return self.decoder.bad

    def window(self, left: float, bottom: float, right: float, top: float) -> Window:
        """The window (col, row, width, height) between two corners in units of the CRS, for `read`."""
        if not all(isinstance(corner, Real) for corner in (left, bottom, right, top)):
            raise InputError(f"corners are numbers in units of the CRS, not {(left, bottom, right, top)!r:.80}")
        with naming(self.reader.path):
            return window_of(self.metadata, left, bottom, right, top)

    def read(self, window=None, bands: int | tuple[int, ...] | None = None, out_shape=None) -> Scene:
        """Read a window of some bands (counted from 1); by default the whole scene, all bands.

        `window`: (col, row, width, height), or a Window of rasterio. `out_shape`: (height, width) or (bands, height,
        width) of the result, by nearest neighbours. If the whole scene is read without enhancement and a lower
        resolution is enough, it is decoded at that resolution, which is much faster.
        """
        target = check_window(window, self._whole, self.reader.path)
        chosen = self._chosen(bands)
        shape = None if out_shape is None else check_shape(out_shape, len(chosen))
        if shape:
            check_size(shape[1], shape[0], len(chosen), self.dtype, self._max_pixels)
        reduced = shape is not None and target == self._whole and self._enhance is None
        factor = self._factor(shape) if reduced else 1
        scene = self._choose(self._small(factor) if factor > 1 else self._at_full_size(target), chosen)
        scene.metadata = self.mark(scene.metadata, chosen)
        return scene if shape is None else resized(scene, (target.height / factor, target.width / factor), shape)

    def preview(self, longest: int, bands: int | tuple[int, ...] | None = None) -> Scene:
        """The scene, not enhanced, with about `longest` pixels on its longest side. Fast if 4 times smaller."""
        from rscodec.stream.preview import factor_for

        return self._choose(self._small(factor_for(self.width, self.height, longest)), self._chosen(bands))

    def _chosen(self, bands: int | tuple[int, ...] | None) -> list[int]:
        """The bands, 0-based; by default all."""
        return list(range(self.count)) if bands is None else check_bands(bands, self.count, self.reader.path)

    def _at_full_size(self, window: Window) -> Scene:
        """All bands of a window, decoded piece by piece: the network takes much more memory than the pixels."""
        with naming(self.reader.path), turn():
            check_size(window.width, window.height, self.count, self.dtype, self._max_pixels)
            self.decoder.prefetch(window)
            pieces = ((piece, *self.picture.read(piece)) for piece in self.picture.pieces(window))
            pixels, classes = assemble(pieces, window, self.count, self.dtype)
            metadata = self.metadata if window == self._whole else crop_metadata(self.metadata, *window)
        return Scene(pixels, classes, metadata)

    def _factor(self, shape: tuple[int, int]) -> int:
        """The largest power of two by which the scene can be shrunk and still have at least this (height, width)."""
        return 2 ** max(0, math.floor(math.log2(min(self.height / shape[0], self.width / shape[1]))))

    def _small(self, factor: int) -> Scene:
        """All bands of the whole scene, made `factor` times smaller."""
        from rscodec.stream.preview import preview, shrunk

        small = shrunk(self._whole, factor)
        with naming(self.reader.path), turn():
            check_size(small.width, small.height, self.count, self.dtype, self._max_pixels)
            pixels, classes = preview(self.decoder, factor)
        return Scene(pixels, classes, scale_metadata(self.metadata, factor, factor))

    def _choose(self, scene: Scene, chosen: list[int]) -> Scene:
        """Some bands (0-based) of a scene with all bands."""
        if chosen == list(range(self.count)):
            return scene
        coded, classes = list(self.decoder.radiometry.coded), scene.classes
        if classes is not None and len(classes) > 1:
            planes = [coded.index(band) for band in chosen if band in coded]
            classes = classes[planes or [0]]  # alpha has no plane of its own; every plane holds the dataset mask
        return Scene(scene.pixels[chosen], classes, select_bands(scene.metadata, chosen, self.count, self.dtype))

    def close(self) -> None:
        """Close the file. A context manager does this at its end."""
        self.reader.close()

    def __enter__(self) -> OpenScene:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_shape(shape, count: int) -> tuple[int, int]:
    """(height, width) of (height, width) or (bands, height, width), for `count` bands."""
    found = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    size = found[-2:]
    whole = all(is_whole(edge) and edge > 0 for edge in found)
    if len(found) not in (2, 3) or not whole or found[:-2] not in ((), (count,)):
        raise InputError(f"out_shape is (height, width) or ({count}, height, width), not {shape!r:.80}")
    return size


def resized(scene: Scene, size: tuple[float, float], shape: tuple[int, int]) -> Scene:
    """The upper left part of a scene, `size` (height, width) pixels large, resampled to `shape` (height, width)."""
    pixels = nearest(scene.pixels, size, shape)
    classes = None if scene.classes is None else nearest(scene.classes, size, shape)
    return Scene(pixels, classes, scale_metadata(scene.metadata, size[1] / shape[1], size[0] / shape[0]))
