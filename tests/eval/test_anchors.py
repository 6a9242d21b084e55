"""The laws of anchors, over every row; and what each says of itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError, ToolMissing
from rscodec.eval import anchors
from rscodec.eval.anchors import ffmpeg, klt, yuv
from rscodec.eval.anchors.base import Anchor, bundle, unbundle
from rscodec.eval.anchors.bpg import BpgTools
from rscodec.eval.anchors.pillow import Webp
from rscodec.eval.anchors.vvc import Vtm
from rscodec.metrics.pixels import Difference
from rscodec.synthetic.sample import synthesize
from rscodec.training.pairs import through_jpeg2000

SCENES = {"grey": (1, "uint8"), "colour": (3, "uint8"), "four": (4, "uint8"), "spectral": (5, "uint16")}
SIZE = (77, 50)  # odd, and no multiple of any block


def scene(kind: str) -> np.ndarray:
    bands, dtype = SCENES[kind]
    return synthesize(SIZE, bands, dtype, None, 3)[0]


def load(name: str) -> Anchor:
    try:
        return anchors.find(name).load()
    except ToolMissing as problem:
        pytest.skip(f"{name}: {problem}")


def mse(a: np.ndarray, b: np.ndarray) -> float:
    found = Difference(str(a.dtype))
    found.add(a, b, np.ones(a.shape, bool))
    return found.mse


CASES = [(row.name, kind) for row in anchors.ANCHORS for kind in SCENES if (row.name, kind) not in (
    ("vvc", "four"), ("vvc", "spectral"),  # slow, and what bpg does
)]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_an_anchor_keeps_its_contract(name, kind):
    anchor, pixels = load(name), scene(kind)
    assert anchor.name and anchor.version and "{parameter}" in anchor.command
    refusal = anchor.refuses(*SCENES[kind])
    if refusal:
        assert kind != "colour" or name == "jpeg2000-klt"
        return
    before = pixels.copy()
    sizes, errors = [], []
    for parameter in (anchor.parameters[1], anchor.parameters[-2]):
        data = anchor.encode(pixels, parameter)
        decoded = anchor.decode(data, pixels.shape, str(pixels.dtype))
        assert isinstance(data, bytes)
        assert decoded.shape == pixels.shape and decoded.dtype == pixels.dtype
        sizes.append(len(data))
        errors.append(mse(pixels, decoded))
    assert sizes[0] < sizes[1] and errors[0] > errors[1]
    ceiling = anchor.ceiling(pixels)
    assert ceiling.shape == pixels.shape and ceiling.dtype == pixels.dtype
    assert mse(pixels, ceiling) < errors[1]
    assert (pixels == before).all()


@pytest.mark.parametrize("name", ["bpg", "vvc"])
def test_video_flags_no_range_on_one_side_only(name):
    """Full-range black and white come back; a range flagged on one side would squeeze them by 16 levels."""
    pixels = np.zeros((3, 64, 64), np.uint8)
    pixels[:, :, 32:] = 255
    anchor = load(name)
    decoded = anchor.decode(anchor.encode(pixels, 22), pixels.shape, "uint8")
    assert decoded[:, :, :28].max() <= 3 and decoded[:, :, 36:].min() >= 252


@pytest.mark.parametrize("name", ["bpg", "vvc"])
def test_a_stream_holds_no_words_of_its_coder(name):
    """libvvenc prints warnings to standard output; in a stream they would be rate."""
    assert not re.search(rb"[A-Za-z ]{16,}", load(name).encode(scene("grey"), 40))


def test_an_unknown_anchor_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="jpeg2000, jpeg2000-klt, bpg"):
        anchors.find("jpeg2001")


def test_a_missing_tool_says_what_to_install(monkeypatch):
    monkeypatch.setattr("rscodec.eval.anchors.jpeg2000.WHEELS", ())
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(ToolMissing, match="install libopenjp2"):
        anchors.find("jpeg2000").load()
    with pytest.raises(ToolMissing, match="no libnothing"):
        ffmpeg.version("libnothing")
    monkeypatch.setattr("PIL.features.check", lambda feature: False)
    with pytest.raises(ToolMissing, match="webp"):
        Webp()


def test_the_streams_of_a_bundle():
    streams = [b"", b"a", bytes(300)]
    data = bundle(b"side", streams)
    assert unbundle(data) == (b"side", streams)
    assert len(data) == 4 * 4 + 4 + 0 + 1 + 300


def test_colour_conversion_rounds_once():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 40, 40)).astype(np.uint8)
    planes = np.stack([yuv.rounded(plane) for plane in yuv.from_rgb(pixels)])
    assert (yuv.to_rgb(planes) == pixels).all()  # 10 bits hold 8-bit RGB exactly
    white, black = (yuv.from_rgb(np.full((3, 1, 1), value, np.uint8)).ravel() for value in (255, 0))
    assert white == pytest.approx([1023, 512, 512]) and black == pytest.approx([0, 512, 512])


def test_halving_and_doubling():
    ramp = np.add.outer(np.arange(8.0), 3 * np.arange(12.0))
    there = yuv.double(yuv.halve(ramp))
    assert there.shape == ramp.shape
    assert there[1:-1, 1:-1] == pytest.approx(ramp[1:-1, 1:-1])


def test_a_klt_survives_its_bytes():
    pixels = scene("spectral")
    transform = klt.Klt.of(pixels)
    packed = transform.pack()
    again = klt.Klt.unpack(packed, len(pixels))
    assert len(packed) == 2 * 25 + 4 * 5 + 4 * 5 + 4
    components = transform.forward(pixels)
    assert components[0].astype(float).var() > components[-1].astype(float).var()
    assert np.abs(again.inverse(components, "uint16").astype(int) - pixels).max() <= 1


def tool(folder, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_tools_on_path_come_first(monkeypatch, tmp_path):
    """Stand-ins that copy: what matters is who is asked, and with which words."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "encoder_intra_vtm.cfg").touch()
    copy = 'for word in "$@"; do last=$word; done\necho "$@" >> "$0.log"'
    tool(tmp_path / "bin", "bpgenc", f'{copy}\ncp "$last" "${{12}}"')
    tool(tmp_path / "bin", "bpgdec", f'{copy}\ncp "$last" "$4"')
    tool(tmp_path / "bin", "EncoderAppStatic", f'{copy}\ncp "$4" "$6"')
    tool(tmp_path / "bin", "DecoderAppStatic", f'{copy}\ncp "$2" "$4"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    pixels = scene("colour")
    for name, kind in (("bpg", BpgTools), ("vtm", Vtm)):
        anchor = anchors.find(name).load()
        assert isinstance(anchor, kind)
        assert (anchor.decode(anchor.encode(pixels, 30), pixels.shape, "uint8") == pixels).all()
    assert "-q 30 -f 444" in (tmp_path / "bin" / "bpgenc.log").read_text()
    assert "--QP=30" in (tmp_path / "bin" / "EncoderAppStatic.log").read_text()


@pytest.mark.parametrize("rate", [0.4, 1.6])
def test_ldm_rsic_is_trained_on_what_the_anchor_makes(rate):
    pixels = synthesize(256)[0]
    anchor = load("jpeg2000")
    stream = anchor.encode(pixels, 24 / rate)
    found, wanted = through_jpeg2000(pixels, rate), anchor.decode(stream, pixels.shape, "uint8")
    errors = [np.square(each.astype(float) - pixels).mean() for each in (found, wanted)]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_ffmpeg_decodes_its_input_and_encodes_its_output_on_one_thread(monkeypatch):
    words: list[str] = []

    def run(command: list[str], _data: bytes) -> bytes:
        words.extend(command)
        Path(command[-1]).write_bytes(b"stream")
        return b""

    monkeypatch.setattr(ffmpeg, "run", run)
    monkeypatch.setattr(ffmpeg, "binary", lambda: "ffmpeg")
    assert ffmpeg.encode(b"", 8, 8, "gray", ["-c:v", "libjxl"], "image2pipe") == b"stream"
    before, after = words[: words.index("-i")], words[words.index("-i") :]
    assert all(part[part.index("-threads") + 1] == "1" for part in (before, after))
