"""`rscodec encode`: what the options mean to the library, and what is printed."""

from __future__ import annotations

import dataclasses
import json
import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from rscodec.bitstreams.wire import MAGIC
from rscodec.cli import encode
from rscodec.raster.scene import Scene
from rscodec.stream.sampled_error import SampledError

DEFAULTS = dict(
    quality=None,
    bpp=None,
    psnr=None,
    max_error=None,
    effort=0,
    balance=False,
    model="m",
    weights=None,
    tile=512,
    bands=None,
    nodata=None,
    device="cpu",
    threads=None,
    overwrite=False,
    progress=None,
    search_progress=None,
)


def test_defaults(rscodec, api):
    result = rscodec("encode", "a.tif", "-o", "a.bin")
    assert result.code == 0
    assert api.calls[0] == ("encode_file", (Path("a.tif"), Path("a.bin")), DEFAULTS)
    names = ("bands", "nodata", "weights", "device", "threads")
    assert api.calls[1:] == [("sample_error", (Path("a.bin"), Path("a.tif")), {name: DEFAULTS[name] for name in names})]


@pytest.mark.parametrize(
    "line, scene, output",
    [
        (["a.tif", "a.bin"], Path("a.tif"), "a.bin"),
        (["a.tif", "b.tif", "c.tif", "a.bin"], (Path("a.tif"), Path("b.tif"), Path("c.tif")), "a.bin"),
        (["a.tif", "b.tif", "-o", "a.bin"], (Path("a.tif"), Path("b.tif")), "a.bin"),
        (["https://x/a.tif", "a.bin", "-q", "3"], "https://x/a.tif", "a.bin"),
        (["a.tif", "s3://x/a.bin"], Path("a.tif"), "s3:/x/a.bin"),  # the library refuses it by name
    ],
    ids=str,
)
def test_the_last_argument_is_the_output_where_no_option_is(rscodec, api, line, scene, output):
    assert rscodec("encode", *line).code == 0 and api.calls[0][1] == (scene, Path(output))


def test_an_image_is_not_taken_for_the_output(rscodec, api, tmp_path):
    (tmp_path / "b.tif").write_bytes(b"an image")
    result = rscodec("encode", "a.tif", tmp_path / "b.tif", "--overwrite")
    assert result.code == 2 and "b.tif exists and is not a compressed file" in result.err and not api.calls
    (tmp_path / "b.tif").write_bytes(MAGIC)
    assert rscodec("encode", "a.tif", tmp_path / "b.tif", "--overwrite").code == 0


@pytest.mark.parametrize(
    "args, changes",
    [
        (["-q", "7.25"], dict(quality=7.25)),
        (["--bpp", "0.4"], dict(bpp=0.4)),
        (["--psnr", "34"], dict(psnr=34.0)),
        (["--max-error", "2"], dict(max_error=2.0)),
        (["--lossless"], dict(max_error=0.0)),
        (["--lossless", "--max-error", "0"], dict(max_error=0.0)),
        (["-a_nodata", "-5", "-b", "4", "-b", "3,2"], dict(nodata=-5.0, bands=(4, 3, 2))),
        (["--max-error", "0", "-q", "4"], dict(max_error=0.0, quality=4.0)),
        (["--model", "elic", "--weights", "w.pth"], dict(model="elic", weights=Path("w.pth"))),
        (["--effort", "6"], dict(effort=6)),
        (["--balance"], dict(balance=True)),
        (["--tile", "256"], dict(tile=256)),
        (["--bands", "4,3,2"], dict(bands=(4, 3, 2))),
        (["--bands", "1-3,8"], dict(bands=(1, 2, 3, 8))),
        (["--nodata", "-9999"], dict(nodata=-9999.0)),
        (["--device", "cuda", "--threads", "2"], dict(device="cuda", threads=2)),
        (["--overwrite"], dict(overwrite=True)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options(rscodec, api, args, changes):
    assert rscodec("encode", "a.tif", "-o", "a.bin", *args).code == 0
    assert api.calls[0][2] == {**DEFAULTS, **changes}


@pytest.mark.parametrize(
    "args, searches",
    [
        ([], False),
        (["-q", "3"], False),
        (["--bpp", "0.4"], True),
        (["--psnr", "34"], True),
        (["--max-error", "0"], True),
        (["--max-error", "0", "-q", "4"], False),
    ],
    ids=str,
)
def test_a_search_has_a_bar_of_its_own(rscodec, api, monkeypatch, args, searches):
    shown = []
    bar = nullcontext(lambda label, unit: shown.append((label, unit)))
    monkeypatch.setattr(encode, "bars", lambda quiet: bar)
    assert rscodec("encode", "a.tif", "-o", "a.bin", *args).code == 0
    assert sorted(shown) == [("encode", "tiles")] + [("search", "tries")] * searches


@pytest.mark.parametrize(
    "named, given, told",
    [
        ("7.0", "0", "the scene names nodata 7; --nodata 0 replaces it, so pixels of 7 count as valid"),
        ("7.0", "7", None),
        (None, "0", None),
    ],
)
def test_a_nodata_value_that_replaces_another_brings_a_note(rscodec, api, tmp_path, named, given, told):
    Scene(np.ones((1, 8, 8), np.uint8), metadata={"nodata": named} if named else {}).save(tmp_path / "a.tif")
    err = rscodec("encode", tmp_path / "a.tif", "-o", "a.bin", "--nodata", given).err
    assert (f"note: {told}" in err) if told else ("nodata" not in err)


def test_nodata_may_be_nan(rscodec, api):
    assert rscodec("encode", "a.tif", "-o", "a.bin", "--nodata", "nan").code == 0
    assert math.isnan(api.calls[0][2]["nodata"])


@pytest.mark.parametrize(
    "args",
    [
        ["-q", "0.5"],
        ["-q", "8.1"],
        ["-q", "nan"],
        ["-q", "high"],
        ["--bpp", "0"],
        ["--bpp", "inf"],
        ["--psnr", "-1"],
        ["-q", "3", "--bpp", "1"],
        ["--bpp", "1", "--psnr", "30"],
        ["--model", "jpeg"],
        ["--effort", "10"],
        ["--tile", "500"],
        ["--tile", "0"],
        ["--tile", "4096"],
        ["--bands", "0"],
        ["--bands", "3-1"],
        ["--bands", "1,1"],
        ["--bands", "1,"],
        ["--bands", "red"],
        ["-b", "1", "-b", "1"],
        ["--lossless", "--max-error", "2"],
        ["--threads", "0"],
        ["--device", "tpu"],
    ],
    ids=" ".join,
)
def test_values_out_of_range_are_usage_errors(rscodec, api, args):
    result = rscodec("encode", "a.tif", "-o", "a.bin", *args)
    assert result.code == 2 and args[0] in result.err and not api.calls


@pytest.mark.parametrize("item", ["a.bin", "a.tif", "link.json"])
def test_an_item_in_place_of_scene_or_output_is_a_usage_error(rscodec, api, item, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("link.json").symlink_to("a.bin")
    result = rscodec("encode", "a.tif", "-o", Path.cwd() / "a.bin", "--stac", item)
    assert result.code == 2 and "--stac" in result.err and not api.calls


def test_the_summary_names_file_size_and_rate(rscodec, api):
    assert rscodec("encode", "a.tif", "-o", "a.bin").out == (
        "out.bin: 410 bytes, 479.5 times smaller, 0.0500 bpp, quality 2.5, 256 x 256 x 3, 0.2 s\n"
        "38.20 dB, largest error 12, in a sample of the pixels of 4 of 64 tiles\n"
    )


@pytest.mark.parametrize(
    "measured, words",
    [(None, ""), (SampledError(math.inf, 0.0, 0.0, 1, 1), "no error in a sample of the pixels of 1 of 1 tiles\n")],
)
def test_a_sample_without_pixels_or_without_errors(rscodec, api, measured, words):
    api.results["sample_error"] = measured
    assert rscodec("encode", "a.tif", "-o", "a.bin").out.partition("\n")[2] == words


@pytest.mark.parametrize("bands, dtype, told", [(1, "int16", True), (3, "float32", True), (3, "int16", False),
                                                (1, "uint8", False)])  # fmt: skip
def test_measurements_bring_a_hint_to_max_error(rscodec, api, bands, dtype, told):
    api.results["encode_file"] = dataclasses.replace(api.results["encode_file"], bands=bands, dtype=dtype)
    hint = (
        "note: the sample has errors up to 12, and other pixels may have larger ones; "
        "--max-error E limits all errors to E, as elevation and measurements need\n"
    )
    assert rscodec("encode", "a.tif", "a.bin").err == (hint if told else "")
    assert rscodec("encode", "a.tif", "a.bin", "--max-error", "1").err == ""


@pytest.mark.parametrize("name, told", [("a.TIF", True), ("a.jp2", True), ("a.bin", False), ("a.rsc", False)])
def test_the_name_of_an_image_brings_a_note(rscodec, api, name, told):
    result = rscodec("encode", "a.tif", "-o", name)
    assert result.code == 0 and (f"note: {name} is a compressed file of rscodec" in result.err) == told


@pytest.mark.parametrize("option", [["--json"], ["--stac", "item.json"]])
def test_standard_output_has_the_file_and_nothing_else(rscodec, api, option):
    result = rscodec("encode", "a.tif", "-o", "-", *option)
    assert result.code == 2 and option[0] in result.err and not api.calls


def test_quiet_prints_nothing(rscodec, api):
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--quiet")
    assert result.out == result.err == ""


def test_json_is_the_report(rscodec, api):
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--json", "--quiet")
    assert json.loads(result.out) == {
        "path": "out.bin",
        "bytes": 410,
        "bpp": 0.05,
        "quality": 2.5,
        "width": 256,
        "height": 256,
        "bands": 3,
        "dtype": "uint8",
        "ratio": 479.5,
        "seconds": 0.25,
        "sections": {"bytes_file": 410},
        "psnr_db_estimated": None,
        "target_met": None,
        "alpha": [],
        "highest": 8.0,
    }


@pytest.mark.parametrize(
    "goal, found, words",
    [
        (("--psnr", 60), dict(quality=8.0, psnr_db_estimated=52.7), "highest quality has 52.70 dB"),
        (("--bpp", 0.01), dict(quality=1.0), "0.01 bpp is out of reach"),
        (("--bpp", 0.04), dict(quality=2.0), "0.04 bpp is missed"),
    ],
    ids=str,
)
def test_a_target_out_of_reach_is_said(rscodec, api, goal, found, words):
    met = dataclasses.replace(api.results["encode_file"], target_met=True, **found)
    api.results["encode_file"] = met
    assert rscodec("encode", "a.tif", "-o", "a.bin", *goal).err == ""
    api.results["encode_file"] = dataclasses.replace(met, target_met=False)
    result = rscodec("encode", "a.tif", "-o", "a.bin", *goal)
    assert result.code == 0 and result.err.startswith("note: ") and words in result.err and result.err.count("\n") == 1
    printed = json.loads(rscodec("encode", "a.tif", "-o", "a.bin", *goal, "--json").out)
    assert printed["target_met"] is False and printed["psnr_db_estimated"] == found.get("psnr_db_estimated")


@pytest.mark.parametrize(
    "goal, found, words",
    [
        (
            ("--psnr", 5),
            dict(quality=1.0, psnr_db_estimated=23.07),
            "5 dB is less than the lowest quality has, 23.07 dB",
        ),
        (("--bpp", 20), dict(quality=8.0, bpp=5.9), "20 bpp is more than the highest quality takes, 5.9000 bpp"),
    ],
    ids=str,
)
def test_a_target_beyond_the_other_end_is_said_too(rscodec, api, goal, found, words):
    api.results["encode_file"] = dataclasses.replace(api.results["encode_file"], target_met=True, **found)
    assert rscodec("encode", "a.tif", "-o", "a.bin", *goal).err == f"note: {words}\n"


def test_a_scene_with_a_lower_highest_quality_is_said_to_have_one(rscodec, api):
    report = dataclasses.replace(api.results["encode_file"], highest=6.25)
    for quality, words in ((6.25, "note: the highest quality for this scene is 6.25, because some areas"), (6.0, "")):
        api.results["encode_file"] = dataclasses.replace(report, quality=quality)
        said = rscodec("encode", "a.tif", "-o", "a.bin", "--quality", 8).err
        assert said.startswith(words) and said.count("\n") == bool(words)


@pytest.mark.parametrize("bands, alpha, single", [(1, (), True), (2, (2,), True), (2, (), False), (3, (3,), False)])
def test_a_balance_of_one_band_is_no_balance(rscodec, api, bands, alpha, single):
    api.results["encode_file"] = dataclasses.replace(api.results["encode_file"], bands=bands, alpha=alpha)
    assert rscodec("encode", "a.tif", "-o", "a.bin").err == ""
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--balance")
    told = "note: --balance has no effect on a single band: it weighs bands against each other\n"
    assert result.code == 0 and result.err == (told if single else "")


def test_the_psnr_that_the_search_saw_is_printed(rscodec, api):
    report = api.results["encode_file"]
    api.results["encode_file"] = dataclasses.replace(report, psnr_db_estimated=34.126, target_met=True)
    assert "quality 2.5, about 34.13 dB" in rscodec("encode", "a.tif", "-o", "a.bin", "--psnr", 34).out


def test_the_peak_of_a_psnr_is_in_the_help(rscodec):
    assert "65535" in rscodec("encode", "--help").out


@pytest.mark.parametrize("other", ["--bpp", "--psnr"])
def test_a_largest_error_has_no_other_goal(rscodec, api, other):
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--max-error", 2, other, 3)
    assert result.code == 2 and "--max-error excludes" in result.err and not api.calls


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_largest_error_is_a_number_from_0_on(rscodec, api, value):
    assert rscodec("encode", "a.tif", "-o", "a.bin", "--max-error", value).code == 2
