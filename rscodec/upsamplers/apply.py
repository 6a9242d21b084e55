"""Makes an upsampled scene from settings, and collects the facts for its tags.

    stream    upscaled_stream(reader, decoder, settings, device, chosen)
    raster    upscaled_raster(reader, settings, device, chosen)

`chosen`: the bands (0-based) of the output, by default all. If the source does not name its colours, the first three of
them are taken as red, green and blue.
"""

from __future__ import annotations

from collections.abc import Sequence

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError
from rscodec.generative.picture import DecodedPicture, Picture, SourcePicture
from rscodec.models.weights import upsampler_for
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.provenance import raster_crc32, stream_crc32
from rscodec.raster.reader import RasterReader
from rscodec.stream.decoder import SceneDecoder
from rscodec.upsamplers.base import UpscaleSettings
from rscodec.upsamplers.scene import UpscaledScene


def upscaled_stream(
    reader: StreamReader, decoder: SceneDecoder, settings: UpscaleSettings, device: str, chosen: Sequence[int] = ()
) -> UpscaledScene:
    """A decoded stream, upsampled."""
    return _upscaled(DecodedPicture(decoder, stream_metadata(reader)), settings, device, chosen, stream_crc32(reader))


def upscaled_raster(
    reader: RasterReader, settings: UpscaleSettings, device: str, chosen: Sequence[int] = ()
) -> UpscaledScene:
    """A raster, upsampled."""
    return _upscaled(SourcePicture(reader), settings, device, chosen, raster_crc32(reader.path))


def _upscaled(
    picture: Picture, settings: UpscaleSettings, device: str, chosen: Sequence[int], source_crc32: str
) -> UpscaledScene:
    width, height = picture.scene.width, picture.scene.height
    if (settings.target(width), settings.target(height)) == (width, height):
        raise InputError(
            f"a scale of {settings.scale:g} leaves {width} x {height} pixels: there is nothing to "
            "upscale; give a larger one"
        )
    upsampler = upsampler_for(settings.model, device)
    if settings.seed is not None and not upsampler.draws:
        raise InputError(f"`seed={settings.seed}`: {upsampler.model} draws no random numbers; omit it")
    drawn = {"seed": settings.seed or 0} if upsampler.draws else {}
    facts = {
        "model": upsampler.model,
        "weights": upsampler.weights_hash,
        **drawn,
        "scale": str(settings.scale),
        "source_crc32": source_crc32,
    }
    return UpscaledScene(picture, upsampler, settings, facts, chosen)
