"""Anchors: well-known codecs with one interface. A new anchor needs one file and one row in ANCHORS."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from rscodec.bitstreams.errors import InputError
from rscodec.eval.anchors.base import Anchor


@dataclass(frozen=True)
class Row:
    """`name`: what a user types. `target`: what makes the anchor, as "module:attribute"; imported when it is used."""

    name: str
    target: str
    summary: str

    def load(self) -> Anchor:
        """The anchor, ready to run. Raises ToolMissing if its tool is not installed."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)()


ANCHORS = (
    Row("jpeg2000", "rscodec.eval.anchors.jpeg2000:Jpeg2000", "OpenJPEG 9/7; MCT for three bands"),
    Row("jpeg2000-klt", "rscodec.eval.anchors.jpeg2000:Jpeg2000Klt", "OpenJPEG 9/7 with a KLT, for many bands"),
    Row("bpg", "rscodec.eval.anchors.bpg:bpg", "HEVC intra 4:4:4 10 bit: bpgenc on PATH, else its payload by x265"),
    Row("vvc", "rscodec.eval.anchors.vvc:Vvenc", "VVC intra by libvvenc, which takes 4:2:0 only"),
    Row("vtm", "rscodec.eval.anchors.vvc:Vtm", "VVC intra 4:4:4 by the reference software, if it is on PATH"),
    Row("jpeg", "rscodec.eval.anchors.pillow:Jpeg", "libjpeg-turbo, 4:4:4, optimised tables"),
    Row("webp", "rscodec.eval.anchors.pillow:Webp", "libwebp, 4:2:0"),
    Row("avif", "rscodec.eval.anchors.pillow:Avif", "AV1 intra in AVIF, 4:4:4, tuned for PSNR"),
    Row("avif-iq", "rscodec.eval.anchors.pillow:AvifIq", "the same, tuned for looks, as by default"),
    Row("jpegxl", "rscodec.eval.anchors.jpegxl:JpegXl", "libjxl, VarDCT"),
    Row("jpegls", "rscodec.eval.anchors.jpegls:JpegLs", "JPEG-LS, near-lossless: the largest error is bounded"),
    Row("lerc", "rscodec.eval.anchors.lerc:Lerc", "LERC in a GeoTIFF: the largest error is bounded"),
)


def find(name: str) -> Row:
    """The row of that name. The error for an unknown name lists the known ones."""
    for row in ANCHORS:
        if row.name == name:
            return row
    raise InputError(f"no anchor {name!r}; there are {', '.join(row.name for row in ANCHORS)}")
