"""`rscodec sample`: a real GeoTIFF with a CRS, the same for the same options."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio


def test_writes_a_georeferenced_scene(rscodec, tmp_path):
    path = tmp_path / "scene.tif"
    result = rscodec("sample", "-o", path, "--size", 96, "--bands", 4, "--dtype", "uint16", "--nodata", 0)
    assert result.code == 0 and result.err == "" and result.out == f"{path}: 96 x 96 x 4 uint16\n"
    with rasterio.open(path) as scene:
        assert (scene.count, scene.height, scene.width, scene.dtypes[0]) == (4, 96, 96, "uint16")
        assert scene.crs is not None and scene.crs.is_projected and scene.nodata == 0
        pixels = scene.read()
    assert (pixels == 0).all(axis=0).any() and pixels.std() > 0


def test_nodata_may_be_nan(rscodec, tmp_path):
    path = tmp_path / "scene.tif"
    assert rscodec("sample", "-o", path, "--size", 64, "--dtype", "float32", "--nodata", "nan").code == 0
    with rasterio.open(path) as scene:
        assert np.isnan(scene.nodata) and np.isnan(scene.read()).any()


def test_a_seed_is_a_scene(rscodec, tmp_path):
    pixels = {}
    for name, seed in [("a", 1), ("again", 1), ("b", 2)]:
        assert rscodec("sample", "-o", tmp_path / name, "--size", 64, "--seed", seed, "--quiet").out == ""
        with rasterio.open(tmp_path / name) as scene:
            pixels[name] = scene.read()
    assert (pixels["a"] == pixels["again"]).all() and (pixels["a"] != pixels["b"]).any()


def test_an_existing_output_stays(rscodec, tmp_path):
    path = tmp_path / "scene.tif"
    path.write_bytes(b"precious")
    assert rscodec("sample", "-o", path, "--size", 64).code == 7
    assert path.read_bytes() == b"precious"
    assert rscodec("sample", "-o", path, "--size", 64, "--overwrite").code == 0


@pytest.mark.parametrize(
    "args",
    [["--size", "0"], ["--bands", "17"], ["--dtype", "int8"], ["--seed", "-1"], ["--nodata", "none"]],
    ids=" ".join,
)
def test_values_out_of_range_are_usage_errors(rscodec, tmp_path, args):
    result = rscodec("sample", "-o", tmp_path / "scene.tif", *args)
    assert result.code == 2 and args[0] in result.err
