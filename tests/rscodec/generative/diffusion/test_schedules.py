"""What a schedule leaves of a signal."""

from __future__ import annotations

import pytest
import torch

from rscodec.generative.diffusion.schedules import linear, scaled_linear


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


def test_the_step_of_what_is_left_is_found_and_has_a_gradient():
    schedule = scaled_linear(1000)
    steps = torch.tensor([0.25, 1.0, 3.5, 500.0, 999.75, 1000.0], dtype=torch.float64)
    kept = schedule.at(steps)
    assert kept[3] == schedule.kept[500] and float(kept[2]) == pytest.approx(float(schedule.kept[3:5].mean()))
    kept.requires_grad_()
    found = schedule.step_of(kept)
    assert torch.allclose(found, steps, atol=1e-6)
    found.sum().backward()
    assert (kept.grad < 0).all()


def test_the_schedule_of_stable_diffusion():
    kept = scaled_linear().kept
    assert len(kept) == 1001 and float(kept[1]) == pytest.approx(1 - 0.00085)
    assert float(kept[1000]) == pytest.approx(0.00466, abs=5e-5)
