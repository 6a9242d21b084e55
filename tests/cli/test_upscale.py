"""`rscodec upscale`: what the options mean to the library."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rscodec.bitstreams.limits import MAX_PIXELS_IN_FILE
from rscodec.upsamplers.base import UpscaleSettings

DEFAULTS = dict(
    driver="GTiff",
    creation_options={},
    weights=None,
    bands=None,
    device="cpu",
    threads=None,
    overwrite=False,
    progress=None,
    max_pixels=MAX_PIXELS_IN_FILE,
)


def test_defaults(rscodec, api):
    result = rscodec("upscale", "a.tif", "-o", "b.tif", "--scale", "2.6")
    assert result.code == 0 and result.out == "out.tif: 666 x 666, bands 1,2,3 generated, 0.5 s\n"
    assert api.calls == [("upscale_file", (Path("a.tif"), Path("b.tif"), UpscaleSettings("e2diff", 2.6)), DEFAULTS)]


def test_options(rscodec, api):
    args = [
        "--scale",
        "10",
        "--model",
        "m.safetensors",
        "--seed",
        "7",
        "--weights",
        "w.safetensors",
        "--threads",
        "1",
        "--overwrite",
        "--quiet",
        "--co",
        "ZLEVEL=9",
        "--bands",
        "4,3,2",
    ]
    result = rscodec("upscale", "a.bin", "-o", "b.png", *args)
    assert result.code == 0 and result.out == ""
    ((_, (_, _, settings), options),) = api.calls
    assert settings == UpscaleSettings("m.safetensors", 10.0, seed=7)
    changes = dict(
        driver="PNG", creation_options={"ZLEVEL": "9"}, weights=Path("w.safetensors"), threads=1, bands=(4, 3, 2)
    )
    assert options == DEFAULTS | changes | dict(overwrite=True)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--scale", "0.5"],
        ["--scale", "1"],
        ["--scale", "10.5"],
        ["--scale", "nan"],
        ["--scale", "2", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_values_out_of_range_are_usage_errors(rscodec, api, args):
    result = rscodec("upscale", "a.tif", "-o", "b.tif", *args)
    assert result.code == 2 and (args or ["--scale"])[-2:][0] in result.err and not api.calls


@pytest.mark.parametrize("args", [["upscale", "--scale", "2"], ["decode", "--upscale", "2"]], ids=" ".join)
def test_colours_that_are_guessed_are_a_note(rscodec, api, args):
    command = args[0], "a.bin", "-o", "b.tif", *args[1:], "--quiet"
    assert rscodec(*command).err == ""
    api.results["upscale_file"] = dataclasses.replace(api.results["upscale_file"], guessed=(2, 3, 4))
    result = rscodec(*command)
    told = (
        "note: a.bin does not name its red, green and blue bands; 2,3,4 are used; give --bands R,G,B,... for others\n"
    )
    assert (result.code, result.err) == (0, told)


@pytest.mark.parametrize("guessed, bands", [((1,), "1"), ((1, 2), "1,2")])
def test_data_that_are_no_picture_are_a_note(rscodec, api, guessed, bands):
    api.results["upscale_file"] = dataclasses.replace(api.results["upscale_file"], guessed=guessed)
    told = rscodec("upscale", "dem.tif", "-o", "b.tif", "--scale", "2", "--quiet").err
    assert f"bands; {bands} used as a picture: the result means nothing for heights" in told


def test_lost_tiles_are_named_and_not_a_success(rscodec, api):
    api.results["upscale_file"] = dataclasses.replace(api.results["upscale_file"], tiles_bad=[(0, 1, 0)])
    result = rscodec("upscale", "a.bin", "-o", "b.tif", "--scale", "2")
    assert result.code == 4 and "tile (0, 1) group 0" in result.err and "b.tif" in result.err
