"""Searches for the quality that meets a target rate or PSNR, among the 225 that a header can hold.

    quality ──> bytes, or PSNR, of the scene or a sample of it            each try encodes, none decodes a payload
    try the middle, then where the curve should cross the target, until two neighbours have it between them

A try encodes whole scenes of up to SAMPLE_TILES tiles (fewer if a tile has several groups). For a larger scene it
encodes a sample of tiles that are spread over the scene, with the radiometry of the whole. Bytes that a file has once,
besides its tiles, count once.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import NamedTuple

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN, QUALITY_STEPS
from rscodec.codec import rate
from rscodec.codec.remembering import RememberingCodec
from rscodec.metrics.pixels import Difference, psnr
from rscodec.raster.pixel_source import SourcePart
from rscodec.raster.validity import VALID
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.geometry import scattered
from rscodec.stream.settings import DEFAULT_QUALITY, Progress
from rscodec.stream.tile_payload import valid_pixels

SAMPLE_TILES, FEWEST_TILES = 12, 6  # for one group, and for any number of groups
BOUNDED_TILES = 3  # a residual takes longer, and its size hardly differs between tiles
MOST_LOOKS = 4  # tiles that are tried for each wanted one with a valid pixel, unless no tile has one
MOST_TRIES = 12  # usually four or five; bisection alone would take eight
FAR = 1e3  # beyond every PSNR in dB and every binary logarithm of a rate
DB_PER_QUALITY, DOUBLINGS_PER_QUALITY = 2.2, 0.7  # approximately; gives the second try


class SearchResult(NamedTuple):
    """A quality, and the rate in bits per pixel or the PSNR in dB that the search measured there."""

    quality: float
    reached: float


def quality_for_bpp(encoder: SceneEncoder, target: float, progress: Progress | None = None) -> SearchResult:
    """The highest quality whose rate is at most `target` bits per pixel; the lowest quality if none is."""
    parts = sample(encoder)
    pixels, sampled = _pixels(encoder), sum(map(_pixels, parts))

    def doublings(quality: float) -> float:
        streams = [_encode(part, quality) for part in parts]
        index_at, _ = streams[0].parts["index"]
        once = index_at + 4  # everything except tiles and their index entries: the same in every part
        tiles = sum(stream.end - once for stream in streams)
        return math.log2(8 * (once + tiles * pixels / sampled) / pixels)

    above = math.nextafter(math.log2(target), math.inf)
    tried = crossing(doublings, above, DOUBLINGS_PER_QUALITY, progress, encoder.highest)
    wire = max((wire for wire in tried if tried[wire] < above), default=min(tried))
    return SearchResult(rate.from_wire(wire), 2 ** tried[wire])


def quality_for_psnr(encoder: SceneEncoder, target: float, progress: Progress | None = None) -> SearchResult:
    """The lowest quality whose PSNR is at least `target` dB; the highest quality if none is."""
    parts = sample(encoder)
    coded = list(encoder.source.coded_bands)
    if not coded:
        raise InputError("the scene has lossless bands only, which have no PSNR; omit `psnr`")

    def psnr_db(quality: float) -> float:
        difference = Difference(encoder.source.dtype)
        for part in parts:
            memory = RememberingCodec(part.codec)
            again = SceneEncoder(part.source, memory, part.grid.edge, part.choice, effort=part.effort)
            stream = _encode(again, quality)
            decoder = SceneDecoder(stream, memory)
            for window in decoder.windows():
                original, classes = part.source.read(window)
                decoded, _ = decoder.read(window)
                valid = valid_pixels(classes, original.shape[1:], len(coded))
                difference.add(original[coded], decoded[coded], valid)
        return psnr(difference.mse, encoder.peak or difference.peak)

    tried = crossing(psnr_db, target, DB_PER_QUALITY, progress, encoder.highest)
    wire = min((wire for wire in tried if tried[wire] >= target), default=max(tried))
    return SearchResult(rate.from_wire(wire), tried[wire])


def quality_for_bound(encoder: SceneEncoder, progress: Progress | None = None) -> float:
    """The whole-number quality at which latents and residuals together take the fewest bytes, found by descent."""
    parts, sizes = sample(encoder, BOUNDED_TILES), {}

    def size(quality: float) -> int:
        if quality not in sizes:
            sizes[quality] = sum(_encode(part, quality).end for part in parts)
            if progress:
                progress(len(sizes), rate.LEVELS)
        return sizes[quality]

    best, last = DEFAULT_QUALITY, None
    while best != last:
        near = (best, best - 1, best + 1)
        best, last = min((q for q in near if QUALITY_MIN <= q <= QUALITY_MAX), key=size), best
    if progress:
        progress(len(sizes), len(sizes))
    return best


def crossing(
    curve: Callable[[float], float],
    target: float,
    slope: float,
    progress: Progress | None,
    highest: float = QUALITY_MAX,
) -> dict[int, float]:
    """Try qualities (on the wire), up to `highest`, until two neighbours have the place between them where a rising
    curve crosses `target`. Return the curve at all tries.
    """
    low, high = rate.to_wire(QUALITY_MIN) - 1, rate.to_wire(highest) + 1
    target = min(max(target, -FAR), FAR)
    tried: dict[int, float] = {}
    while high - low > 1:
        left = 2 ** (MOST_TRIES - len(tried) - 1)  # how many qualities the remaining tries can distinguish
        guess = _guess(tried, target, slope / QUALITY_STEPS) if tried else (low + high) / 2
        guess = min(max(round(guess), low + 1, high - left), high - 1, low + left)
        tried[guess] = min(max(curve(rate.from_wire(guess)), -FAR), FAR)
        low, high = (guess, high) if tried[guess] < target else (low, guess)
        if progress:
            progress(len(tried), MOST_TRIES if high - low > 1 else len(tried))
    return tried


def _guess(tried: dict[int, float], target: float, slope: float) -> float:
    """Where the curve should cross `target`, by its two nearest tries, or by one try and a `slope`."""
    nearest, *other = sorted(tried, key=lambda wire: abs(tried[wire] - target))[:2]
    rise = tried[other[0]] - tried[nearest] if other else 0
    return nearest + (target - tried[nearest]) * ((other[0] - nearest) / rise if rise else 1 / slope)


def sample(encoder: SceneEncoder, most: int | None = None) -> list[SceneEncoder]:
    """The encoders to try: one of the whole scene, or one for each tile of a sample. `most`: how many tiles of the
    sample have a valid pixel. The others count too, because the scene has such tiles in the same proportion.
    """
    grid, source = encoder.grid, encoder.source
    most = most or max(FEWEST_TILES, SAMPLE_TILES // max(1, encoder.radiometry.groups))
    if grid.rows * grid.cols <= most:
        return [encoder]
    parts: list[SourcePart] = []
    filled = 0
    for row, col in scattered(grid.rows, grid.cols):
        parts.append(SourcePart(source, grid.tile(row, col)))
        _, classes = source.read(parts[-1].window)
        filled += classes is None or bool((classes == VALID).any())
        if filled == most or (filled and len(parts) >= MOST_LOOKS * most):
            break
    how = grid.edge, encoder.choice, encoder.max_error, encoder.effort
    return [SceneEncoder(part, encoder.codec, *how) for part in parts]


def _pixels(encoder: SceneEncoder) -> int:
    return encoder.grid.width * encoder.grid.height


def _encode(encoder: SceneEncoder, quality: float) -> StreamReader:
    buffer = io.BytesIO()
    encoder.write(buffer, quality)
    return StreamReader.from_bytes(buffer.getvalue())
