"""JPEG, WebP and AVIF as Pillow writes them: grey or RGB, 8 bits for each sample.

1 or 3 bands    one picture
other counts    one grey picture for each band
"""

from __future__ import annotations

import io
from typing import Any, ClassVar

import numpy as np

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval.anchors.base import Anchor, Shape, bundle, unbundle


class Picture(Anchor):
    feature: str  # Pillow's name of the library
    format: str
    options: ClassVar[dict[str, Any]]

    def __init__(self) -> None:
        import PIL
        from PIL import features

        if not features.check(self.feature):
            raise ToolMissing(f"{self.name}: this Pillow was built without {self.feature}; pip install a newer pillow")
        self.version = f"{self.feature} {features.version(self.feature)}, Pillow {PIL.__version__}"
        words = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        self.command = f"PIL.Image.save('x.{self.format.lower()}', quality={{parameter}}, {words})"

    def refuses(self, bands: int, dtype: str) -> str | None:
        return None if dtype == "uint8" else f"codes uint8, not {dtype}"

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        if len(pixels) == 3:
            return self._save(np.ascontiguousarray(pixels.transpose(1, 2, 0)), parameter)
        streams = [self._save(band, parameter) for band in pixels]
        return streams[0] if len(streams) == 1 else bundle(b"", streams)

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        if shape[0] == 3:
            return np.ascontiguousarray(_load(data, "RGB").transpose(2, 0, 1))
        streams = [data] if shape[0] == 1 else unbundle(data)[1]
        return np.stack([_load(stream, "L") for stream in streams])

    def _save(self, image: np.ndarray, quality: float) -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, self.format, quality=round(quality), **self.options)
        return buffer.getvalue()


class Jpeg(Picture):
    name, feature, format = "jpeg", "jpg", "JPEG"
    parameters = (5, 10, 20, 35, 50, 65, 80, 90, 95)
    options: ClassVar = {"subsampling": 0, "optimize": True}


class Webp(Picture):
    """Its colour conversion halves the chroma. The ceiling is lossy WebP at its best quality."""

    name, feature, format = "webp", "webp", "WEBP"
    parameters = (1, 5, 15, 30, 50, 70, 82, 90, 96)
    options: ClassVar = {"method": 6}

    def ceiling(self, pixels: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(pixels, 100), pixels.shape, "uint8")


class Avif(Picture):
    """`tune=psnr`: the default of libavif, `tune=iq`, costs 7 % at equal PSNR, and saves 5 % at equal MS-SSIM
    (LOG, 2026-12-01).
    """

    name, feature, format = "avif", "avif", "AVIF"
    parameters = (10, 20, 30, 40, 50, 60, 70, 80, 90)
    options: ClassVar = {"subsampling": "4:4:4", "speed": 4, "advanced": {"tune": "psnr"}}

    def ceiling(self, pixels: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(pixels, 100), pixels.shape, "uint8")


class AvifIq(Avif):
    """The default of libavif, which is `tune=iq` except where the quality is 100."""

    name = "avif-iq"
    options: ClassVar = {"subsampling": "4:4:4", "speed": 4}


def _load(data: bytes, mode: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))
