"""Crops of a county, and maps by windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.base import CarbonModel
from rscodec.carbon.crops import Crops, Units, estimate_map, north_of
from rscodec.carbon.simulation.county import NEITHER, TEST, TRAIN
from rscodec.generative.blending import Windows
from rscodec.raster.window import Window

RNG = np.random.default_rng(8)
SIZE = 64


@pytest.fixture
def county():
    imagery = RNG.integers(100, 5000, (4, SIZE, SIZE)).astype(np.uint16)
    density = np.where(RNG.random((SIZE, SIZE)) < 0.8, imagery[3] / 10.0, np.nan).astype(np.float32)
    region = np.full((SIZE, SIZE), NEITHER, np.uint8)
    region[:, :40], region[:, 46:] = TRAIN, TEST
    imagery[:, region == TEST] = 60_000
    return imagery, density, region


def test_crops_show_the_training_region_and_are_a_function_of_the_step(county):
    crops = Crops(*county, batch=6, edge=16, seed=1)
    x, y, mask = crops.at(3)
    assert x.shape == (6, 4, 16, 16) and y.shape == mask.shape == (6, 1, 16, 16)
    for again, first in zip(crops.at(3), (x, y, mask), strict=True):
        assert torch.equal(again, first)
    assert not torch.equal(crops.at(4)[0], x)
    for step, batch in zip((2, 3), crops.stream(2, 4), strict=True):
        assert torch.equal(batch[0], crops.at(step)[0])
    for step in range(20):
        x, y, mask = crops.at(step)
        assert x.max() < 9 and mask.mean((1, 2, 3)).min() >= 0.25 and not y[mask == 0].any()


def test_layers_stay_together(county):
    crops = Crops(*county, batch=4, edge=16, seed=1)
    units = crops.units
    x, y, mask = (part.numpy() for part in crops.at(0))
    nir = x[:, 3] * units.spread[3] + units.mean[3]
    for crop in range(4):  # each in a light of its own, which is a line
        inside = mask[crop, 0] > 0
        carbon = (y[crop, 0] * units.scale)[inside]
        gain, offset = np.polyfit(10 * carbon, nir[crop][inside], 1)
        assert gain * 10 * carbon + offset == pytest.approx(nir[crop][inside], rel=1e-3, abs=0.5)
        assert gain != pytest.approx(1, abs=1e-3)


def test_what_is_kept_back_is_in_no_crop(county):
    imagery, density, region = county
    imagery[:, : SIZE // 8, :40] = 60_000
    assert np.array_equal(np.flatnonzero(north_of(region).all(1)), np.arange(SIZE // 8))
    kept, seen = (Crops(imagery, density, region, 6, 16, 1, back) for back in (north_of(region), None))
    assert kept.units == seen.units
    bright = [max(float(crops.at(step)[0].max()) for step in range(20)) for crops in (kept, seen)]
    assert bright[0] < 2 < bright[1]


def test_no_forest_no_crops(county):
    imagery, density, region = county
    with pytest.raises(InputError, match="no forest"):
        Crops(imagery, np.full_like(density, np.nan), region, 2, 16, 0)
    with pytest.raises(InputError, match="crop of 48 pixels"):
        Crops(imagery, density, region, 2, 48, 0)


class Echo(CarbonModel):
    """Says that density is the first band."""

    def loss(self, x, y, mask, generator):
        raise AssertionError("it is not trained here")

    def estimate(self, x, mask, generator):
        assert x.shape[2:] == mask.shape[2:] == (32, 32) and mask.shape[1] == 1
        return x[:, :1]


@pytest.mark.parametrize("shape", [(64, 64), (75, 41), (20, 33)])
def test_windows_add_up_to_a_map(shape):
    imagery = RNG.integers(0, 5000, (2, *shape)).astype(np.uint16)
    units = Units((100.0, 0.0), (10.0, 1.0), 200.0)
    found = estimate_map(Echo(), units, imagery, np.ones(shape, bool), 32, seed=0)
    assert found == pytest.approx(200 * (imagery[0] - 100.0) / 10, rel=1e-4, abs=1e-2)


class Dice(CarbonModel):
    """Draws every pixel of every window for itself."""

    def loss(self, x, y, mask, generator):
        raise AssertionError("it is not trained here")

    def estimate(self, x, mask, generator):
        return torch.randn(mask.shape, generator=generator)


def test_draws_of_windows_that_overlap_are_averaged():
    imagery, forest = np.zeros((1, 32, 64), np.uint16), np.ones((32, 64), bool)
    units = Units((0.0,), (1.0,), 1.0)
    maps = np.stack([estimate_map(Dice(), units, imagery, forest, 40, seed) for seed in range(200)])
    spread = maps.std(0).mean(0)
    windows = Windows(Window(0, 0, 64, 32), 40, 10)
    shares = np.zeros(64)
    for part in windows.touching(Window(0, 0, 64, 32)):
        here = slice(part.col, min(part.right, 64))
        shares[here] += windows.share(part)[0, : here.stop - here.start] ** 2
    assert shares.min() < 0.55 and shares.max() == pytest.approx(1)
    assert spread == pytest.approx(np.sqrt(shares), abs=0.1)


def test_windows_without_forest_are_left_out():
    imagery, forest = np.full((2, 96, 96), 500, np.uint16), np.zeros((96, 96), bool)
    forest[:10, :10] = True
    found = estimate_map(Echo(), Units((100.0, 0.0), (10.0, 1.0), 200.0), imagery, forest, 32, seed=0)
    assert (found[:10, :10] > 0).all() and not found[40:].any()
