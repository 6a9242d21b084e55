"""Every sampler, with a predictor that knows the answer: it must find it, and draw from no generator but its own."""

from __future__ import annotations

import pytest
import torch

from rscodec.diffusion.samplers import ancestral, normal, posterior_mean
from rscodec.diffusion.schedules import linear

SAMPLERS = (posterior_mean, ancestral)


def oracle(x_0, schedule):
    """The noise that is in x_t, knowing x_0."""

    def predict(x, step):
        kept = float(schedule.kept[step])
        return (x - kept**0.5 * x_0) / (1 - kept) ** 0.5

    return predict


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_with_perfect_prediction_the_signal_comes_back(sampler, steps):
    schedule = linear(steps)
    x_0 = normal((2, 5), seeded(1), "cpu")
    found = sampler(oracle(x_0, schedule), normal((2, 5), seeded(2), "cpu"), schedule, seeded(3))
    assert torch.allclose(found, x_0, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_generator_decides_and_no_other(sampler):
    schedule, start = linear(4), normal((8,), seeded(0), "cpu")

    def run(seed):
        return sampler(lambda x, step: 0.3 * x, start, schedule, seeded(seed))

    before = torch.get_rng_state()
    assert torch.equal(run(1), run(1))
    assert torch.equal(run(1), run(2)) == (sampler is posterior_mean)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_gradients_pass_through_every_step(sampler):
    weights = torch.zeros(4, requires_grad=True)
    sampler(lambda x, step: weights[step - 1] * x, torch.ones(3), linear(4), seeded(0)).sum().backward()
    assert (weights.grad != 0).all()
