"""`rscodec decode`: what the options mean to the library, and what a lost tile costs."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from rscodec.bitstreams.limits import MAX_PIXELS_IN_FILE
from rscodec.enhancers.base import EnhanceSettings
from rscodec.models.registry import ENHANCERS, UPSAMPLERS
from rscodec.models.weights import ships
from rscodec.raster.window import Window
from rscodec.upsamplers.base import UpscaleSettings

DEFAULTS = dict(
    window=None,
    bands=None,
    driver="GTiff",
    creation_options={},
    on_error="stop",
    weights=None,
    device="cpu",
    threads=None,
    overwrite=False,
    progress=None,
    enhance=None,
    max_pixels=MAX_PIXELS_IN_FILE,
)


def test_defaults(rscodec, api):
    result = rscodec("decode", "a.bin", "-o", "a.tif")
    assert result.code == 0 and result.out == "out.tif: 256 x 256 x 3, 0.5 s\n"
    assert api.calls == [("decode_file", (Path("a.bin"), Path("a.tif")), DEFAULTS)]


def test_the_last_argument_is_the_output_where_no_option_is(rscodec, api):
    assert rscodec("decode", "a.bin", "a.tif", "--quiet").code == 0
    assert api.calls == [("decode_file", (Path("a.bin"), Path("a.tif")), DEFAULTS)]
    twice = rscodec("decode", "a.bin", "a.tif", "-o", "b.tif")
    assert twice.code == 2 and "two outputs, b.tif and a.tif" in twice.err
    assert rscodec("decode", "a.bin").code == 2 and len(api.calls) == 1


def test_corners_become_a_window(rscodec, api, monkeypatch):
    asked = []
    window, bounds = Window(5, 6, 7, 8), (412000, 5317980, 412020, 5318000.5)
    scene = SimpleNamespace(window=lambda *corners: asked.append(corners) or window, width=20, height=20, bounds=bounds)
    monkeypatch.setattr(sys.modules["rscodec.api"], "open", lambda stream: nullcontext(scene), raising=False)
    assert rscodec("decode", "a.bin", "a.tif", "-projwin", "412000", "5318000.5", "412010", "-3").code == 0
    assert asked == [(412000, -3, 412010, 5318000.5)] and api.calls[0][2]["window"] == (5, 6, 7, 8)
    window = Window(5, 6, 7, 15)
    outside = rscodec("decode", "a.bin", "a.tif", "-projwin", "412000", "5318000.5", "412010", "-3")
    assert outside.code == 3 and len(api.calls) == 1
    assert "--projwin 412000 5318000.5 412010 -3 is not inside a.bin, which covers 412000 5318000.5 412020 5317980" in (
        outside.err
    )
    both = rscodec("decode", "a.bin", "a.tif", "--projwin", "0,9,9,0", "--window", "0,0,9,9")
    assert both.code == 2 and "--projwin exclude each other" in both.err


def test_a_preview_is_made_another_way(rscodec, api):
    result = rscodec("decode", "a.bin", "-o", "a.png", "--preview", "64", "--bands", "3")
    assert result.code == 0 and result.out == "out.tif: 64 x 64 x 3, 0.5 s\n"
    ((name, args, options),) = api.calls
    assert (name, args) == ("preview_file", (Path("a.bin"), Path("a.png"), 64))
    assert options["bands"] == (3,) and options["driver"] == "PNG" and options["stretch"] == (2, 98)


@pytest.mark.parametrize(
    "args, stretch",
    [
        (["a.png", "--stretch", "0,99.5"], (0, 99.5)),
        (["a.png", "--stretch", "none"], None),
        (["a.tif"], None),
        (["a.tif", "--stretch", "1,99"], (1, 99)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_preview_is_stretched(rscodec, api, args, stretch):
    assert rscodec("decode", "a.bin", "--preview", "64", "-o", *args).code == 0
    assert api.calls[0][2]["stretch"] == stretch


@pytest.mark.parametrize(
    "args",
    [["--window", "0", "0", "9", "9"], ["--projwin", "0,9,9,0"], ["--enhance", "ldm"], ["--upscale", "2"]],
    ids=" ".join,
)
def test_a_preview_is_of_the_whole_and_rough(rscodec, api, args):
    result = rscodec("decode", "a.bin", "-o", "a.tif", "--preview", "64", *args)
    assert result.code == 2 and "--preview" in result.err and not api.calls


@pytest.mark.parametrize(
    "args, changes",
    [
        (["--window", "2048", "1024", "512", "256"], dict(window=(2048, 1024, 512, 256))),
        (["--window", "2048,1024,512,256"], dict(window=(2048, 1024, 512, 256))),
        (["--window=-8,0,9,9"], dict(window=(-8, 0, 9, 9))),
        (["-srcwin", "1", "2", "3", "4"], dict(window=(1, 2, 3, 4))),
        (["-of", "COG", "-co", "LEVEL=9"], dict(driver="COG", creation_options={"LEVEL": "9"})),
        (["-b", "3", "-b", "1"], dict(bands=(3, 1))),
        (["--bands", "3,1"], dict(bands=(3, 1))),
        (["--format", "png"], dict(driver="PNG")),
        (
            ["--co", "compress=deflate", "--co", "PREDICTOR=2"],
            dict(creation_options={"COMPRESS": "deflate", "PREDICTOR": "2"}),
        ),
        (["--on-error", "nodata"], dict(on_error="nodata")),
        (["--weights", "w.safetensors"], dict(weights=Path("w.safetensors"))),
        (["--device", "cuda", "--threads", "1"], dict(device="cuda", threads=1)),
        (["--overwrite"], dict(overwrite=True)),
        (["--max-pixels", "7"], dict(max_pixels=7)),
        (["--enhance", "ldm"], dict(enhance=EnhanceSettings("ldm"))),
        (
            ["--enhance", "a.safetensors", "--seed", "7", "--strength", "0.5", "--max-change", "3", "--force"],
            dict(enhance=EnhanceSettings("a.safetensors", seed=7, strength=0.5, max_change=3.0, force=True)),
        ),
        (["--enhance", "ldm", "--strength", "0"], dict(enhance=EnhanceSettings("ldm", strength=0.0))),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options(rscodec, api, args, changes):
    assert rscodec("decode", "a.bin", "-o", "a.tif", *args).code == 0
    assert api.calls[0][2] == {**DEFAULTS, **changes}


def test_the_suffix_decides_where_no_format_is_given(rscodec, api):
    rscodec("decode", "a.bin", "-o", "a.PNG")
    rscodec("decode", "a.bin", "-o", "a.png", "--format", "COG")
    assert [keywords["driver"] for _, _, keywords in api.calls] == ["PNG", "COG"]


def test_a_name_that_promises_another_format_is_a_usage_error(rscodec, api):
    result = rscodec("decode", "a.bin", "-o", "a.JP2")
    assert result.code == 2 and "a.JP2" in result.err and "--format" in result.err and not api.calls
    assert rscodec("decode", "a.bin", "-o", "a.JP2", "--format", "GTiff").code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["--window", "0", "0", "1", "x"],
        ["--format", "JPEG"],
        ["--co", "COMPRESS"],
        ["--on-error", "ignore"],
        ["--strength", "1.5", "--enhance", "ldm"],
        ["--seed", "-1", "--enhance", "ldm"],
        ["--seed", "7"],
        ["--strength", "0"],
        ["--force"],
        ["--max-change", "2"],
        ["--stretch", "2,98"],
        ["--stretch", "98,2", "--preview", "8"],
        ["--stretch", "2", "--preview", "8"],
        ["--stretch", "all", "--preview", "8"],
    ],
    ids=" ".join,
)
def test_values_out_of_range_are_usage_errors(rscodec, api, args):
    result = rscodec("decode", "a.bin", "-o", "a.tif", *args)
    assert result.code == 2 and args[0] in result.err and not api.calls


def test_lost_tiles_are_named_and_not_a_success(rscodec, api):
    api.results["decode_file"] = dataclasses.replace(api.results["decode_file"], tiles_bad=[(0, 1, 2), (3, 2, None)])
    result = rscodec("decode", "a.bin", "-o", "a.tif", "--on-error", "nodata")
    assert result.code == 4 and "tile (0, 1) group 2, tile (3, 2) planes" in result.err and "a.tif" in result.err


def test_enhancement_is_offered_when_a_model_ships(rscodec):
    shipping = any(row.takes == "stream" and ships(row) for row in ENHANCERS)
    assert ("--enhance" in rscodec("decode", "--help").out) == shipping


def test_upscaling_is_offered_when_a_model_ships(rscodec):
    shipping, shown = any(map(ships, UPSAMPLERS)), rscodec("decode", "--help").out
    assert ("--upscale" in shown) == shipping and ("--seed" in shown) >= shipping


def test_upscaling_is_that_of_the_command(rscodec, api):
    result = rscodec(
        "decode",
        "a.bin",
        "-o",
        "a.tif",
        "--upscale",
        "2.6",
        "--seed",
        "7",
        "--on-error",
        "nodata",
        "--window",
        "4",
        "5",
        "90",
        "80",
        "--bands",
        "1-3",
    )
    assert result.code == 0 and result.out == "out.tif: 666 x 666, bands 1,2,3 generated, 0.5 s\n"
    options = dict(
        window=(4, 5, 90, 80),
        bands=(1, 2, 3),
        driver="GTiff",
        creation_options={},
        on_error="nodata",
        weights=None,
        device="cpu",
        threads=None,
        overwrite=False,
        progress=None,
        max_pixels=MAX_PIXELS_IN_FILE,
    )
    settings = UpscaleSettings("e2diff", 2.6, seed=7)
    assert api.calls == [("upscale_file", (Path("a.bin"), Path("a.tif"), settings), options)]


@pytest.mark.parametrize("bands, said", [((1, 2, 3), "1, 2, 3"), ((), "none")])
def test_bands_that_are_enhanced_are_named(rscodec, api, bands, said):
    api.results["decode_file"] = dataclasses.replace(api.results["decode_file"], enhanced=bands)
    assert rscodec("decode", "a.bin", "-o", "a.tif", "--enhance", "ldm").out.endswith(
        f"out.tif: 256 x 256 x 3, bands enhanced: {said}; 0.5 s\n"
    )


def test_colours_that_are_guessed_are_a_note(rscodec, api):
    api.results["decode_file"] = dataclasses.replace(api.results["decode_file"], guessed=(1, 2, 3))
    result = rscodec("decode", "a.bin", "-o", "a.tif", "--enhance", "ldm", "--quiet")
    assert result.code == 0 and result.err.startswith("note: a.bin does not name its red, green and blue bands")


def test_what_is_upscaled_is_not_enhanced(rscodec, api):
    result = rscodec("decode", "a.bin", "-o", "a.tif", "--upscale", "2", "--enhance", "ldm")
    assert result.code == 2 and "--enhance" in result.err and not api.calls
