"""JPEG-LS, near-lossless: the parameter limits the error of every pixel. 8 or 16 bits, integers only.

3 bands         one picture, interleaved by CharLS
other counts    one grey picture for each band
"""

from __future__ import annotations

import numpy as np

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval.anchors.base import Anchor, Shape, bundle, unbundle


class JpegLs(Anchor):
    """The parameter is NEAR, the largest error in levels."""

    name = "jpegls"
    parameters = (20, 10, 5, 3, 2, 1, 0)
    command = "imagecodecs.jpegls_encode(pixels, level={parameter})"

    def __init__(self) -> None:
        try:
            import imagecodecs
        except ImportError:
            raise ToolMissing("jpegls: run pip install imagecodecs") from None
        self.version = f"{imagecodecs.jpegls_version()}, imagecodecs {imagecodecs.__version__}"

    def refuses(self, bands: int, dtype: str) -> str | None:
        return None if dtype in ("uint8", "uint16") else f"codes uint8 and uint16, not {dtype}"

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        from imagecodecs import jpegls_encode

        pictures = [pixels.transpose(1, 2, 0)] if len(pixels) == 3 else list(pixels)
        streams = [jpegls_encode(np.ascontiguousarray(picture), level=round(parameter)) for picture in pictures]
        return bytes(streams[0]) if len(streams) == 1 else bundle(b"", [bytes(stream) for stream in streams])

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        from imagecodecs import jpegls_decode

        if shape[0] == 3:
            return np.ascontiguousarray(jpegls_decode(data).transpose(2, 0, 1))
        streams = [data] if shape[0] == 1 else unbundle(data)[1]
        return np.stack([jpegls_decode(stream) for stream in streams])
