"""The commands together, with the weights that ship: a scene into a file and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from rscodec.raster.scene import Scene


@pytest.mark.parametrize(
    "sample",
    [
        ("--bands", 3),
        ("--bands", 4, "--dtype", "uint16", "--nodata", 0),
        ("--bands", 1, "--dtype", "float32"),
    ],
    ids=["rgb", "multispectral", "float"],
)
def test_a_scene_into_a_file_and_back(rscodec, tmp_path, sample):
    scene, stream, back, part = (tmp_path / name for name in ("scene.tif", "scene.bin", "back.tif", "part.tif"))
    assert rscodec("sample", "-o", scene, "--size", 160, *sample).code == 0
    encoded = rscodec("encode", scene, "-o", stream, "-q", 5, "--tile", 64, "--json")
    assert encoded.code == 0 and json.loads(encoded.out)["bytes"] == stream.stat().st_size < scene.stat().st_size / 4

    assert rscodec("info", stream).code == 0
    assert rscodec("decode", stream, "-o", back).code == 0
    assert rscodec("validate", scene, back).code == 0 and rscodec("validate", scene, stream).code == 0
    verified = rscodec("verify", stream, "--against", scene, "--json")
    report = json.loads(verified.out)
    assert verified.code == 0 and report["nodata_exact"] and report["metadata_exact"] and report["psnr_db"] > 30

    assert rscodec("decode", stream, "-o", part, "--window", 50, 30, 40, 20).code == 0
    with rasterio.open(back) as whole, rasterio.open(part) as window:
        crop = whole.read(window=((30, 50), (50, 90)))
        span = np.ptp(whole.read().astype(float))
        assert np.abs(window.read().astype(float) - crop).max() <= max(1, span / 255)
        assert window.transform == whole.window_transform(Window(50, 30, 40, 20))


@pytest.mark.parametrize(
    "sample, max_error",
    [
        (("--bands", 3), 2),
        (("--bands", 2, "--dtype", "uint16", "--nodata", 0), 0),
        (("--dtype", "float32"), 0.01),
    ],
    ids=["rgb", "lossless", "float"],
)
def test_a_largest_error_is_kept(rscodec, tmp_path, sample, max_error):
    scene, stream = tmp_path / "scene.tif", tmp_path / "scene.bin"
    rscodec("sample", "-o", scene, "--size", 80, *sample)
    assert rscodec("encode", scene, "-o", stream, "--max-error", max_error, "-q", 2, "--tile", 64).code == 0
    verified = rscodec("verify", stream, "--against", scene, "--json")
    report = json.loads(verified.out)
    assert verified.code == 0 and report["max_error_bound"] == max_error
    assert 0.9 * max_error <= report["max_abs_error"] <= max_error
    assert "largest error of a valid pixel" in rscodec("info", stream).out


@pytest.mark.parametrize("goal, value, name", [("--bpp", 0.5, "bpp"), ("--psnr", 30, "psnr_db")])
def test_a_target_is_met(rscodec, tmp_path, goal, value, name):
    scene, stream = tmp_path / "scene.tif", tmp_path / "scene.bin"
    rscodec("sample", "-o", scene, "--size", 256)
    encoded = json.loads(rscodec("encode", scene, "-o", stream, goal, value, "--json").out)
    verified = json.loads(rscodec("verify", stream, "--against", scene, "--json").out)
    if name == "bpp":
        assert 0.9 * value <= encoded["bpp"] <= value
    else:
        assert value <= verified["psnr_db"] <= value + 0.5
        assert encoded["psnr_db_estimated"] == pytest.approx(verified["psnr_db"], abs=0.05)
    assert encoded["target_met"]


def test_a_target_that_no_quality_reaches_is_said(rscodec, tmp_path):
    scene = tmp_path / "scene.tif"
    rscodec("sample", "-o", scene, "--size", 96)
    for number, goal in enumerate([("--psnr", 99), ("--bpp", 0.001)]):
        result = rscodec("encode", scene, "-o", tmp_path / f"{number}.bin", *goal, "--json")
        assert "out of reach" in result.err and json.loads(result.out)["target_met"] is False


def test_alpha_that_is_no_mask_and_most_of_the_file_is_said(rscodec, tmp_path):
    rng, pixels = np.random.default_rng(0), np.full((4, 64, 96), 90, np.uint8)
    metadata = {"colorinterp": ["red", "green", "blue", "alpha"], "transform": [1, 0, 0, 0, -1, 0]}
    alphas = {"a mask": 255 * rng.integers(0, 2, (64, 96)), "infra red": rng.integers(0, 30, (64, 96))}
    notes = {}
    for name, pixels[3] in alphas.items():
        scene, stream = tmp_path / f"{name}.tif", tmp_path / f"{name}.bin"
        Scene(pixels, None, metadata).save(scene)
        encoded = rscodec("encode", scene, "-o", stream, "--bands", "2,4", "--json")
        assert json.loads(encoded.out)["alpha"] == [4]
        notes[name] = encoded.err
    assert notes["a mask"] == "" and notes["infra red"].count("\n") == 1
    assert f"`gdal_edit.py -colorinterp_4 undefined '{scene}'`" in notes["infra red"]

    with rasterio.open(scene, "r+") as infrared:  # as gdal_edit.py does
        infrared.colorinterp = [*infrared.colorinterp[:3], ColorInterp.undefined]
    encoded = rscodec("encode", scene, "-o", tmp_path / "again.bin", "--json")
    assert encoded.err == "" and json.loads(encoded.out)["alpha"] == []
