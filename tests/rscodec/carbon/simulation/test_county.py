"""The simulated county: frozen, the same for a seed, train and test apart, and as hard as forests are."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.warp import transform_geom

from rscodec.bitstreams.errors import OutputError
from rscodec.carbon.simulation import county
from rscodec.carbon.simulation.stands import SPECIES

SIZE, SEED = 96, 3
FROZEN = "043fcb6550b916562b0bf34644f61322dd64662bd6479e556e11575f5d9df394"
FROZEN_DEFAULT = "8134d715d1e6154e0a82d0d6370f5413ef82b1fe57f99c0efcf3d3f9fb589f80"


@pytest.fixture(scope="module")
def made() -> county.County:
    return county.simulate(SIZE, SEED)


@pytest.fixture(scope="module")
def large() -> county.County:
    return county.simulate(320, 1)


def test_it_is_frozen(made):
    """Figures of models are quoted with this county: what changes it makes them worthless."""
    assert made.sha256 == FROZEN


@pytest.mark.slow
def test_the_default_is_frozen():
    assert county.simulate(1024, 1).sha256 == FROZEN_DEFAULT


def test_a_seed_is_a_county(made):
    assert county.simulate(SIZE, SEED + 1).sha256 != made.sha256
    pixel = made.imagery.copy()
    pixel[0, 0, 0] += 1
    assert replace(made, imagery=pixel).sha256 != made.sha256


def test_train_and_test_share_no_stand_and_do_not_touch(large):
    stands = {part: set(large.stand[large.region == part]) - {0} for part in (county.TRAIN, county.TEST)}
    assert len(stands[county.TRAIN]) > 50 and len(stands[county.TEST]) > 15
    assert not stands[county.TRAIN] & stands[county.TEST]
    columns = [np.flatnonzero((large.region == part).any(0)) for part in (county.TRAIN, county.TEST)]
    assert columns[1].min() - columns[0].max() > 320 * county.STRIP_SHARE
    for part in stands:
        assert not stands[part] & set(large.stand[large.region != part])


def test_it_is_plausible(large):
    forest = large.stand > 0
    assert 0.4 < forest.mean() < 0.95
    assert 20 < np.median(large.volume[1:]) < 200 and large.volume[1:].max() < 600 and large.volume[1:].min() > 0
    assert len(np.unique(large.species[1:])) == len(SPECIES)
    assert large.canopy_height[forest].max() < 45 and not large.canopy_height[~forest].any()
    blue, _, red, nir = large.imagery[:, forest].astype(float)
    assert 0.4 < np.median((nir - red) / (nir + red)) < 0.9 and np.median(blue) < 1500


def per_stand(county_made: county.County, values: np.ndarray) -> np.ndarray:
    counts = np.bincount(county_made.stand.ravel())
    return (np.bincount(county_made.stand.ravel(), values.ravel()) / np.maximum(counts, 1))[1:]


def test_large_trees_have_a_rougher_picture(large):
    nir = large.imagery[3].astype(float)
    rough = np.abs(nir[1:-1, 1:-1] - (nir[1:-1, :-2] + nir[1:-1, 2:]) / 2) / nir[1:-1, 1:-1]
    rough = per_stand(large, np.pad(rough, 1, "edge"))
    closed = large.volume[1:] > 30  # gaps make young and open stands rough
    assert np.corrcoef(rough[closed], large.volume[1:][closed])[0, 1] > 0.3


def test_slopes_that_face_the_sun_are_bright(large):
    dem, nir = large.dem.astype(float), large.imagery[3].astype(float)
    south, east = np.gradient(dem)
    facing = east * -0.5 + south * -0.87  # the sun is in the south-east: falling ground there is lit
    inside = large.stand > 0
    assert np.corrcoef(facing[inside], nir[inside])[0, 1] > 0.15


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("carbon") / "county"
    county.write(made, path, {"seed": SEED})
    return path


def test_the_folder_holds_it_all(made, folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(county.FILES)
    about = json.loads((folder / "county.json").read_text())
    assert about["sha256"] == FROZEN and about["seed"] == SEED and "simulated" in about["origin"]
    for name, values in (
        ("imagery", made.imagery),
        ("canopy_height", made.canopy_height),
        ("dem", made.dem),
        ("climate", made.climate),
        ("region", made.region),
    ):
        with rasterio.open(folder / f"{name}.tif") as raster:
            assert np.array_equal(raster.read(), values.reshape(-1, SIZE, SIZE))
            assert raster.crs == "EPSG:32633" and raster.res == (16, 16) and raster.tags()["simulated"] == "yes"


def test_the_inventory_is_where_the_forest_is(made, folder):
    features = json.loads((folder / "forest.geojson").read_text())["features"]
    assert len(features) == len(made.volume) - 1
    with rasterio.open(folder / "imagery.tif") as raster:
        shapes = [(transform_geom("EPSG:4326", raster.crs, one["geometry"]), one["id"]) for one in features]
        found = rasterize(shapes, raster.shape, transform=raster.transform, dtype="int32")
    assert np.array_equal(found, made.stand)
    for feature in features:
        says = feature["properties"]
        assert says[county.VOLUME] == made.volume[says["stand"]]
        regions = set(made.region[made.stand == says["stand"]])
        assert {("neither", "train", "test").index(says["region"])} == regions


def test_nothing_is_overwritten_unasked(made, folder, tmp_path):
    with pytest.raises(OutputError, match="imagery.tif; give `overwrite=True`"):
        county.write(made, folder, {})
    county.write(made, folder, {"seed": SEED}, overwrite=True)
    with pytest.raises(OutputError, match="create it first"):
        county.write(made, tmp_path / "none" / "county", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        county.write(made, tmp_path / "file", {})
