"""The quality that meets a target rate or PSNR, by bisection over the 225 qualities a header can hold.

Scenes of up to SAMPLE_TILES tiles are encoded whole at each try. Of larger ones a sample of tiles spread over them is,
with the radiometry of the whole; the bytes that a file has once, beside its tiles, are counted once.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from bitstreams import StreamReader
from bitstreams.errors import InputError
from rscodec.codec import rate
from rscodec.decoder import SceneDecoder, valid_pixels
from rscodec.encoder import SceneEncoder
from rscodec.metrics import Difference
from rscodec.tiles import Window

SAMPLE_TILES = 12


def quality_for_bpp(encoder: SceneEncoder, target: float) -> float:
    """The highest quality whose rate is at most `target` bits per pixel; the lowest quality if none is."""
    parts = _sample(encoder)
    pixels, sampled = _pixels(encoder), sum(map(_pixels, parts))

    def fits(quality: float) -> bool:
        streams = [_encode(part, quality) for part in parts]
        index_at, _ = streams[0].parts["index"]
        once = index_at + 4  # all but the tiles and their entries in the index: the same in every part
        tiles = sum(stream.end - once for stream in streams)
        return 8 * (once + tiles * pixels / sampled) <= target * pixels

    return _last(fits)


def quality_for_psnr(encoder: SceneEncoder, target: float) -> float:
    """The lowest quality whose PSNR is at least `target` dB; the highest quality if none is."""
    parts = _sample(encoder)
    coded = list(encoder.source.coded_bands)
    if not coded:
        raise InputError("the scene has lossless bands only, which have no PSNR; leave --psnr away")

    def falls_short(quality: float) -> bool:
        difference = Difference(encoder.source.dtype)
        for part in parts:
            decoder = SceneDecoder(_encode(part, quality), part.codec)
            for window in decoder.windows():
                original, classes = part.source.read(*window)
                decoded, _ = decoder.read(window)
                valid = valid_pixels(classes, original.shape[1:], len(coded))
                difference.add(original[coded], decoded[coded], valid)
        return difference.psnr_db < target

    best = _last(falls_short)
    return min(best + 1 / rate.QUALITY_STEPS, rate.QUALITY_MAX) if falls_short(best) else best


class _Part:
    """A window of a source, as a source."""

    def __init__(self, source, window: Window):
        self._source, self._window = source, window
        self.width, self.height = window.width, window.height
        for name in ("count", "dtype", "metadata", "nodata", "exact_bands", "coded_bands", "planes"):
            setattr(self, name, getattr(source, name))

    def read(self, col: int, row: int, width: int, height: int):
        return self._source.read(self._window.col + col, self._window.row + row, width, height)


def _sample(encoder: SceneEncoder) -> list[SceneEncoder]:
    """Encoders of what is tried: of the whole scene, or of some of its tiles."""
    grid = encoder.grid
    if grid.rows * grid.cols <= SAMPLE_TILES:
        return [encoder]
    chosen = [divmod(number * grid.rows * grid.cols // SAMPLE_TILES, grid.cols) for number in range(SAMPLE_TILES)]
    parts = [_Part(encoder.source, grid.tile(row, col)) for row, col in chosen]
    return [SceneEncoder(part, encoder.codec, grid.edge, encoder.radiometry) for part in parts]


def _pixels(encoder: SceneEncoder) -> int:
    return encoder.grid.width * encoder.grid.height


def _encode(encoder: SceneEncoder, quality: float) -> StreamReader:
    buffer = io.BytesIO()
    encoder.write(buffer, quality)
    return StreamReader.from_bytes(buffer.getvalue())


def _last(holds: Callable[[float], bool]) -> float:
    """The highest quality for which `holds`, which is true up to some quality and false from there."""
    low, high = rate.to_wire(rate.QUALITY_MIN), rate.to_wire(rate.QUALITY_MAX)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(rate.from_wire(middle)) else (low, middle - 1)
    return rate.from_wire(low)
