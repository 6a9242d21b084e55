"""Runs the ffmpeg binary of imageio-ffmpeg: encodes one frame to a bare stream, and decodes it.

Input and output planes have the coder's own pixel format, and neither side sets a colour range, so ffmpeg converts
nothing.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval.anchors.base import run

ONE_THREAD = ["-threads", "1"]  # before an input: of its decoder; before an output: of its encoder


@cache
def binary() -> str:
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise ToolMissing("no ffmpeg: pip install imageio-ffmpeg") from None


@cache
def version(encoder: str) -> str:
    """ffmpeg's version, after checking that it has the encoder."""
    if not re.search(rf"^ V\S+ {encoder} ", run([binary(), "-hide_banner", "-encoders"]).decode(), re.MULTILINE):
        raise ToolMissing(f"{binary()} has no {encoder}; install the imageio-ffmpeg wheel for this platform")
    return "ffmpeg " + run([binary(), "-version"]).decode().split()[2]


def encode(planes: bytes, width: int, height: int, pixel_format: str, encoder: list[str], container: str) -> bytes:
    """Encode through a file, because libvvenc prints warnings to standard output."""
    raw = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}", "-i", "pipe:0"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream"
        out = ["-frames:v", "1", *encoder, "-pix_fmt", pixel_format, "-f", container, str(path)]
        run([*_quiet(), *raw, *ONE_THREAD, *out], planes)
        return path.read_bytes()


def decode(stream: bytes, container: str, pixel_format: str) -> bytes:
    out = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", pixel_format, "pipe:1"]
    return run([*_quiet(), "-f", container, "-i", "pipe:0", *out], stream)


def _quiet() -> list[str]:
    return [binary(), "-hide_banner", "-loglevel", "error", *ONE_THREAD]
