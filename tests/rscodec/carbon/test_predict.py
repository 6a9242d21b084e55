"""Maps of rasters and streams, with units, place, totals by polygon and a word on where they come from."""

from __future__ import annotations

import csv
import json
import zipfile

import numpy as np
import pytest
import rasterio
import torch
from rasterio.enums import ColorInterp
from rasterio.warp import transform_geom

import rscodec
from rscodec.bitstreams.errors import InputError, MissingWeights, OutputError
from rscodec.carbon.area import pixel_areas
from rscodec.carbon.crops import Units
from rscodec.carbon.grid import Grid
from rscodec.carbon.kinds import CarbonConfig, build
from rscodec.carbon.mapper import write_weights
from rscodec.carbon.predict import predict_file
from rscodec.raster.provenance import marked
from rscodec.raster.scene import Scene

WIDTH, HEIGHT = 40, 30
GRID = Grid("EPSG:32633", (16.0, 0, 412_000, 0, -16.0, 5_318_000), WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A GAN that says 100 Mg/ha, a little differently each time."""
    torch.manual_seed(0)
    net = build(CarbonConfig("gan", widths=(8, 8, 8, 16, 16)))
    with torch.no_grad():
        net.unet.leave[-1].weight.mul_(0.01)
        net.unet.leave[-1].bias.fill_(0.5)
    path = tmp_path_factory.mktemp("weights") / "m.safetensors"
    write_weights(path, "gan-test", net, Units((1000.0,) * 4, (300.0,) * 4, 200.0), 32, "nothing at all")
    return path


def save(path, pixels, **more):
    Scene(pixels, metadata=GRID.metadata | more).save(path, overwrite=True)
    return path


@pytest.fixture
def scene(tmp_path):
    pixels = np.random.default_rng(1).integers(700, 1300, (4, HEIGHT, WIDTH)).astype(np.uint16)
    pixels[:, :3, :5] = 0
    return save(tmp_path / "scene.tif", pixels, nodata="0")


def polygons(path, *boxes):
    outlines = []
    for left, top, right, bottom in boxes:
        x = [412_000 + 16 * column for column in (left, right, right, left, left)]
        y = [5_318_000 - 16 * row for row in (bottom, bottom, top, top, bottom)]
        outline = {"type": "Polygon", "coordinates": [list(zip(x, y, strict=True))]}
        outlines.append(transform_geom("EPSG:32633", "EPSG:4326", outline))
    features = [{"type": "Feature", "id": at, "properties": {}, "geometry": one} for at, one in enumerate(outlines)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_map_has_units_place_and_origin(scene, weights, tmp_path):
    made = predict_file(scene, tmp_path / "out", weights, draws=3)
    with rasterio.open(tmp_path / "out" / "density.tif") as raster:
        density, tags = raster.read(1), raster.tags()
        assert raster.units == ("Mg/ha",) and raster.crs == "EPSG:32633" and raster.transform[2] == 412_000
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[:3, :5] = False
    assert np.array_equal(np.isfinite(density), valid) and density[valid] == pytest.approx(100, abs=10)
    assert tags["carbon_trained_on"] == "nothing at all" and tags["carbon_model"] == "gan-test"
    assert tags["carbon_maps"] == "3" and "synthetic" not in tags
    with rasterio.open(tmp_path / "out" / "spread.tif") as raster:
        assert 0 < np.nanmean(raster.read(1)) < 20
    with rasterio.open(tmp_path / "out" / "mask.tif") as raster:
        assert np.array_equal(raster.read(1), valid)
    assert (made.maps, made.pixels, made.trained_on) == (3, valid.sum(), "nothing at all") and made.far < 1
    areas = np.where(valid, pixel_areas(GRID), 0) / 1e4
    assert made.hectares == pytest.approx(areas.sum()) and made.tonnes == pytest.approx(np.nansum(density * areas))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["density.tif", "mask.tif", "spread.tif"]


@pytest.mark.parametrize("dtype, nodata", [("float32", "nan"), ("float32", "-9999"), ("uint16", "65535")])
def test_what_is_no_measurement_does_not_change_the_rest(scene, weights, tmp_path, dtype, nodata):
    pixels = Scene.load(scene).pixels.astype(dtype)
    maps = {}
    for hole in ("1300", nodata):
        pixels[:, 10:14, 20:25] = float(hole)
        predict_file(save(tmp_path / "a.tif", pixels, nodata=hole), tmp_path / "out", weights, draws=1, overwrite=True)
        maps[hole] = Scene.load(tmp_path / "out" / "density.tif").pixels[0]
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[10:14, 20:25] = False
    assert np.array_equal(np.isfinite(maps[nodata]), valid)
    assert maps[nodata][valid] == pytest.approx(maps["1300"][valid], abs=1.0)


def test_totals_by_polygon(scene, weights, tmp_path):
    pytest.importorskip("pyogrio")
    stands = polygons(tmp_path / "stands.geojson", (10, 5, 20, 15), (500, 500, 510, 510), (30, 10, 35, 12))
    made = predict_file(scene, tmp_path / "out", weights, stands=stands, draws=2)
    assert made.pixels == 110 and [one.pixels for one in made.totals] == [100, 10]
    with (tmp_path / "out" / "totals.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["feature"] for row in rows] == ["0", "2"]
    density = Scene.load(tmp_path / "out" / "density.tif").pixels[0]
    areas = pixel_areas(GRID) / 1e4
    assert float(rows[0]["tonnes"]) == pytest.approx((density * areas)[5:15, 10:20].sum(), abs=0.01)
    assert float(rows[0]["mg_ha"]) == pytest.approx(float(rows[0]["tonnes"]) / areas[5:15, 10:20].sum(), abs=0.01)
    assert float(rows[0]["tonnes_spread"]) > 0 and np.isfinite(density).sum() == 110
    assert sum(one.tonnes for one in made.totals) == pytest.approx(made.tonnes)
    predict_file(scene, tmp_path / "out", weights, draws=1, overwrite=True)
    assert not (tmp_path / "out" / "totals.csv").exists()
    away = polygons(tmp_path / "away.geojson", (500, 500, 510, 510))
    with pytest.raises(InputError, match="no valid pixel in the polygons of .*away.geojson"):
        predict_file(scene, tmp_path / "away", weights, stands=away)


def test_one_map_says_nothing_of_its_spread(scene, weights, tmp_path):
    made = predict_file(scene, tmp_path / "out", weights, draws=1)
    assert made.tonnes > 0 and made.tonnes_spread is None
    assert np.isnan(Scene.load(tmp_path / "out" / "spread.tif").pixels).all()


def test_what_fails_leaves_no_folder(scene, weights, tmp_path):
    with pytest.raises(InputError):
        predict_file(scene, tmp_path / "out", weights, bands=(1, 2))
    assert not (tmp_path / "out").exists()


def test_generated_imagery_is_refused(scene, weights, tmp_path):
    loaded = Scene.load(scene)
    fake = save(tmp_path / "fake.tif", loaded.pixels, **marked(loaded.metadata, [1, 2, 3], {"model": "dreamer-1"}))
    with pytest.raises(InputError, match="bands 1,2,3 by dreamer-1.*`allow_synthetic=True`"):
        predict_file(fake, tmp_path / "out", weights)
    made = predict_file(fake, tmp_path / "out", weights, draws=1, allow_synthetic=True)
    with rasterio.open(tmp_path / "out" / "density.tif") as raster:
        assert raster.tags()["synthetic"] == "yes" and raster.tags()["synthetic_model"] == "dreamer-1"
    assert made.pixels


@pytest.mark.parametrize("bands", [None, (1, 4, 3, 2)])
def test_alpha_is_no_near_infrared(weights, tmp_path, bands):
    colours = {"colorinterp": ["red", "green", "blue", "alpha"]}
    path = save(tmp_path / "rgba.tif", np.full((4, HEIGHT, WIDTH), 200, np.uint8), **colours)
    with pytest.raises(InputError, match="rgba.tif: band 4 is alpha.*-colorinterp_4 undefined .*rgba.tif"):
        predict_file(path, tmp_path / "out", weights, bands=bands)
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = [*raster.colorinterp[:3], ColorInterp.undefined]
    assert predict_file(path, tmp_path / "out", weights, bands=bands, draws=1).pixels == HEIGHT * WIDTH


def test_a_stream_is_as_good_as_what_it_decodes_to(scene, weights, tmp_path):
    rscodec.encode_file(scene, tmp_path / "scene.bin", quality=4)
    rscodec.decode_file(tmp_path / "scene.bin", tmp_path / "back.tif")
    predict_file(tmp_path / "scene.bin", tmp_path / "a", weights, draws=1)
    predict_file(tmp_path / "back.tif", tmp_path / "b", weights, draws=1)
    one, other = (Scene.load(tmp_path / name / "density.tif").pixels for name in "ab")
    assert np.array_equal(one, other, equal_nan=True)


def test_what_cannot_be_mapped(scene, weights, tmp_path):
    with pytest.raises(InputError, match="3 bands are given, gan-test takes 4.*`bands`"):
        predict_file(scene, tmp_path / "out", weights, bands=(1, 2, 3))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(scene, "a.tif")
    with pytest.raises(InputError, match="a.tif is no file here, .*: fetch it and use the copy"):
        predict_file(f"/vsizip/{tmp_path}/a.zip/a.tif", tmp_path / "out", weights)
    bare = tmp_path / "bare.tif"
    Scene(Scene.load(scene).pixels).save(bare)
    with pytest.raises(InputError, match="has no georeference"):
        predict_file(bare, tmp_path / "out", weights)
    with pytest.raises(InputError, match="unknown name 'magic'"):
        predict_file(scene, tmp_path / "out", "magic")
    with pytest.raises(MissingWeights):
        predict_file(scene, tmp_path / "out", tmp_path / "none.safetensors")
    predict_file(scene, tmp_path / "out", weights, draws=1)
    with pytest.raises(OutputError, match="density.tif; give `overwrite=True`"):
        predict_file(scene, tmp_path / "out", weights, draws=1)


def test_other_imagery_than_that_of_the_training_is_noticed(scene, weights, tmp_path):
    pixels = Scene.load(scene).pixels
    made = predict_file(save(tmp_path / "dark.tif", pixels // 100), tmp_path / "out", weights, draws=1)
    assert made.far == pytest.approx(990 / 300, abs=0.1)
