"""Checks that a stream is undamaged, and measures its difference from the original scene."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import islice

import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import CheckError
from rscodec.codec.base import TileCodec
from rscodec.metrics.pixels import Difference
from rscodec.raster.metadata import description, differences
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.pixel_source import PixelSource
from rscodec.raster.validity import MASKED, NODATA, native, same
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.geometry import Grid
from rscodec.stream.settings import Progress
from rscodec.stream.tile_payload import lost_tiles, reading_order, valid_pixels


@dataclass(frozen=True)
class VerifyReport:
    """Checksums of all decoded latents (tiles in order, groups in order within a tile) and of all pixels (blocks of
    tiles in order).

    PSNR and its `peak`, `nodata_exact`, `metadata_exact`, and the errors, in the units of the scene, are known if there
    is a scene to compare with. PSNR and errors are over the valid pixels of all coded bands together.
    `max_error_bound`: the largest error that the stream guarantees. `lost` names the bad tiles, and
    `metadata_differences` has a line for each difference of the metadata.
    """

    tiles: int
    tiles_bad: int
    latents_crc32: int
    pixels_crc32: int
    psnr_db: float | None = None
    peak: float | None = None
    rmse: float | None = None
    max_abs_error: float | None = None
    max_error_bound: float | None = None
    nodata_exact: bool | None = None
    metadata_exact: bool | None = None
    lost: str = ""
    metadata_differences: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.tiles_bad and False not in (self.nodata_exact, self.metadata_exact, self.bound_kept)

    @property
    def bound_kept(self) -> bool | None:
        if self.max_abs_error is None or self.max_error_bound is None:
            return None
        return self.max_abs_error <= self.max_error_bound


def verify(
    reader: StreamReader, codec: TileCodec, against: PixelSource | None = None, progress: Progress | None = None
) -> VerifyReport:
    """Decode everything and compare with the source `against`. Raises CheckError if it has another size or type."""
    if against is not None:
        _check_comparable(reader, against)
    decoder = SceneDecoder(reader, codec, on_error="nodata")
    tiles, seen, latents_crc, pixels_crc = decoder.tiles.in_order(), 0, 0, 0
    compared = against is not None
    coded = list(decoder.radiometry.coded)
    difference, nodata_exact = Difference(reader.header.dtype), True
    windows = decoder.windows()
    for done, window in enumerate(windows, 1):
        reach = max(seen, _tiles_before(window.right, window.bottom, decoder.grid))
        for _, _, latents in islice(tiles, reach - seen):
            if latents is not None:
                latents_crc = zlib.crc32(latents.tobytes(), latents_crc)
        seen = reach
        pixels, classes = decoder.read(window)
        for block in decoder.grid.pieces(window):  # windows depend on the number of threads, blocks do not
            rows, cols = block.within(window)
            part = pixels[:, rows, cols]
            pixels_crc = zlib.crc32(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).tobytes(), pixels_crc)
        if against is not None:
            original, original_classes = against.read(window)
            valid = valid_pixels(original_classes, original.shape[1:], len(coded))
            difference.add(original[coded], pixels[coded], valid)
            nodata_exact &= bool((valid == valid_pixels(classes, original.shape[1:], len(coded))).all())
            wanted = _with_nodata(original[coded], original_classes, decoder.nodata)
            nodata_exact &= bool(same(wanted, pixels[coded])[_restored(original_classes, valid)].all())
            exact = list(decoder.radiometry.exact)
            nodata_exact &= bool(same(original[exact], pixels[exact]).all())
        if progress:
            progress(done, len(windows))
    different = _differences(reader, against) if against is not None else ()
    return VerifyReport(
        tiles=len(reader.index),
        tiles_bad=len({tile[:2] for tile in decoder.bad}),
        latents_crc32=latents_crc,
        pixels_crc32=pixels_crc,
        psnr_db=difference.psnr_db if compared else None,
        peak=difference.peak if compared else None,
        rmse=difference.rmse if compared else None,
        max_abs_error=difference.largest if compared else None,
        max_error_bound=reader.bound,
        nodata_exact=nodata_exact if compared else None,
        metadata_exact=not different if compared else None,
        lost=lost_tiles(reading_order(decoder.bad)),
        metadata_differences=different,
    )


def describe_stream(reader: StreamReader) -> dict:
    """A description of a stream for `rscodec.raster.metadata.differences`."""
    header = reader.header
    return description(header.width, header.height, header.bands, header.dtype, stream_metadata(reader))


def describe_source(source: PixelSource) -> dict:
    return description(source.width, source.height, source.count, source.dtype, source.metadata)


def _differences(reader: StreamReader, source: PixelSource) -> tuple[str, ...]:
    return tuple(differences(describe_stream(reader), describe_source(source), ("the stream", "the scene")))


def _tiles_before(right: int, bottom: int, grid: Grid) -> int:
    """The number of tiles up to the one across this corner: all that a window ending there may need."""
    return min(bottom // grid.edge * grid.cols + min(right // grid.edge + 1, grid.cols), grid.rows * grid.cols)


def _restored(classes: np.ndarray | None, valid: np.ndarray) -> np.ndarray:
    """Invalid pixels whose value is restored exactly: all except those outside the dataset mask."""
    if classes is None:
        return np.zeros_like(valid)
    return ~valid & (np.broadcast_to(classes, valid.shape) != MASKED)


def _with_nodata(pixels: np.ndarray, classes: np.ndarray | None, nodata: float | None) -> np.ndarray:
    """Pixels with the nodata value in place of floats that GDAL takes for it."""
    value = native(nodata, pixels.dtype)
    return pixels if classes is None or value is None else np.where(classes == NODATA, value, pixels)


def _check_comparable(reader: StreamReader, source: PixelSource) -> None:
    header = reader.header
    held = _shape(header.width, header.height, header.bands, header.dtype)
    given = _shape(source.width, source.height, source.count, source.dtype)
    if held != given:
        raise CheckError(
            f"{reader.path or 'the stream'} has {held}, {getattr(source, 'path', 'the scene')} has {given}: "
            "compare with the scene that it was made from; if only some bands were encoded, choose them with `bands`"
        )


def _shape(width: int, height: int, count: int, dtype: str) -> str:
    return f"{width} x {height} pixels of {count} {dtype} band{'s' * (count > 1)}"
