"""Deltas of curves whose difference is known."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rscodec.eval import bd

ANCHOR = [(rate, 30 + 6 * np.log2(rate)) for rate in (0.25, 0.5, 1, 2, 4)]


def moved(rate: float = 1.0, quality: float = 0.0) -> list[tuple[float, float]]:
    return [(point[0] * rate, point[1] + quality) for point in ANCHOR]


def test_the_same_curve_saves_nothing():
    assert bd.image_delta(ANCHOR, ANCHOR) == pytest.approx((0, 0, 1), abs=1e-9)


def test_fewer_bits_are_a_negative_rate():
    rate, quality, overlap = bd.image_delta(ANCHOR, moved(rate=0.8))
    assert (rate, quality) == pytest.approx((-20, -6 * np.log2(0.8)), abs=1e-6)
    assert overlap == pytest.approx(1)


def test_more_quality_is_a_positive_delta():
    rate, quality, overlap = bd.image_delta(ANCHOR, moved(quality=3))
    assert (rate, quality) == pytest.approx((100 * (2**-0.5 - 1), 3), abs=1e-6)
    assert overlap == pytest.approx(21 / 24)


def test_little_overlap_gives_no_figure():
    assert bd.image_delta(ANCHOR, moved(quality=20)) is None
    assert bd.image_delta(ANCHOR, moved(quality=200)) is None


def test_points_that_others_beat_do_not_count():
    curve = bd.frontier([(1, 30), (2, 29), (3, 33), (2, 31), (4, float("inf"))])
    assert curve.tolist() == [[1, 30], [2, 31], [3, 33]]
    assert bd.frontier([(1, 30), (1, 31), (2, 33)]).tolist() == [[1, 31], [2, 33]]


def test_curves_without_common_rates_have_a_rate_but_no_quality():
    far = moved(rate=100)
    found = bd.deltas({"a": {"1": ANCHOR}, "b": {"1": far}}, "b", "a", "psnr_db")
    assert found.bd_rate_percent == pytest.approx(9900) and found.bd_quality_db is None


def test_images_are_averaged_and_those_without_a_figure_counted():
    curves = {
        "a": {"1": ANCHOR, "2": ANCHOR, "3": ANCHOR},
        "b": {"1": moved(rate=0.5), "2": moved(rate=0.75), "3": moved(quality=50)},
    }
    found = bd.deltas(curves, "b", "a", "psnr_db")
    assert found.bd_rate_percent == pytest.approx(-37.5, abs=1e-6)
    assert (found.images, found.images_without_overlap) == (2, 1)
    assert found.overlap_min <= found.overlap_mean <= 1
    assert found.reason is None


@pytest.mark.parametrize("anchor, other, reason", [
    ({"1": ANCHOR[:2]}, {"1": ANCHOR}, "fewer than 3 points"),
    ({"1": ANCHOR}, {"1": moved(quality=50)}, "share less than 30 %"),
    ({"1": ANCHOR, "2": ANCHOR}, {"1": moved(quality=50), "2": ANCHOR[:2]}, "fewer than 3 .*; .*less than 30 %"),
    ({"1": ANCHOR}, {}, "no image"),
])  # fmt: skip
def test_no_figure_has_a_reason(anchor, other, reason):
    found = bd.deltas({"a": anchor, "b": other}, "b", "a", "psnr_db")
    assert found.bd_rate_percent is None and re.search(reason, found.reason)
