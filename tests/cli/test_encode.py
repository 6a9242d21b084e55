"""`rscodec encode`: what the options mean to the library, and what is printed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

DEFAULTS = dict(quality=3.0, bpp=None, psnr=None, model="s", weights=None, tile=512, bands=None, nodata=None,
                device="cpu", threads=None, overwrite=False, progress=None)


def test_defaults(rscodec, api):
    result = rscodec("encode", "a.tif", "-o", "a.bin")
    assert result.code == 0
    assert api.calls == [("encode_file", (Path("a.tif"), Path("a.bin")), DEFAULTS)]


@pytest.mark.parametrize("args, changes", [
    (["-q", "7.25"], dict(quality=7.25)),
    (["--bpp", "0.4"], dict(bpp=0.4)),
    (["--psnr", "34"], dict(psnr=34.0)),
    (["--model", "elic", "--weights", "w.pth"], dict(model="elic", weights=Path("w.pth"))),
    (["--tile", "256"], dict(tile=256)),
    (["--bands", "4,3,2"], dict(bands=(4, 3, 2))),
    (["--bands", "1-3,8"], dict(bands=(1, 2, 3, 8))),
    (["--nodata", "-9999"], dict(nodata=-9999.0)),
    (["--device", "cuda", "--threads", "2"], dict(device="cuda", threads=2)),
    (["--overwrite"], dict(overwrite=True)),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_options(rscodec, api, args, changes):
    assert rscodec("encode", "a.tif", "-o", "a.bin", *args).code == 0
    assert api.calls[0][2] == {**DEFAULTS, **changes}


def test_nodata_may_be_nan(rscodec, api):
    assert rscodec("encode", "a.tif", "-o", "a.bin", "--nodata", "nan").code == 0
    assert math.isnan(api.calls[0][2]["nodata"])


@pytest.mark.parametrize("args", [
    ["-q", "0.5"], ["-q", "8.1"], ["-q", "nan"], ["-q", "high"], ["--bpp", "0"], ["--bpp", "inf"],
    ["--psnr", "-1"], ["-q", "3", "--bpp", "1"], ["--bpp", "1", "--psnr", "30"], ["--model", "jpeg"],
    ["--tile", "500"], ["--tile", "0"], ["--tile", "4096"], ["--bands", "0"], ["--bands", "3-1"],
    ["--bands", "1,1"], ["--bands", "1,"], ["--bands", "red"], ["--threads", "0"], ["--device", "tpu"],
], ids=" ".join)
def test_values_out_of_range_are_usage_errors(rscodec, api, args):
    result = rscodec("encode", "a.tif", "-o", "a.bin", *args)
    assert result.code == 2 and args[0] in result.err and not api.calls


def test_the_summary_names_file_size_and_rate(rscodec, api):
    assert rscodec("encode", "a.tif", "-o", "a.bin").out == (
        "out.bin: 410 bytes, 0.0500 bpp, quality 2.5, 256 x 256 x 3, 0.2 s\n")


def test_quiet_prints_nothing(rscodec, api):
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--quiet")
    assert result.out == result.err == ""


def test_json_is_the_report(rscodec, api):
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--json", "--quiet")
    assert json.loads(result.out) == {
        "path": "out.bin", "bytes": 410, "bpp": 0.05, "quality": 2.5, "width": 256, "height": 256, "bands": 3,
        "seconds": 0.25, "sections": {"bytes_file": 410}}
