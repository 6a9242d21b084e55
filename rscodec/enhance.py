"""Enhancement from file to file: settings -> enhancer -> an EnhancedScene in place of what it enhances.

    decode_file(stream, image, enhance=EnhanceSettings("ldm"))     asks for enhanced_stream
    enhance_file(raster, image, settings)                          any raster, whatever compressed it
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bitstreams import StreamReader
from bitstreams.errors import InputError, WrongWeights
from rscodec.decoder import SceneDecoder
from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene, decoded, opened
from rscodec.metadata_form import stream_metadata
from rscodec.pipeline import ahead
from rscodec.raster import RasterReader, RasterWriter
from rscodec.validity import MASKED
from rscodec.weights import enhancer_for


@dataclass(frozen=True)
class EnhanceReport:
    """`enhanced`: the bands (counted from 1) that changed."""

    path: str
    width: int
    height: int
    bands: int
    enhanced: list[int]
    seconds: float


def enhanced_stream(
    reader: StreamReader, decoder: SceneDecoder, settings: EnhanceSettings, device: str
) -> EnhancedScene:
    """What a stream decodes to, enhanced. Raises WrongWeights for a codec that the model was not measured with."""
    enhancer = enhancer_for(settings.model, device)
    _check_takes(enhancer, "stream")
    codec = reader.header.weights_hash.hex()
    if codec not in enhancer.codecs and not settings.force:
        raise WrongWeights(
            f"{enhancer.model} was not measured with {reader.header.model} ({codec}), which made this stream; "
            "add --force to enhance all the same"
        )
    facts = _facts(enhancer, settings, zlib.crc32(reader.index.tobytes()))
    picture = decoded(decoder, stream_metadata(reader))
    return EnhancedScene(picture, enhancer, settings, facts, reader.header.quality)


def enhance_file(
    src: str | Path,
    dst: str | Path,
    settings: EnhanceSettings,
    *,
    driver: str = "GTiff",
    creation_options: dict | None = None,
    device: str = "cpu",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> EnhanceReport:
    """Enhance a raster, window by window. Nothing appears at `dst` before it is complete."""
    from rscodec.api import check_apart, use_threads

    started = time.perf_counter()
    check_apart(src, dst)
    use_threads(threads)
    enhancer = enhancer_for(settings.model, device)
    _check_takes(enhancer, "raster")
    with RasterReader(src) as reader:
        picture = opened(reader)
        scene = EnhancedScene(picture, enhancer, settings, _facts(enhancer, settings, _file_crc32(Path(src))))
        shape = reader.width, reader.height, reader.count, reader.dtype
        metadata = scene.mark(reader.metadata, list(range(reader.count)))
        with RasterWriter(dst, *shape, metadata, driver, creation_options, overwrite) as writer:
            pieces = scene.pieces(picture.scene)
            with closing(ahead((piece, *scene.read(piece)) for piece in pieces)) as found:
                for done, (piece, pixels, classes) in enumerate(found, 1):
                    writer.write(pixels, piece.col, piece.row)
                    if "masked" in metadata:
                        writer.write_mask(classes[0] != MASKED, piece.col, piece.row)
                    if progress:
                        progress(done, len(pieces))
    changed = [band + 1 for band in scene.bands]
    return EnhanceReport(str(dst), *shape[:3], changed, time.perf_counter() - started)


def _check_takes(enhancer: Enhancer, what: str) -> None:
    if enhancer.takes != what:
        command = {"stream": "rscodec decode --enhance", "raster": "rscodec enhance --model"}[enhancer.takes]
        raise InputError(f"{enhancer.model} enhances a {enhancer.takes}, not a {what}; it goes with `{command}`")


def _facts(enhancer: Enhancer, settings: EnhanceSettings, source_crc32: int) -> dict[str, object]:
    """What the tags say. `source_crc32` is that of a raster's file, or of the tile index of a stream."""
    facts = {
        "model": enhancer.model,
        "weights": enhancer.weights_hash,
        "seed": settings.seed,
        "strength": f"{settings.strength:g}",
        "source_crc32": f"{source_crc32:08x}",
    }
    return facts if settings.max_change is None else facts | {"max_change": f"{settings.max_change:g}"}


def _file_crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while part := file.read(2**20):
            checksum = zlib.crc32(part, checksum)
    return checksum
