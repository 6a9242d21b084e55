"""Noise schedules: the share of the signal that is left after each step.

    x_t = sqrt(kept_t) * x_0 + sqrt(1 - kept_t) * noise,     t = 1 ... T,     kept_t = product of (1 - beta_s), s <= t

Ho et al., "Denoising Diffusion Probabilistic Models" (2020), equation 4; they write alpha-bar for `kept`.
"""

from __future__ import annotations

import torch


class Schedule:
    """The betas of T steps, and values computed from them. `kept[0]` is 1: the signal before the first step."""

    def __init__(self, betas: torch.Tensor):
        self.betas = betas.double()
        self.kept = torch.cat([torch.ones(1, dtype=torch.float64), (1 - self.betas).cumprod(0)])

    def __len__(self) -> int:
        return len(self.betas)

    def add_noise(self, x: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """x_t from x_0."""
        kept = float(self.kept[step])
        return kept**0.5 * x + (1 - kept) ** 0.5 * noise

    def noise_in(self, x_t: torch.Tensor, x: torch.Tensor, step: int) -> torch.Tensor:
        """The noise in x_t, if x is the signal. It converts a prediction of x to a prediction of noise."""
        kept = float(self.kept[step])
        return (x_t - kept**0.5 * x) / (1 - kept) ** 0.5

    def at(self, steps: torch.Tensor) -> torch.Tensor:
        """`kept` at real-valued steps, by linear interpolation."""
        kept = self.kept.to(steps)
        low = steps.detach().floor().long().clamp(0, len(self) - 1)
        return kept[low] + (steps - low) * (kept[low + 1] - kept[low])

    def step_of(self, kept: torch.Tensor) -> torch.Tensor:
        """The step at which `kept` of the signal is left: by bisection, then linearly, so that gradients pass."""
        table = self.kept.to(kept)
        low = torch.searchsorted(-table, -kept.detach()).clamp(1, len(self)) - 1
        return low + (table[low] - kept) / (table[low] - table[low + 1])


def scaled_linear(steps: int = 1000, first: float = 0.00085, last: float = 0.012) -> Schedule:
    """The schedule of Stable Diffusion: square roots of betas grow linearly from `first` to `last`."""
    return Schedule(torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64).square())


def linear(steps: int, first: float = 0.1, last: float = 0.99) -> Schedule:
    """Betas grow linearly from `first` to `last`. The defaults leave almost no signal after a few steps."""
    return Schedule(torch.linspace(first, last, steps) if steps > 1 else torch.tensor([last]))
