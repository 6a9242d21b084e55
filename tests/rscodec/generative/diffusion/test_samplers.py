"""Every sampler, with a predictor that knows the answer: it must find it, and draw from no generator but its own."""

from __future__ import annotations

import pytest
import torch

from rscodec.generative.diffusion.samplers import ancestral, ddim, normal, posterior_mean
from rscodec.generative.diffusion.schedules import linear, scaled_linear

SAMPLERS = (posterior_mean, ancestral, ddim)


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
    assert torch.equal(run(1), run(2)) == (sampler is not ancestral)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_gradients_pass_through_every_step(sampler):
    weights = torch.zeros(4, requires_grad=True)
    sampler(lambda x, step: weights[step - 1] * x, torch.ones(3), linear(4), seeded(0)).sum().backward()
    assert (weights.grad != 0).all()


def test_few_steps_of_many_are_spread_over_all():
    schedule, asked = scaled_linear(1000), []
    x_0 = normal((3,), seeded(1), "cpu")

    def predict(x, step):
        asked.append(step)
        return oracle(x_0, schedule)(x, step)

    found = ddim(predict, normal((3,), seeded(2), "cpu"), schedule, steps=50)
    assert asked == list(range(1000, 0, -20)) and torch.allclose(found, x_0, atol=1e-4)
    asked.clear()
    start = schedule.add_noise(x_0, normal((3,), seeded(2), "cpu"), 400)
    assert torch.allclose(ddim(predict, start, schedule, steps=4, first=400), x_0, atol=1e-4)
    assert asked == [400, 300, 200, 100]
