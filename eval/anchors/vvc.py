"""VVC, intra, 10 bit.

vtm    the reference software (EncoderAppStatic, DecoderAppStatic on PATH), 4:4:4: what papers mean by VVC
vvc    libvvenc through ffmpeg, which takes 4:2:0 only; its label says so, and its colour ceiling is recorded
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval.anchors import ffmpeg, yuv
from rscodec.eval.anchors.base import run
from rscodec.eval.anchors.video import Video, planes_of

QUANTISERS = (50, 46, 42, 38, 35, 32, 28, 24, 20)
VVENC = ["-c:v", "libvvenc", "-preset", "slower", "-g", "1"]


class Vvenc(Video):
    """4:2:0: this code halves the chroma of colour pictures. A single band has constant chroma.

    `-g 1` makes every picture intra. Without it, the headers list reference pictures, which takes 108 bytes.
    """

    name = "vvc (vvenc 4:2:0)"
    parameters = QUANTISERS
    command = (
        "ffmpeg -f rawvideo -pix_fmt yuv420p10le "
        + " ".join(VVENC)
        + " -qp {parameter} -qpa 0 -f vvc; BT.709 full range by our own rounding, chroma by 2 x 2 means"
    )

    def __init__(self) -> None:
        self.version = f"libvvenc in {ffmpeg.version('libvvenc')}"

    def to_planes(self, pixels: np.ndarray) -> list[np.ndarray]:
        luma, *chroma = yuv.even(yuv.from_rgb(pixels))
        return [yuv.rounded(plane) for plane in (luma, *map(yuv.halve, chroma))]

    def to_pixels(self, planes: list[np.ndarray], height: int, width: int) -> np.ndarray:
        luma, *chroma = planes
        return yuv.to_rgb(np.stack([luma, *map(yuv.double, chroma)]))[:, :height, :width]

    def encode_frame(self, planes: list[np.ndarray], quantiser: int) -> bytes:
        luma = yuv.even(planes[0])
        height, width = luma.shape
        grey = np.full((height // 2, width // 2), yuv.GREY, "<u2")
        chroma = planes[1:] or [grey, grey]
        settings = [*VVENC, "-qp", str(quantiser), "-qpa", "0"]
        pixels = b"".join(plane.tobytes() for plane in (luma, *chroma))
        return ffmpeg.encode(pixels, width, height, "yuv420p10le", settings, "vvc")

    def decode_frame(self, stream: bytes, colour: bool, height: int, width: int) -> list[np.ndarray]:
        full = height + height % 2, width + width % 2
        half = full[0] // 2, full[1] // 2
        planes = planes_of(ffmpeg.decode(stream, "vvc", "yuv420p10le"), [full, half, half])
        return planes if colour else [planes[0][:height, :width]]


class Vtm(Video):
    """The reference software with its own intra configuration: VTM_CFG, or cfg/encoder_intra_vtm.cfg beside bin/."""

    name = "vvc (VTM 4:4:4)"
    parameters = QUANTISERS
    command = (
        "EncoderAppStatic -c encoder_intra_vtm.cfg --InputChromaFormat=444 --InputBitDepth=10 --QP={parameter} "
        "--FramesToBeEncoded=1 --ConformanceWindowMode=1; BT.709 full range by our own rounding"
    )

    def __init__(self) -> None:
        found = [shutil.which(name) for name in ("EncoderAppStatic", "DecoderAppStatic")]
        if None in found:
            raise ToolMissing("VTM needs EncoderAppStatic and DecoderAppStatic on PATH; build them from its sources")
        tool = Path(found[0]).resolve()
        self._settings = Path(os.environ.get("VTM_CFG", tool.parent.parent / "cfg" / "encoder_intra_vtm.cfg"))
        if not self._settings.is_file():
            raise ToolMissing(f"VTM needs encoder_intra_vtm.cfg, which is not at {self._settings}; name it in VTM_CFG")
        self.version = f"VTM at {tool}"

    def encode_frame(self, planes: list[np.ndarray], quantiser: int) -> bytes:
        height, width = planes[0].shape
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "x.yuv", Path(folder) / "x.vvc"
            source.write_bytes(b"".join(plane.tobytes() for plane in planes))
            run([
                "EncoderAppStatic", "-c", str(self._settings), "-i", str(source), "-b", str(target), "-o", os.devnull,
                f"--SourceWidth={width}", f"--SourceHeight={height}", f"--QP={quantiser}", "--FrameRate=1",
                f"--InputChromaFormat={444 if len(planes) == 3 else 400}", "--InputBitDepth=10", "--OutputBitDepth=10",
                "--FramesToBeEncoded=1", "--ConformanceWindowMode=1",
            ])  # fmt: skip
            return target.read_bytes()

    def decode_frame(self, stream: bytes, colour: bool, height: int, width: int) -> list[np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "x.vvc", Path(folder) / "x.yuv"
            source.write_bytes(stream)
            run(["DecoderAppStatic", "-b", str(source), "-o", str(target), "-d", "10"])
            return planes_of(target.read_bytes(), [(height, width)] * (3 if colour else 1))
