"""Quality: what the wire can say, and how tables are mixed."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.codec import rate


def test_every_wire_quality_comes_back():
    for steps in range(rate.to_wire(rate.QUALITY_MIN), rate.to_wire(rate.QUALITY_MAX) + 1):
        assert rate.to_wire(rate.from_wire(steps)) == steps


@pytest.mark.parametrize("quality", [0.99, 8.01, -1, float("nan"), float("inf")])
def test_no_other_quality_exists(quality: float):
    with pytest.raises(ValueError, match="outside 1..8"):
        rate.to_wire(quality)


def test_quality_weighs_error_more_and_more():
    weights = rate.weight(np.linspace(1, 8, 30))
    assert (np.diff(weights) > 0).all()
    assert weights[0] == pytest.approx(5e-4) and weights[-1] == pytest.approx(0.4)


def test_whole_qualities_are_rows_and_others_lie_between():
    table = np.square(np.arange(8.0))[:, None] * np.array([1.0, -3.0])
    assert all(np.array_equal(rate.mix(table, 32 * level), table[level - 1]) for level in range(1, 9))
    assert np.allclose(rate.mix(table, rate.to_wire(2.25)), table[1] * 0.75 + table[2] * 0.25)


def test_the_exact_mix_is_the_rounded_one_at_every_wire_quality():
    table = np.random.default_rng(0).integers(-2000, 2000, (rate.LEVELS, 16)).astype(np.float32)
    for steps in range(32, 257):
        exact = rate.mix_exact(table, steps)
        assert np.array_equal(exact, exact.round())
        assert np.array_equal(exact, rate.mix(table.astype(float), steps).round())
