"""Equations 5 to 7 against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.carbon import density as equations


def test_volume_is_per_hectare():
    assert equations.volume(120.0, 25_600.0) == pytest.approx(307.2)  # a hundred pixels of 16 m


def test_carbon_of_a_volume():
    # 1.90 * 0.5 = 0.95 t of dry matter a m3, 0.475 t of its carbon, 2.439 times that with understorey and soil
    assert equations.carbon(1.0) == pytest.approx(1.158525)
    assert equations.carbon(307.2) == pytest.approx(355.898880)


STANDS = np.array([[1, 1, 2], [1, 0, 2]])
HEIGHT = np.array([[10.0, 20.0, 8.0], [30.0, 40.0, 8.0]])


def test_weights_are_shares_of_a_stand():
    assert equations.weights(STANDS, HEIGHT) == pytest.approx(np.array([[1 / 6, 1 / 3, 0.5], [0.5, 0, 0.5]]))


def test_no_height_weighs_nothing():
    height = np.array([[np.nan, -1.0, 0.0], [30.0, 40.0, 0.0]])
    assert np.array_equal(equations.weights(STANDS, height), [[0, 0, 0], [1, 0, 0]])


def test_density_of_two_stands():
    area = np.array([[256.0, 256.0, 128.0], [256.0, 256.0, 256.0]])
    found = equations.density(STANDS, np.array([0.0, 100.0, 50.0]), HEIGHT, area)
    # Stand 1: 768 m2, 7.68 m3, 8.897472 t; the first pixel has a sixth of it on 0.0256 ha.
    # Stand 2: 384 m2, 1.92 m3, 2.224368 t; half of it on 0.0128 ha is twice as dense as half of it on 0.0256.
    assert found == pytest.approx(np.array([[57.92625, 115.8525, 86.889375], [173.77875, 0, 43.4446875]]))


def test_a_stand_keeps_its_carbon():
    rng = np.random.default_rng(1)
    stands, height = rng.integers(0, 5, (20, 30)), rng.uniform(0, 30, (20, 30))
    height[rng.random((20, 30)) < 0.1] = np.nan
    area = rng.uniform(200, 300, (20, 30))
    volumes = np.array([0.0, 10, 0, 250, 80])
    found = equations.density(stands, volumes, height, area)
    for stand in range(1, 5):
        inside = stands == stand
        wanted = 1.158525 * volumes[stand] * area[inside & np.isfinite(height)].sum() / 10_000
        assert (found * area / 10_000)[inside].sum() == pytest.approx(wanted)
