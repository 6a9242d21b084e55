"""Windows cover every pixel, their shares add up to one, and nothing jumps where one ends."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.generative.blending import ALIGN, Axis, Windows
from rscodec.raster.window import Window

LENGTHS = [1, 15, 16, 17, 64, 65, 80, 81, 100, 127, 128, 129, 1000]


@pytest.mark.parametrize("length", LENGTHS)
def test_shares_add_up_to_one(length):
    axis = Axis(length, 64, 32)
    total = np.zeros(max(length, 64) + 64)
    for start in axis.starts:
        total[start : start + 64] += axis.share(start)
    assert np.allclose(total[:length], 1, atol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_windows_that_are_no_wider_than_their_grid(length):
    axis = Axis(length, ALIGN, ALIGN // 4)
    assert len(set(axis.starts)) == len(axis.starts)
    total = np.zeros(axis.starts[-1] + ALIGN)
    for start in axis.starts:
        total[start : start + ALIGN] += axis.share(start)
    assert np.allclose(total[:length], 1, atol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_windows_lie_on_the_grid_of_the_codec_and_overlap(length):
    axis = Axis(length, 64, 32)
    assert all(start % ALIGN == 0 for start in axis.starts)
    steps = np.diff(axis.starts)
    assert (steps > 0).all() and (steps <= 64 - 32 + ALIGN // 2).all()
    assert axis.starts[0] == 0 and length <= axis.starts[-1] + 64 < max(length, 64 - ALIGN) + 2 * ALIGN


@pytest.mark.parametrize("length", [100, 129, 1000])
def test_a_share_begins_and_ends_gently(length):
    axis = Axis(length, 64, 32)
    for number, start in enumerate(axis.starts):
        share = np.concatenate([[0] * (number > 0), axis.share(start), [0] * (start != axis.starts[-1])])
        assert np.abs(np.diff(share)).max() < 2 / 16


def test_the_windows_under_a_part_are_those_of_the_scene():
    windows = Windows(Window(0, 0, 300, 200), 64, 32)
    part = Window(100, 90, 50, 20)
    found = windows.touching(part)
    everywhere = windows.touching(Window(0, 0, 300, 200))
    assert found == [window for window in everywhere if min(window.overlap(part)[2:]) > 0]
    total = np.zeros((20, 50))
    for window in found:
        both = window.overlap(part)
        total[both.within(part)] += windows.share(window)[both.within(window)]
    assert np.allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("length, target", [(100, 100), (100, 260), (129, 129 * 8), (300, 1199), (50, 51)])
def test_a_larger_target_is_covered_as_well(length, target):
    axis, total = Axis(length, 64, 32, target), np.zeros(10 * target)
    for start in axis.starts:
        first, last = axis.span(start, start + 64)
        centres = axis.centres(start)
        assert len(centres) == len(axis.share(start)) == last - first
        assert centres[0] >= 0 and centres[-1] < 64
        assert np.allclose(centres, (np.arange(first, last) + 0.5) * length / target - start)
        total[first:last] += axis.share(start)
    assert np.allclose(total[:target], 1, atol=1e-6)


def test_windows_of_a_larger_target_are_found_by_its_parts():
    windows = Windows(Window(0, 0, 300, 200), 64, 32, Window(0, 0, 780, 520))
    part = Window(400, 300, 100, 50)
    everywhere = windows.touching(Window(0, 0, 780, 520))
    found = windows.touching(part)
    assert found == [window for window in everywhere if min(windows.target(window).overlap(part)[2:]) > 0]
    total = np.zeros((50, 100))
    for window in found:
        target = windows.target(window)
        both = target.overlap(part)
        total[both.within(part)] += windows.share(window)[both.within(target)]
    assert np.allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("length", [33, 100, 129, 1000])
def test_windows_that_need_no_grid_overlap_as_asked_and_end_with_the_scene(length):
    axis = Axis(length, 32, 8, align=1)
    assert (np.diff(axis.starts) <= 32 - 8).all() and axis.starts[-1] + 32 == length


@pytest.mark.parametrize("height, width", [(40, 40), (40, 1000), (1000, 40), (100, 100), (1000, 600)])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_few_windows_are_spread_over_a_scene(height, width, count):
    windows = Windows(Window(0, 0, width, height), 64, 16)
    found = windows.spread(count)
    every = windows.touching(Window(0, 0, width, height))
    assert len(set(found)) == len(found) <= count and set(found) <= set(every)
    assert bool(found) == (count > 0 and len(every) > 1)
    if count == 9 and found:
        assert len(found) >= min(len(every), 5)
        for starts, picked in zip((windows.cols.starts, windows.rows.starts), np.array(found).T, strict=False):
            assert len(starts) < 3 or np.ptp(picked) > starts[-1] / 2
