"""A model of carbon is trained, goes on after an interruption, and draws maps from its file."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from rscodec.bitstreams.errors import InputError, WrongWeights
from rscodec.carbon import kinds
from rscodec.carbon.base import CarbonConfig
from rscodec.carbon.crops import Crops, north_of
from rscodec.carbon.mapper import CarbonMapper
from rscodec.carbon.simulation.county import NEITHER, TRAIN
from rscodec.carbon.training import run as training
from rscodec.carbon.training.run import CarbonPlan, Ground, train_model
from rscodec.raster.provenance import marked
from rscodec.raster.scene import Scene
from rscodec.training import checkpoint

SIZE = 64
PLAN = CarbonPlan(steps=4, batch=2, crop=16)


@pytest.fixture
def ground(monkeypatch) -> Ground:
    tiny = (8, 8, 8, 16, 16)
    iidm = replace(kinds.IIDM, widths=tiny, condition=((4,), (8,), (8,), (8,), (8,)), embedding=16, steps=2)
    monkeypatch.setitem(kinds.TRAINED, "iidm", iidm)
    monkeypatch.setitem(kinds.TRAINED, "unet", CarbonConfig("unet", widths=tiny))
    rng = np.random.default_rng(3)
    imagery = rng.integers(200, 4000, (4, SIZE, SIZE)).astype(np.uint16)
    density = np.where(rng.random((SIZE, SIZE)) < 0.9, imagery[3] / 20, np.nan).astype(np.float32)
    region = np.full((SIZE, SIZE), TRAIN)
    return Ground(imagery, density, region, north_of(region), "made up for a test")


def test_an_interrupted_run_ends_as_one_that_was_not(ground, tmp_path):
    said = []
    assert train_model("iidm", ground, tmp_path / "a", PLAN, lambda line: None) is None
    train_model("iidm", ground, tmp_path / "b", replace(PLAN, minutes=1e-9), said.append)
    assert checkpoint.load(tmp_path / "b" / "checkpoint.pt")["step"] == 1
    train_model("iidm", ground, tmp_path / "b", PLAN, said.append)
    one, other = (checkpoint.load(tmp_path / run / "average.pt") for run in "ab")
    assert all(torch.equal(one["module"][key], other["module"][key]) for key in one["module"])
    assert one["about"] == other["about"] and one["about"]["trained_on"] == "made up for a test"
    assert any("resumed at step 1" in line for line in said)
    assert (tmp_path / "b" / "log.txt").read_text().splitlines() == said


def test_maps_are_of_the_weights_file(ground, tmp_path):
    train_model("iidm", ground, tmp_path / "iidm", PLAN, lambda line: None)
    train_model("unet", ground, tmp_path / "unet", PLAN, lambda line: None)
    forest = np.isfinite(ground.density)
    mapper = CarbonMapper(tmp_path / "iidm" / "weights.safetensors")
    assert (mapper.model, mapper.edge, mapper.bands, mapper.trained_on) == ("iidm", 16, 4, "made up for a test")
    assert mapper.units.scale == pytest.approx(np.percentile(ground.density[forest], 99), rel=1e-5)
    maps = mapper.maps(ground.imagery, forest, draws=2)
    assert maps.shape == (2, SIZE, SIZE) and np.array_equal(np.isfinite(maps[0]), forest)
    assert np.array_equal(maps, mapper.maps(ground.imagery, forest, draws=2), equal_nan=True)
    assert not np.array_equal(maps[0][forest], maps[1][forest])
    certain = CarbonMapper(tmp_path / "unet" / "weights.safetensors")
    assert len(certain.maps(ground.imagery, forest, draws=2)) == 1


def test_a_run_begins_with_what_was_distilled(ground, tmp_path):
    config = replace(kinds.TRAINED["iidm"], condition=((5,), (3,), (2,), (7,), (1,)))
    distilled = {f"vgg.{key}": value for key, value in kinds.build(config).vgg.state_dict().items()}
    checkpoint.save(tmp_path / "start.pt", config=asdict(config), module=distilled)
    still = replace(PLAN, steps=1, rate=0.0)
    train_model("iidm", ground, tmp_path / "run", still, lambda line: None, tmp_path / "start.pt")
    saved = checkpoint.load(tmp_path / "run" / "average.pt")
    assert all(torch.equal(saved["module"][key], distilled[key]) for key in distilled)
    assert saved["about"]["config"]["condition"] == config.condition


def test_no_run_goes_on_as_another(ground, tmp_path):
    def go_on(name="unet", ground=ground, plan=PLAN, start=None):
        train_model(name, ground, tmp_path / "run", plan, lambda line: None, start)

    go_on()
    for other, what in (
        (dict(name="iidm"), "another `model`"),
        (dict(ground=replace(ground, imagery=ground.imagery + 9)), "another ground"),
        (dict(ground=replace(ground, origin="elsewhere")), "another ground"),
        (dict(plan=replace(PLAN, validate=True)), "another `validate`"),
    ):
        with pytest.raises(InputError, match=f"run was begun with {what}: continue with it, or give a new `run`"):
            go_on(**other)
    go_on(plan=replace(PLAN, steps=5))
    with pytest.raises(InputError, match="average.pt has weights of unet, not of iidm: give another `start`"):
        go_on("iidm", start=tmp_path / "run" / "average.pt")


def test_what_is_kept_back_is_judged_and_nothing_else(ground, tmp_path, monkeypatch):
    asked = []

    def right(model, units, imagery, forest, edge, seed):
        asked.append(imagery)
        return np.nan_to_num(ground.density[: SIZE // 8])

    monkeypatch.setattr(training, "estimate_map", right)
    region = ground.region.copy()
    region[:, SIZE // 2 :] = NEITHER
    ground, plan = replace(ground, region=region), replace(PLAN, validate=True)
    found = train_model("unet", ground, tmp_path, plan, lambda line: None)
    assert len(asked) == 1 and np.array_equal(asked[0], ground.imagery[:, : SIZE // 8])
    assert found.rmse == 0 and found.r2 == 1


def test_of_each_image_its_own_north_is_kept_back(ground, tmp_path, monkeypatch):
    low = Ground(ground.imagery[:, :16], ground.density[:16], ground.region[:16], north_of(ground.region[:16]), "low")
    both, judged = ground.beside(low), []
    assert (both.north[:, :SIZE].sum(0) == SIZE // 8).all()
    assert (both.north[:, SIZE + 1 :].sum(0) == 2).all() and not both.north[:, SIZE].any()

    def known(model, units, imagery, forest, edge, seed):
        judged.append(forest)
        return np.zeros(forest.shape)

    monkeypatch.setattr(training, "estimate_map", known)
    train_model("unet", both, tmp_path, replace(PLAN, validate=True), lambda line: None)
    assert judged[0][2:, :SIZE].any() and judged[0][:2, SIZE + 1 :].any() and not judged[0][2:, SIZE:].any()


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"no weights")
    with pytest.raises(WrongWeights, match="no model of carbon"):
        CarbonMapper(tmp_path / "x.safetensors")


def test_ground_that_does_not_fit(ground, tmp_path):
    four = asdict(kinds.TRAINED["unet"])
    checkpoint.save(tmp_path / "four.pt", config=four, module={})
    three = replace(ground, imagery=ground.imagery[:3])
    with pytest.raises(InputError, match="four.pt takes 4 bands, and the imagery has 3"):
        train_model("unet", three, tmp_path / "r", PLAN, lambda line: None, tmp_path / "four.pt")
    with pytest.raises(InputError, match="multiple of 16"):
        train_model("unet", ground, tmp_path / "r", replace(PLAN, crop=40), lambda line: None)
    with pytest.raises(InputError, match="no forest"):
        nowhere = replace(ground, region=np.full((SIZE, SIZE), NEITHER))
        train_model("unet", nowhere, tmp_path / "r", PLAN, lambda line: None)
    assert not (tmp_path / "r").exists()


def test_imagery_of_other_bands_is_learnt_from_as_it_is(ground, tmp_path):
    seven = replace(ground, imagery=np.concatenate([ground.imagery, ground.imagery[:3]]))
    train_model("unet", seven, tmp_path, PLAN, lambda line: None)
    mapper = CarbonMapper(tmp_path / "weights.safetensors")
    assert mapper.bands == 7
    assert np.isfinite(mapper.maps(seven.imagery, np.ones((SIZE, SIZE), bool))).all()


def test_two_grounds_are_learnt_from_and_no_crop_shows_both(ground):
    region = ground.region[:20]
    small = Ground(ground.imagery[:, :20] + 50_000, ground.density[:20], region, north_of(region), "elsewhere")
    both = ground.beside(small)
    assert both.origin == "made up for a test; elsewhere" and both.imagery.shape == (4, SIZE, 2 * SIZE + 1)
    assert np.array_equal(both.density[:20, SIZE + 1 :], small.density, equal_nan=True)
    assert np.isnan(both.density[20:, SIZE:]).all() and both.imagery.dtype == ground.imagery.dtype
    assert ground.beside(ground).origin == ground.origin
    crops = Crops(both.imagery, both.density, both.region, 8, 16, 0)
    seen = set()
    for step in range(10):
        for crop in crops.at(step)[0]:
            assert crop[0].max() - crop[0].min() < 3
            seen.add(bool(crop[0].mean() > 0))
    assert seen == {True, False}
    with pytest.raises(InputError, match="4 bands and of 3"):
        ground.beside(replace(small, imagery=small.imagery[:3]))


def test_ground_comes_from_files(ground, tmp_path):
    place = {"crs": "EPSG:32633", "transform": [16.0, 0, 4e5, 0, -16.0, 5e6]}
    Scene(ground.imagery, metadata=place).save(tmp_path / "image.tif")
    Scene(ground.density[None], metadata=place | {"nodata": "nan"}).save(tmp_path / "density.tif")
    found = Ground.load(tmp_path / "image.tif", tmp_path, None)
    assert np.array_equal(found.density, ground.density, equal_nan=True)
    assert found.origin == "image.tif" and (found.region == TRAIN).all()
    holes = ground.imagery.astype(np.float32)
    holes[2, 5:9, 5:9] = np.nan
    Scene(holes, metadata=place | {"nodata": "nan"}).save(tmp_path / "holes.tif")
    found = Ground.load(tmp_path / "holes.tif", tmp_path, None)
    assert np.isfinite(found.imagery).all() and np.isnan(found.density[5:9, 5:9]).all()
    colours = {"colorinterp": ["red", "green", "blue", "alpha"]}
    Scene(ground.imagery, metadata=place | colours).save(tmp_path / "alpha.tif")
    with pytest.raises(InputError, match="alpha.tif: band 4 is alpha"):
        Ground.load(tmp_path / "alpha.tif", tmp_path, None)
    Scene(np.ones((1, 9, 9), np.uint8), metadata=place).save(tmp_path / "region.tif")
    with pytest.raises(InputError, match="does not have the pixels of"):
        Ground.load(tmp_path / "image.tif", tmp_path, tmp_path / "region.tif")


def test_generated_imagery_trains_no_model(ground, tmp_path):
    metadata = marked({}, [1, 2, 3], {"model": "dreamer-1"})
    Scene(ground.imagery, metadata=metadata).save(tmp_path / "image.tif")
    Scene(ground.density[None]).save(tmp_path / "density.tif")
    with pytest.raises(InputError, match="image.tif is generated .bands 1,2,3 by dreamer-1.*give the original"):
        Ground.load(tmp_path / "image.tif", tmp_path, None)
