"""BPG: HEVC intra, 4:4:4, 10 bit.

bpgenc and bpgdec, if they are on PATH
else x265 through ffmpeg: a bare HEVC stream, which is the payload of a BPG file; its label says so
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from rscodec.eval.anchors import ffmpeg
from rscodec.eval.anchors.base import Anchor, Shape, run
from rscodec.eval.anchors.video import Video, planes_of

QUANTISERS = (45, 42, 39, 35, 31, 27, 23, 19, 15)
X265 = ["-c:v", "libx265", "-preset", "placebo", "-tune", "psnr"]


def bpg() -> Anchor:
    """The real tool if it is installed, else its payload by x265."""
    return BpgTools() if shutil.which("bpgenc") and shutil.which("bpgdec") else X265Payload()


class X265Payload(Video):
    """`-tune psnr`: psycho-visual terms cost 8 to 15 % at equal PSNR. `info=0`: no signature of the encoder."""

    name = "bpg (x265 payload)"
    parameters = QUANTISERS
    command = (
        "ffmpeg -f rawvideo -pix_fmt yuv444p10le "
        + " ".join(X265)
        + " -x265-params qp={parameter}:ipratio=1:info=0 -f hevc; BT.709 full range by our own rounding"
    )

    def __init__(self) -> None:
        self.version = f"libx265 in {ffmpeg.version('libx265')}"

    def encode_frame(self, planes: list[np.ndarray], quantiser: int) -> bytes:
        height, width = planes[0].shape
        settings = [*X265, "-x265-params", f"qp={quantiser}:ipratio=1:info=0"]
        pixels = b"".join(plane.tobytes() for plane in planes)
        return ffmpeg.encode(pixels, width, height, _format(len(planes) == 3), settings, "hevc")

    def decode_frame(self, stream: bytes, colour: bool, height: int, width: int) -> list[np.ndarray]:
        return planes_of(ffmpeg.decode(stream, "hevc", _format(colour)), [(height, width)] * (3 if colour else 1))


class BpgTools(Anchor):
    """Runs bpgenc on a PNG, as its users do."""

    name = "bpg"
    parameters = QUANTISERS
    command = "bpgenc -q {parameter} -f 444 -b 10 -c ycbcr_bt709 -m 9 -o x.bpg x.png; bpgdec -b 8 -o x.png x.bpg"

    def __init__(self) -> None:
        self.version = f"bpgenc at {shutil.which('bpgenc')}"

    def refuses(self, bands: int, dtype: str) -> str | None:
        return None if bands in (1, 3) and dtype == "uint8" else "bpgenc codes grey and RGB pictures of 8 bits"

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        from PIL import Image

        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "x.png", Path(folder) / "x.bpg"
            Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(source)
            words = ["-q", f"{parameter:g}", "-f", "444", "-b", "10", "-c", "ycbcr_bt709", "-m", "9"]
            run(["bpgenc", *words, "-o", str(target), str(source)])
            return target.read_bytes()

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        from PIL import Image

        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "x.bpg", Path(folder) / "x.png"
            source.write_bytes(data)
            run(["bpgdec", "-b", "8", "-o", str(target), str(source)])
            picture = np.asarray(Image.open(target).convert("L" if shape[0] == 1 else "RGB"))
        return picture.reshape(*shape[1:], shape[0]).transpose(2, 0, 1)


def _format(colour: bool) -> str:
    return "yuv444p10le" if colour else "gray10le"
