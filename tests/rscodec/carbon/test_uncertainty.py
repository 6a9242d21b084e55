"""Scores of drawn maps, against their closed forms and against distributions that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rscodec.carbon.uncertainty import covered, crps, gaussian_crps, variogram


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_equal_draws_score_their_error(rng):
    wanted = rng.normal(size=50)
    assert crps(wanted, np.tile(wanted + 3, (4, 1))) == pytest.approx(3)


@pytest.mark.parametrize("count", [2, 8, 40])
def test_draws_of_a_gaussian_score_as_the_gaussian(rng, count):
    wanted, mean = rng.normal(0, 2, 200_000), np.zeros(200_000)
    draws = rng.normal(0, 2, (count, 200_000))
    assert crps(wanted, draws) == pytest.approx(gaussian_crps(wanted, mean, 2.0), rel=0.01)
    assert gaussian_crps(wanted, mean, 2.0) == pytest.approx(2 / math.sqrt(math.pi), rel=0.01)


def test_another_width_scores_worse(rng):
    wanted, mean = rng.normal(size=100_000), np.zeros(100_000)
    scores = [gaussian_crps(wanted, mean, width) for width in (0.5, 1.0, 2.0)]
    assert scores[1] < min(scores[0], scores[2])


def test_the_interval_of_many_draws_holds_ninety_percent(rng):
    wanted, draws = rng.normal(size=20_000), rng.normal(size=(200, 20_000))
    assert covered(wanted, draws) == pytest.approx(0.9, abs=0.01)
    assert covered(wanted, draws / 3) < 0.5


def test_the_variogram_of_noise_and_of_a_slope(rng):
    everywhere = np.ones((300, 200), bool)
    noise = variogram(rng.normal(0, 3, (300, 200)), everywhere, range(1, 4))
    assert noise == pytest.approx([9, 9, 9], rel=0.03)
    slope = np.add.outer(2.0 * np.arange(50), np.zeros(40))
    rows, cols = 48 * 40, 50 * 38
    assert variogram(slope, np.ones((50, 40), bool), range(2, 3)) == pytest.approx([8 * rows / (rows + cols)])


def test_pairs_with_a_pixel_outside_the_mask_do_not_count(rng):
    values, mask = rng.normal(size=(30, 30)), np.ones((30, 30), bool)
    mask[10:20] = False
    spoilt = np.where(mask, values, 1e6)
    assert np.array_equal(variogram(values, mask, range(1, 6)), variogram(spoilt, mask, range(1, 6)))
