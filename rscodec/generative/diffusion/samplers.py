"""From noise to signal, step by step. One signature for every sampler:

    sampler(predict, x_T, schedule, generator) -> x_0         predict(x_t, t) -> the predicted noise in x_t

The caller passes the generator; samplers that draw nothing ignore it. Gradients pass through all steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from rscodec.generative.diffusion.schedules import Schedule

Predict = Callable[[torch.Tensor, int], torch.Tensor]


def posterior_mean(
    predict: Predict, x: torch.Tensor, schedule: Schedule, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Each step goes to the mean of its distribution, so the same x_T always gives the same x_0.

    LDM-RSIC, equation 10 (as in DiffIR): with few steps, a compact prior needs no other randomness than x_T.
    """
    for step in range(len(schedule), 0, -1):
        x = _mean(predict, x, schedule, step)
    return x


def ancestral(
    predict: Predict, x: torch.Tensor, schedule: Schedule, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Each step draws from its distribution (Ho et al. 2020, algorithm 2)."""
    for step in range(len(schedule), 0, -1):
        mean = _mean(predict, x, schedule, step)
        kept, before = schedule.kept[step], schedule.kept[step - 1]
        spread = float((schedule.betas[step - 1] * (1 - before) / (1 - kept)).sqrt())
        x = mean + spread * normal(x.shape, generator, x.device)
    return x


def ddim(
    predict: Predict,
    x: torch.Tensor,
    schedule: Schedule,
    generator: torch.Generator | None = None,
    steps: int | None = None,
    first: int | None = None,
) -> torch.Tensor:
    """DDIM (Song et al. 2021): a few of the schedule's steps, each from the predicted x_0 and noise. It draws nothing.

    `first`: the step of x, if it is not the last one.
    """
    first = first or len(schedule)
    taken = torch.linspace(0, first, (steps or first) + 1).round().int().tolist()[::-1]
    for step, then in zip(taken[:-1], taken[1:], strict=True):
        noise, kept = predict(x, step), float(schedule.kept[step])
        signal = (x - (1 - kept) ** 0.5 * noise) / kept**0.5
        x = schedule.add_noise(signal, noise, then)
    return x


def normal(shape: tuple[int, ...], generator: torch.Generator | None, device: torch.device | str) -> torch.Tensor:
    """Normal random numbers, drawn on the CPU, so that a seed gives the same numbers on every device."""
    return torch.randn(shape, generator=generator).to(device)


def _mean(predict: Predict, x: torch.Tensor, schedule: Schedule, step: int) -> torch.Tensor:
    beta, kept = float(schedule.betas[step - 1]), float(schedule.kept[step])
    return (x - beta / (1 - kept) ** 0.5 * predict(x, step)) / (1 - beta) ** 0.5
