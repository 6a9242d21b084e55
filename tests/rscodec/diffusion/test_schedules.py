"""What a schedule leaves of a signal."""

from __future__ import annotations

import pytest
import torch

from rscodec.diffusion.schedules import linear


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_the_signal_fades_from_all_to_next_to_nothing(steps):
    kept = linear(steps).kept
    assert len(linear(steps)) == steps and kept[0] == 1
    assert (kept.diff() < 0).all() and 0 < kept[-1] < 0.02


def test_noise_is_added_without_changing_the_variance():
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 100_000, generator=generator)
    schedule = linear(4)
    for step in range(1, 5):
        mixed = schedule.add_noise(x, noise, step)
        assert mixed.std() == pytest.approx(1, abs=0.02)
        assert (mixed * x).mean() == pytest.approx(float(schedule.kept[step]) ** 0.5, abs=0.02)
    assert torch.equal(schedule.add_noise(x, noise, 0), x)
