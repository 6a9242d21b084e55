"""The Fréchet distance against closed forms; its features are those of the crops, in order."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.metrics import frechet, perceptual
from rscodec.metrics.frechet import CHANNELS, frechet_distance

FEATURES = np.random.default_rng(0).normal(1, 2, (400, CHANNELS))


def test_equal_sets_have_no_distance():
    assert frechet_distance(FEATURES, FEATURES[::-1]) == pytest.approx(0, abs=1e-6)


def test_a_shift_counts_squared():
    assert frechet_distance(FEATURES, FEATURES + 3) == pytest.approx(9 * CHANNELS)


def test_a_spread_counts_by_its_deviation():
    spread = np.trace(np.cov(FEATURES, rowvar=False))
    mean = FEATURES.mean(0)
    assert frechet_distance(FEATURES, mean + 3 * (FEATURES - mean)) == pytest.approx(4 * spread)


def test_too_few_crops_have_none():
    assert frechet_distance(FEATURES[:CHANNELS], FEATURES) is None


def test_features_of_a_picture_are_those_of_its_crops(monkeypatch, real_data):
    monkeypatch.setenv("RSCODEC_METRIC_WEIGHTS", str(real_data("../metric-weights")))
    perceptual.network.cache_clear()
    picture = np.random.default_rng(1).integers(0, 256, (3, 150, 200)).astype(np.uint8)
    found = frechet.features(picture)
    assert found.shape == (2 * 3, CHANNELS)
    assert found[4] == pytest.approx(frechet.features(picture[:, 64:128, 64:128])[0], abs=1e-4)
