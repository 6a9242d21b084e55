"""BPG: HEVC intra, 4:4:4, 10 bit.

bpgenc and bpgdec, if they are on PATH
else x265 through ffmpeg, in the layout of a BPG file; its label says so

    HEVC stream: VPS, SPS, PPS, slice        BPG file: header (about 16 bytes), PPS, slice

BPG's header replaces the VPS and the SPS, which take 73 bytes. They are the same for all pictures of a size, so the
decoder here makes them again instead of parsing the header.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from rscodec.eval.anchors import ffmpeg
from rscodec.eval.anchors.base import Anchor, Shape, run
from rscodec.eval.anchors.video import Video, planes_of

QUANTISERS = (45, 42, 39, 35, 31, 27, 23, 19, 15)
X265 = ["-c:v", "libx265", "-preset", "placebo", "-tune", "psnr"]
PARAMETERS = "qp={parameter}:ipratio=1:info=0:wpp=0:pools=none"
START = b"\0\0\0\1"  # of a unit of an HEVC stream
VPS, SPS = 32, 33  # types of units
MAGIC = b"BPG\xfb"
CODING_TOOLS = bytes(3)  # stands for what BPG keeps of the SPS: sizes of blocks, and four flags


def bpg() -> Anchor:
    """The real tool if it is installed, else its payload by x265."""
    return BpgTools() if shutil.which("bpgenc") and shutil.which("bpgdec") else X265Payload()


class X265Payload(Video):
    """`-tune psnr`: psycho-visual terms cost 8 to 15 % at equal PSNR. `info=0`: no signature of the encoder.
    `wpp=0`: no points of entry for threads.
    """

    name = "bpg (x265 payload)"
    parameters = QUANTISERS
    command = (
        "ffmpeg -f rawvideo -pix_fmt yuv444p10le "
        + " ".join(X265)
        + f" -x265-params {PARAMETERS} -f hevc; header of BPG for VPS and SPS; BT.709 full range by our own rounding"
    )

    def __init__(self) -> None:
        self.version = f"libx265 in {ffmpeg.version('libx265')}"

    def encode_frame(self, planes: list[np.ndarray], quantiser: int) -> bytes:
        height, width = planes[0].shape
        units = _hevc(b"".join(plane.tobytes() for plane in planes), width, height, len(planes) == 3, quantiser)
        payload = START.join(unit for unit in units if _type(unit) not in (VPS, SPS))
        sizes = b"".join(map(_ue7, (width, height, len(payload), len(CODING_TOOLS))))
        return MAGIC + _kind(len(planes) == 3) + sizes + CODING_TOOLS + payload

    def decode_frame(self, stream: bytes, colour: bool, height: int, width: int) -> list[np.ndarray]:
        sizes = re.compile(rb"([\x80-\xff]*[\x00-\x7f]){4}").match(stream, len(MAGIC + _kind(colour)))
        assert sizes
        payload = stream[sizes.end() + len(CODING_TOOLS) :]
        whole = START + START.join([*_parameter_sets(width, height, colour), payload])
        return planes_of(ffmpeg.decode(whole, "hevc", _format(colour)), [(height, width)] * (3 if colour else 1))


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


def _hevc(pixels: bytes, width: int, height: int, colour: bool, quantiser: int) -> list[bytes]:
    """The units of the HEVC stream of a frame."""
    settings = [*X265, "-x265-params", PARAMETERS.format(parameter=quantiser)]
    stream = ffmpeg.encode(pixels, width, height, _format(colour), settings, "hevc")
    return [unit for unit in re.split(rb"\x00*\x00\x00\x01", stream) if unit]


@cache
def _parameter_sets(width: int, height: int, colour: bool) -> tuple[bytes, ...]:
    """VPS and SPS of pictures of a size."""
    blank = bytes(2 * width * height * (3 if colour else 1))
    return tuple(unit for unit in _hevc(blank, width, height, colour, QUANTISERS[0]) if _type(unit) in (VPS, SPS))


def _type(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _kind(colour: bool) -> bytes:
    """Pixel format, depth and colour space: 4:4:4 or grey, 10 bits, BT.709."""
    return bytes([(3 if colour else 0) << 5 | 2, 3 << 4])


def _ue7(value: int) -> bytes:
    """A number in groups of seven bits, the highest first; all but the last have bit 7 set."""
    groups = [value & 127]
    while value := value >> 7:
        groups.insert(0, value & 127 | 128)
    return bytes(groups)


def _format(colour: bool) -> str:
    return "yuv444p10le" if colour else "gray10le"
