"""JPEG XL by libjxl through ffmpeg: grey or RGB, 8 or 16 bits; for other counts, one picture for each band."""

from __future__ import annotations

import numpy as np

from rscodec.eval.anchors import ffmpeg
from rscodec.eval.anchors.base import Anchor, Shape, bundle, unbundle

FORMATS = {("uint8", 1): "gray", ("uint8", 3): "rgb24", ("uint16", 1): "gray16le", ("uint16", 3): "rgb48le"}


class JpegXl(Anchor):
    """The parameter is the distance in just noticeable differences, libjxl's `-d`."""

    name = "jpegxl"
    parameters = (15, 10, 7, 5, 3.5, 2.5, 1.5, 1, 0.5)
    command = "ffmpeg -f rawvideo -pix_fmt rgb24 -c:v libjxl -distance {parameter} -effort 7 -f image2pipe"

    def __init__(self) -> None:
        self.version = f"libjxl in {ffmpeg.version('libjxl')}"

    def refuses(self, bands: int, dtype: str) -> str | None:
        return None if (dtype, 1) in FORMATS else f"codes uint8 and uint16 here, not {dtype}"

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        if len(pixels) == 3:
            return self._save(np.ascontiguousarray(pixels.transpose(1, 2, 0)), 3, parameter)
        streams = [self._save(band, 1, parameter) for band in pixels]
        return streams[0] if len(streams) == 1 else bundle(b"", streams)

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        if shape[0] == 3:
            return np.ascontiguousarray(_load(data, 3, shape, dtype).transpose(2, 0, 1))
        streams = [data] if shape[0] == 1 else unbundle(data)[1]
        return np.concatenate([_load(stream, 1, shape, dtype).transpose(2, 0, 1) for stream in streams])

    def _save(self, image: np.ndarray, samples: int, distance: float) -> bytes:
        height, width = image.shape[:2]
        little = image.astype(image.dtype.newbyteorder("<")).tobytes()
        settings = ["-c:v", "libjxl", "-distance", f"{distance:g}", "-effort", "7"]
        return ffmpeg.encode(little, width, height, FORMATS[str(image.dtype), samples], settings, "image2pipe")


def _load(data: bytes, samples: int, shape: Shape, dtype: str) -> np.ndarray:
    pixels = ffmpeg.decode(data, "jpegxl_pipe", FORMATS[dtype, samples])
    return np.frombuffer(pixels, np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(*shape[1:], samples)
