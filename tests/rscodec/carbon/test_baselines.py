"""The baselines: what they are told, that they learn, and that they are judged on pixels that they did not see."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.baselines import BASELINES, fit
from rscodec.carbon.features import KINDS, features, local_mean
from rscodec.carbon.folds import block_folds
from rscodec.carbon.scores import scale_of, score

RNG = np.random.default_rng(4)


def test_local_mean():
    image = RNG.normal(size=(2, 9, 8))
    found = local_mean(image, 2)
    assert found[1, 4, 4] == pytest.approx(image[1, 2:7, 2:7].mean())
    mirrored = np.pad(image[0], 2, "reflect")
    assert found[0, 0, 7] == pytest.approx(mirrored[0:5, 7:12].mean())


def test_features():
    layers = RNG.integers(0, 900, (3, 12, 11)).astype(np.uint16)
    assert np.array_equal(features(layers, "pixel"), layers)
    found = features(layers, "window")
    assert found.shape == (9, 12, 11) and np.array_equal(found[:3], layers)
    around = layers[1, 3:8, 4:9].astype(float)
    assert found[4, 5, 6] == pytest.approx(around.mean()) and found[7, 5, 6] == pytest.approx(around.std())
    ramp = features(np.tile(1e9 + np.arange(20.0), (20, 1))[None], "window")
    assert np.allclose(ramp[2, :, 2:-2], np.sqrt(2), rtol=1e-6)
    flat = features(np.full((1, 12, 11), 700), "window")
    assert np.allclose(flat[2], 0) and np.allclose(flat[1], 700)


def test_scores_by_hand():
    wanted = np.array([[0.0, 100.0], [200.0, np.nan]] * 4)
    wanted = np.tile(wanted, 4)
    mask = np.isfinite(wanted)
    found = np.where(mask, wanted + np.where(wanted == 100, 30, -10), 5e5)
    result = score(wanted, found, mask, 200.0)
    assert result.mae_mg_ha == pytest.approx(50 / 3) and result.mae == pytest.approx(50 / 600)
    assert result.rmse_mg_ha == pytest.approx((1100 / 3) ** 0.5) and result.bias_mg_ha == pytest.approx(10 / 3)
    assert result.psnr == pytest.approx(-20 * np.log10((1100 / 3) ** 0.5 / 200))
    assert result.r2 == pytest.approx(1 - (1100 / 3) / np.var([0, 100, 200]))
    assert 0 < result.ssim < 1
    same = score(wanted, wanted, mask, 200.0)
    assert same.ssim == pytest.approx(1) and same.rmse == 0 and same.psnr == float("inf") and same.r2 == 1


def test_ssim_is_that_of_its_formula():
    a, b = RNG.random((2, 9, 9))
    middle = np.zeros((9, 9), bool)
    middle[4, 4] = True
    # Outside of forest both maps are 0: of the 7x7 pixels only the middle is not.
    a, b = a[4, 4], b[4, 4]
    mean_a, mean_b, both = a / 49, b / 49, a * b / 49 - a * b / 49**2
    var_a, var_b = a * a / 49 - mean_a**2, b * b / 49 - mean_b**2
    wanted = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    wanted /= (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    maps = np.full((2, 9, 9), np.nan)
    maps[:, 4, 4] = a, b
    assert score(*maps, middle, 1.0).ssim == pytest.approx(wanted)


def test_scale():
    density = np.arange(1001.0).reshape(7, 143)
    mask = density <= 100
    assert scale_of(density, mask) == pytest.approx(99)


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda one: one.name)
def test_a_law_of_all_that_learn(baseline):
    pytest.importorskip("sklearn")
    layers = RNG.integers(100, 4000, (4, 40, 40))
    density = 40 + 0.05 * layers[0] - 0.02 * layers[3]
    mask = RNG.random((40, 40)) < 0.8
    learn, judge = mask.copy(), mask.copy()
    learn[:, 20:], judge[:, :20] = False, False
    stack = features(layers, "pixel")
    found = fit(baseline, stack, np.where(learn, density, np.nan), learn).predict(stack, judge)
    assert np.array_equal(np.isfinite(found), judge)
    assert score(density, found, judge, 200.0).r2 > 0.8
    again = fit(baseline, stack, density, learn).predict(stack, judge)
    assert np.array_equal(found, again, equal_nan=True)


def test_neighbours_help_where_texture_tells():
    pytest.importorskip("sklearn")
    density = np.repeat(np.repeat(RNG.uniform(0, 300, (8, 8)), 8, 0), 8, 1)
    layers = (1000 + density * RNG.normal(size=(64, 64)))[None]
    mask = np.ones((64, 64), bool)
    learn = np.indices((64, 64))[1] < 32
    r2 = {}
    for kind in KINDS:
        stack = features(layers, kind)
        found = fit(BASELINES[0], stack, density, learn).predict(stack, ~learn)
        r2[kind] = score(density, found, mask & ~learn, 300.0).r2
    assert r2["pixel"] < 0.1 and r2["window"] > 0.4


def test_nothing_to_learn_from():
    pytest.importorskip("sklearn")
    with pytest.raises(InputError, match="no pixel of forest"):
        fit(BASELINES[0], np.ones((1, 4, 4)), np.ones((4, 4)), np.zeros((4, 4), bool))


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(InputError, match=r"rscodec\[carbon\]"):
        fit(BASELINES[0], np.ones((1, 4, 4)), np.ones((4, 4)), np.ones((4, 4), bool))


def test_folds_are_blocks_of_about_the_same_size():
    mask = RNG.random((100, 90)) < 0.5
    folds = block_folds(mask, 10, 5)
    assert np.array_equal(folds >= 0, mask) and np.array_equal(folds, block_folds(mask, 10, 5))
    counts = np.bincount(folds[mask])
    assert len(counts) == 5 and counts.max() - counts.min() < 0.05 * mask.sum()
    for row in range(0, 100, 10):
        for column in range(0, 90, 10):
            assert len(set(folds[row : row + 10, column : column + 10].ravel()) - {-1}) == 1
    assert not np.array_equal(folds, block_folds(mask, 10, 5, seed=1))
