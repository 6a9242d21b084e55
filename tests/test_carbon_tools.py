"""The scripts that calibrate, ablate and distil models of carbon: what they compute, and which runs they continue."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.base import CarbonConfig
from rscodec.carbon.crops import Crops, Units, north_of
from rscodec.carbon.kinds import build
from rscodec.carbon.simulation.county import NEITHER, TEST, TRAIN
from rscodec.carbon.training.run import CarbonPlan, Ground
from rscodec.carbon.uncertainty import FEWEST, covered, crps, gaussian_crps
from rscodec.training import checkpoint
from tests.helpers.tools import load

PLAN = CarbonPlan(steps=3, batch=2, crop=16)


@pytest.fixture
def ground() -> Ground:
    rng = np.random.default_rng(3)
    imagery = rng.integers(200, 4000, (4, 96, 192)).astype(np.uint16)
    density = np.where(rng.random((96, 192)) < 0.9, imagery[3] / 20, np.nan).astype(np.float32)
    region = np.full((96, 192), TRAIN)
    region[:, 136:140], region[:, 140:] = NEITHER, TEST
    return Ground(imagery, density, region, north_of(region), "made up for a test")


def crops(ground: Ground) -> Crops:
    return Crops(ground.imagery, ground.density, ground.region, PLAN.batch, PLAN.crop, PLAN.seed)


def unet():
    return build(CarbonConfig("unet", widths=(8, 8, 8, 16, 16)))


class Noise:
    """A model whose draws have mean 10 and deviation 1 in each pixel."""

    def estimate(self, x, mask, generator):
        return 10 + torch.randn((len(x), 1, *x.shape[2:]), generator=generator)


@pytest.mark.parametrize("count", [FEWEST, 20])
def test_draws_of_the_right_distribution_keep_their_width(count):
    rng = np.random.default_rng(0)
    north, east = rng.normal(0, 3, (2, 20_000))
    factor = load("calibrate_carbon").calibrated(north, rng.normal(0, 3, (count, 20_000)))
    maps = factor * rng.normal(0, 3, (count, 20_000))
    assert factor == pytest.approx(1, abs=0.02) and covered(east, maps) == pytest.approx(0.9, abs=0.01)
    assert crps(east, maps) == pytest.approx(gaussian_crps(east, np.zeros(20_000), 3.0), rel=0.02)


def test_too_few_draws_are_refused(tmp_path):
    result = CliRunner().invoke(load("calibrate_carbon").main, [*[str(tmp_path)] * 2, "--draws", str(FEWEST - 1)])
    assert result.exit_code == 2 and "--draws" in result.output


def test_draws_keep_mean_and_deviation_where_windows_overlap():
    draws = load("calibrate_carbon").drawn(
        Noise(), Units((0.0,), (1.0,), 1.0), np.zeros((1, 100, 100)), np.ones((100, 100), bool), 64, 60
    )
    assert np.abs(draws.mean(0) - 10).max() < 0.8
    assert np.quantile(draws.std(0), (0.01, 0.5, 0.99)) == pytest.approx([0.8, 1, 1.2], abs=0.05)


def test_the_map_of_the_west_is_zero_outside_forest(ground, tmp_path, monkeypatch):
    script = load("calibrate_carbon")
    monkeypatch.setattr(script, "trained", lambda model, *_: Noise())
    found, forest = script.cross_map(ground, 2, 0, tmp_path), np.isfinite(ground.density)
    assert np.array_equal(found > 0, forest & (ground.region == TRAIN))


@pytest.mark.parametrize("name", ["ablate_carbon", "calibrate_carbon"])
def test_a_stopped_run_has_no_result_and_goes_on(name, ground, tmp_path, monkeypatch):
    script, model = load(name), unet()
    loss, path = model.loss, tmp_path / "run" / "checkpoint.pt"

    def stopped(*batch):
        os.kill(os.getpid(), signal.SIGTERM)
        return loss(*batch)

    def go_on():
        if name == "ablate_carbon":
            script.learnt(model, crops(ground), PLAN, path, {})
        else:
            script.trained(model, crops(ground), PLAN, path.parent)

    monkeypatch.setattr(model, "loss", stopped)
    with pytest.raises(click.ClickException, match="run was interrupted: run the command again to resume"):
        go_on()
    assert checkpoint.load(path)["step"] == 1
    monkeypatch.setattr(model, "loss", loss)
    go_on()
    assert checkpoint.load(path)["step"] == PLAN.steps and not model.training


def test_no_calibration_goes_on_with_another_county(ground, tmp_path):
    script = load("calibrate_carbon")
    script.trained(unet(), crops(ground), PLAN, tmp_path / "run")
    other = crops(replace(ground, density=ground.density + 1))
    with pytest.raises(InputError, match="run was begun with another COUNTY"):
        script.trained(unet(), other, PLAN, tmp_path / "run")


def test_no_ablation_goes_on_with_another_county(ground, tmp_path, monkeypatch):
    script = load("ablate_carbon")
    counties = {"one": ground, "two": replace(ground, density=ground.density + 1)}
    monkeypatch.setattr(script.Ground, "load", lambda image, *_: counties[image.parent.name])
    monkeypatch.setitem(script.ROWS, "iidm", unet)

    def ablate(county: str):
        command = [county, "target", "iidm", "--steps", "1", "--draws", "2", "--runs", str(tmp_path)]
        return CliRunner().invoke(script.main, command)

    assert ablate("one").exit_code == ablate("one").exit_code == 0
    other = ablate("two")
    assert other.exit_code == InputError.exit_code and "iidm was begun with another COUNTY" in other.output


def test_no_source_goes_on_with_other_tiles(tmp_path, monkeypatch):
    script = load("distill_carbon")
    monkeypatch.setattr(script, "full_widths", lambda name: [[4]] * 5)
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        np.savez(tmp_path / f"{name}.npz", patches=rng.integers(0, 900, (4, 32, 32, 12)))

    def distil(tiles: str, vgg: str = "vgg11"):
        options = {"--tiles": tmp_path / f"{tiles}.npz", "--vgg": vgg, "--run": tmp_path / "run", "--steps": 1}
        return CliRunner().invoke(script.main, ["source", *(str(word) for pair in options.items() for word in pair)])

    assert distil("one").exit_code == distil("one").exit_code == 0
    for other, word in ((distil("two"), "--tiles"), (distil("one", "vgg19"), "--vgg")):
        assert other.exit_code == InputError.exit_code and f"run was begun with another {word}" in other.output
