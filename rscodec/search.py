"""The quality that meets a target rate or PSNR, by bisection over the 225 qualities a header can hold.

Scenes of up to SAMPLE_TILES tiles are encoded whole at each try, larger ones by a sample of tiles spread over them; the
bytes that every file has beside its tiles are counted either way.
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


def quality_for_bpp(source, codec, tile: int, target: float) -> float:
    """The highest quality whose rate is at most `target` bits per pixel; the lowest quality if none is."""
    parts = _sample(source, tile)

    def fits(quality: float) -> bool:
        total = sum(len(_encode(part, codec, tile, quality)) for part in parts)
        return 8 * total <= target * sum(part.width * part.height for part in parts)

    return _last(fits)


def quality_for_psnr(source, codec, tile: int, target: float) -> float:
    """The lowest quality whose PSNR is at least `target` dB; the highest quality if none is."""
    parts = _sample(source, tile)
    coded = list(source.coded_bands)
    if not coded:
        raise InputError("the scene has lossless bands only, which have no PSNR; leave --psnr away")

    def falls_short(quality: float) -> bool:
        difference = Difference(source.dtype)
        for part in parts:
            decoder = SceneDecoder(StreamReader.from_bytes(_encode(part, codec, tile, quality)), codec)
            for window in decoder.windows():
                original, classes = part.read(*window)
                decoded, _ = decoder.read(window)
                valid = valid_pixels(classes, original.shape[1:], len(coded))
                difference.add(original[coded], decoded[coded], valid)
        return difference.psnr_db < target

    best = _last(falls_short)
    return best if falls_short(best) is False else min(best + 1 / rate.STEPS, rate.QUALITY_MAX)


class _Part:
    """A window of a source, as a source."""

    def __init__(self, source, window: Window):
        self._source, self._window = source, window
        self.width, self.height = window.width, window.height
        for name in ("count", "dtype", "metadata", "nodata", "exact_bands", "coded_bands", "planes"):
            setattr(self, name, getattr(source, name))

    def read(self, col: int, row: int, width: int, height: int):
        return self._source.read(self._window.col + col, self._window.row + row, width, height)


def _sample(source, tile: int) -> list:
    rows, cols = -(-source.height // tile), -(-source.width // tile)
    if rows * cols <= SAMPLE_TILES:
        return [source]
    scene = Window(0, 0, source.width, source.height)
    chosen = [number * rows * cols // SAMPLE_TILES for number in range(SAMPLE_TILES)]
    corners = [divmod(number, cols) for number in chosen]
    return [_Part(source, Window(col * tile, row * tile, tile, tile).overlap(scene)) for row, col in corners]


def _encode(part, codec, tile: int, quality: float) -> bytes:
    buffer = io.BytesIO()
    SceneEncoder(part, codec, tile).write(buffer, quality)
    return buffer.getvalue()


def _last(holds: Callable[[float], bool]) -> float:
    """The highest quality for which `holds`, which is true up to some quality and false from there."""
    low, high = rate.to_wire(rate.QUALITY_MIN), rate.to_wire(rate.QUALITY_MAX)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(rate.from_wire(middle)) else (low, middle - 1)
    return rate.from_wire(low)
