"""Makes an enhanced scene from settings: chooses the model for the input, and collects the facts for its tags.

    stream    enhanced_stream(reader, decoder, settings, device, chosen)      reads in place of the decoder
    raster    enhanced_raster(reader, settings, device, chosen)               of any compressed raster

`chosen`: the bands (0-based) of the output, by default all. If the source does not name its colours, the first three of
them are taken as red, green and blue.
"""

from __future__ import annotations

from collections.abc import Sequence

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, WrongWeights
from rscodec.enhancers.base import Enhancer, EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene
from rscodec.generative.picture import DecodedPicture, SourcePicture
from rscodec.models.weights import enhancer_for, measured_with
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.provenance import raster_crc32, stream_crc32
from rscodec.raster.reader import RasterReader
from rscodec.stream.decoder import SceneDecoder


def enhanced_stream(
    reader: StreamReader, decoder: SceneDecoder, settings: EnhanceSettings, device: str, chosen: Sequence[int] = ()
) -> EnhancedScene:
    """A decoded stream, enhanced. Raises WrongWeights for a codec that the model was not measured with."""
    if reader.bound is not None:
        raise InputError(
            f"the stream guarantees a largest error of {reader.bound:g}, which `enhance` cannot keep; omit it"
        )
    enhancer = enhancer_for(settings.model, device)
    _check_takes(enhancer, "stream")
    names = {name.hex() for name in decoder.codec.weights_hashes.values()}
    if names.isdisjoint(measured_with(enhancer)) and not settings.force:
        raise WrongWeights(
            f"{enhancer.model} was not measured with {reader.header.model} ({reader.header.weights_hash.hex()}), "
            "which made this stream; give `force=True` to enhance it anyway"
        )
    facts = _facts(enhancer, settings, stream_crc32(reader))
    picture = DecodedPicture(decoder, stream_metadata(reader))
    return EnhancedScene(picture, enhancer, settings, facts, reader.header.quality, chosen)


def enhanced_raster(
    reader: RasterReader, settings: EnhanceSettings, device: str, chosen: Sequence[int] = ()
) -> EnhancedScene:
    """A raster, enhanced by a model that estimates from the pixels how strongly they were compressed."""
    enhancer = enhancer_for(settings.model, device)
    _check_takes(enhancer, "raster")
    facts = _facts(enhancer, settings, raster_crc32(reader.path))
    return EnhancedScene(SourcePicture(reader), enhancer, settings, facts, chosen=chosen)


def _check_takes(enhancer: Enhancer, what: str) -> None:
    if enhancer.takes != what:
        command = {"stream": "rscodec decode", "raster": "rscodec enhance"}[enhancer.takes]
        raise InputError(f"{enhancer.model} enhances a {enhancer.takes}, not a {what}; use it with `{command}`")


def _facts(enhancer: Enhancer, settings: EnhanceSettings, source_crc32: str) -> dict[str, object]:
    """The facts for the tags."""
    facts = {
        "model": enhancer.model,
        "weights": enhancer.weights_hash,
        "seed": settings.seed,
        "strength": f"{settings.strength:g}",
        "source_crc32": source_crc32,
    }
    return facts if settings.max_change is None else facts | {"max_change": f"{settings.max_change:g}"}
