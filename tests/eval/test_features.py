"""Features lie beside the table, are computed once, and give a distance only if both sides are complete."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.eval import features as module
from rscodec.eval.features import Features
from rscodec.metrics.frechet import CHANNELS


@pytest.fixture
def computed(monkeypatch) -> list:
    """The pictures of which features were computed: 300 random crops about their first value."""
    seen = []

    def features(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return picture.flat[0] + np.random.default_rng(0).normal(size=(300, CHANNELS))

    monkeypatch.setattr(module, "features", features)
    return seen


def test_features_are_computed_once(tmp_path, computed):
    for _ in range(2):
        Features(tmp_path).add(("a", 1.0), np.zeros((3, 64, 64), np.uint8))
    assert len(computed) == 1 and len(list((tmp_path / "features").glob("*.npy"))) == 1


def test_the_distance_of_two_sets(tmp_path, computed):
    features = Features(tmp_path)
    features.add(("a",), np.zeros((3, 64, 64), np.uint8))
    features.add(("a", "codec"), np.full((3, 64, 64), 2, np.uint8))
    found = features.distance([("a",)], [("a", "codec")])
    assert found["frechet_crops"] == 300
    assert found["frechet_alexnet"] == pytest.approx(4 * CHANNELS, rel=0.01)  # features are kept in float16
    nothing = {"frechet_alexnet": None, "frechet_crops": None}
    assert features.distance([("a",), ("b",)], [("a", "codec"), ("b", "codec")])["frechet_crops"] == 300
    assert features.distance([("a",)], [("b", "codec")]) == nothing
    assert features.distance([], []) == nothing
