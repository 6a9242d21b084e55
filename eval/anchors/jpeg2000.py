"""JPEG 2000 by OpenJPEG through glymur: irreversible 9/7, one quality layer, one .jp2 file.

3 bands        multi-component transform (ICT)
other counts   jpeg2000: no transform, the rate allocation shared by all bands of one file
               jpeg2000-klt: the image's own KLT first; its matrix counts as bytes
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval.anchors.base import Anchor, Shape, bundle, unbundle
from rscodec.eval.anchors.klt import Klt

WHEELS = ("rasterio", "pillow")  # both contain OpenJPEG in NAME.libs


def library() -> str:
    """The path of libopenjp2: that of the system, or one in an installed wheel."""
    found = ctypes.util.find_library("openjp2")
    if found:
        return found
    packages = Path(importlib.util.find_spec("numpy").origin).parent.parent
    for wheel in WHEELS:
        for path in sorted((packages / f"{wheel}.libs").glob("libopenjp2*")):
            return str(path)
    raise ToolMissing("jpeg2000 needs OpenJPEG: install libopenjp2-7 (Debian), openjpeg2 (Fedora) or openjpeg (brew)")


def load_glymur():
    """glymur, configured with the path of the library. It reads its configuration file when it is imported."""
    path = library()
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_CONFIG_HOME=folder):
        settings = Path(folder) / "glymur" / "glymurrc"
        settings.parent.mkdir()
        settings.write_text(f"[library]\nopenjp2: {path}\n")
        import glymur
    return glymur


class Jpeg2000(Anchor):
    """The parameter is the ratio of raw bits to coded bits, OpenJPEG's `-r`."""

    name = "jpeg2000"
    parameters = (240, 160, 100, 60, 40, 24, 16, 10, 6)
    command = "opj_compress -I -r {parameter} -mct 1 -o x.jp2 (glymur: irreversible, cratios; mct for 3 bands only)"

    def __init__(self) -> None:
        self._glymur = load_glymur()
        self.version = f"OpenJPEG {self._glymur.version.openjpeg_version}, glymur {self._glymur.version.version}"

    def refuses(self, bands: int, dtype: str) -> str | None:
        return None if dtype in ("uint8", "uint16") else f"glymur writes uint8 and uint16, not {dtype}"

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        return self._write(pixels, parameter)

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        return self._read(data, shape)

    def _write(self, pixels: np.ndarray, ratio: float) -> bytes:
        bands, height, width = pixels.shape
        levels = min(6, min(height, width).bit_length())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.jp2"
            options = {"mct": True} if bands == 3 else {"colorspace": "gray"}
            image = pixels[0] if bands == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
            self._glymur.Jp2k(path, data=image, cratios=(ratio,), irreversible=True, numres=levels, **options)
            return path.read_bytes()

    def _read(self, data: bytes, shape: Shape) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.jp2"
            path.write_bytes(data)
            image = self._glymur.Jp2k(path)[:]
        return np.ascontiguousarray(image.reshape(*shape[1:], shape[0]).transpose(2, 0, 1))


class Jpeg2000Klt(Jpeg2000):
    """Components always have 16 bits. The ratio still refers to the scene's own bits."""

    name = "jpeg2000-klt"
    command = "KLT of the image, then " + Jpeg2000.command

    def refuses(self, bands: int, dtype: str) -> str | None:
        return super().refuses(bands, dtype) or (None if bands > 3 else "a KLT is for more than three bands")

    def ceiling(self, pixels: np.ndarray) -> np.ndarray:
        klt = Klt.of(pixels)
        return klt.inverse(klt.forward(pixels), str(pixels.dtype))

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        klt = Klt.of(pixels)
        return bundle(klt.pack(), [self._write(klt.forward(pixels), parameter * 2 / pixels.itemsize)])

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        side, (stream,) = unbundle(data)
        return Klt.unpack(side, shape[0]).inverse(self._read(stream, shape), dtype)
