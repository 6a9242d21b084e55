"""`rscodec enhance`: what the options mean to the library."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rscodec.enhancers.base import EnhanceSettings

DEFAULTS = dict(
    bands=None, driver="GTiff", creation_options={}, device="cpu", threads=None, overwrite=False, progress=None
)


def test_defaults(rscodec, api):
    result = rscodec("enhance", "a.jp2", "-o", "a.tif", "--model", "ldm-jpeg2000")
    assert result.code == 0 and result.out == "out.tif: 256 x 256, bands enhanced: 1, 2, 3; 0.5 s\n"
    assert api.calls == [("enhance_file", (Path("a.jp2"), Path("a.tif"), EnhanceSettings("ldm-jpeg2000")), DEFAULTS)]


@pytest.mark.parametrize(
    "args, settings",
    [
        (["--seed", "7"], dict(seed=7)),
        (["--strength", "0"], dict(strength=0.0)),
        (["--max-change", "3"], dict(max_change=3.0)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_how_to_enhance(rscodec, api, args, settings):
    assert rscodec("enhance", "a.jp2", "-o", "a.tif", "--model", "a.safetensors", *args).code == 0
    assert api.calls[0][1][2] == EnhanceSettings("a.safetensors", **settings)


@pytest.mark.parametrize(
    "args, changes",
    [
        (["--format", "png"], dict(driver="PNG")),
        (["--co", "compress=deflate"], dict(creation_options={"COMPRESS": "deflate"})),
        (["--device", "cuda", "--threads", "1"], dict(device="cuda", threads=1)),
        (["--overwrite"], dict(overwrite=True)),
        (["--bands", "3,2,1,4"], dict(bands=(3, 2, 1, 4))),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options(rscodec, api, args, changes):
    assert rscodec("enhance", "a.jp2", "-o", "a.tif", "--model", "ldm-jpeg2000", *args).code == 0
    assert api.calls[0][2] == {**DEFAULTS, **changes}


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--model", "ldm-jpeg2000", "--strength", "1.5"],
        ["--model", "ldm-jpeg2000", "--max-change", "nan"],
        ["--model", "ldm-jpeg2000", "--force"],
    ],
    ids=" ".join,
)
def test_usage(rscodec, api, args):
    assert rscodec("enhance", "a.jp2", "-o", "a.tif", *args).code == 2 and not api.calls


def test_a_format_that_loses_pixels_is_a_note(rscodec, api):
    api.results["enhance_file"] = dataclasses.replace(api.results["enhance_file"], lossy="COMPRESS=JPEG")
    told = rscodec("enhance", "a.jp2", "-o", "a.tif", "--model", "ldm-jpeg2000").err
    assert told == "note: COMPRESS=JPEG may change pixels again; nodata may not be exact\n"


def test_a_format_that_changes_metadata_is_a_note(rscodec, api):
    found = dataclasses.replace(api.results["enhance_file"], metadata_changed=("gcps", "rpcs"))
    api.results["enhance_file"] = found
    told = rscodec("enhance", "a.jp2", "-o", "a.tif", "--model", "ldm-jpeg2000").err
    assert told == f"note: the format of {found.path} cannot hold all metadata; these differ: gcps, rpcs\n"


def test_colours_that_are_guessed_are_a_note(rscodec, api):
    command = "enhance", "a.jp2", "-o", "a.tif", "--model", "ldm-jpeg2000", "--quiet"
    assert rscodec(*command).err == ""
    api.results["enhance_file"] = dataclasses.replace(api.results["enhance_file"], guessed=(1, 2, 3))
    told = (
        "note: a.jp2 does not name its red, green and blue bands; 1,2,3 are used; give --bands R,G,B,... for others\n"
    )
    assert rscodec(*command).err == told


def test_quiet(rscodec, api):
    assert rscodec("enhance", "a.jp2", "-o", "a.tif", "--model", "ldm-jpeg2000", "--quiet").out == ""


def test_a_file_that_is_missing(rscodec, tmp_path):
    result = rscodec("enhance", tmp_path / "none.jp2", "-o", tmp_path / "a.tif", "--model", "ldm-jpeg2000")
    assert result.code == 3 and "none.jp2" in result.err and not list(tmp_path.iterdir())
