"""IIDM: a diffusion model that draws the carbon map step by step, conditioned on imagery.

    imagery --KD-VGG--> f(0), f(1), f(2), f(3)
                          |                 \\ cross-attention (unet.py)
    y_gamma --cat---------+--> KD-UNet -----------> v --> the noise in y_gamma

    y_gamma = sqrt(gamma) y + sqrt(1 - gamma) noise;   gamma is any number from 1 to almost 0; the network knows it
    v       = sqrt(gamma) noise - sqrt(1 - gamma) y;   noise = sqrt(1 - gamma) y_gamma + sqrt(gamma) v

The loss is |found - v| over forest, which is equation 4, |found - noise|, divided by sqrt(gamma). The amount of carbon
is decided at the steps where almost nothing of y is left, and equation 4 as printed has almost no weight there
(Salimans & Ho 2022). Outside forest, the network sees y_gamma as 0.

In training, gamma is drawn between two neighbouring values of the schedule; in use, it takes the schedule's 20 steps
(ancestral sampling). `estimate` draws one possible map. The mean of several maps is the estimate that IIDM is judged
by. Without `attention` and `coordinates` the model is IDM, without the improvements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn as nn

from rscodec.carbon.base import CarbonConfig, CarbonModel, Loss, masked_l1, masked_mean
from rscodec.carbon.unet import UNet
from rscodec.carbon.vgg import Vgg
from rscodec.generative.diffusion.samplers import ancestral, normal
from rscodec.generative.diffusion.schedules import linear

FIRST_BETA, LAST_BETA = 0.001, 0.5  # over 20 steps: 0.2 % of the signal's power is left


@dataclass(frozen=True)
class IidmConfig(CarbonConfig):
    """`condition`: channels of the VGG's convolutions, by level. There is one level for each of `widths`. `mean` and
    `deviation`: approximately those of the map in forest; the noise has 0 and 1. `squared`: squared instead of absolute
    errors of v, so that draws have the distribution of the maps.
    """

    kind: str = "iidm"
    condition: tuple[tuple[int, ...], ...] = ((16, 16), (32, 32), (48, 48), (64, 64), (64, 64))
    embedding: int = 64
    steps: int = 20
    attention: bool = True
    coordinates: bool = True
    mean: float = 0.35
    deviation: float = 0.25
    squared: bool = False


class Iidm(CarbonModel):
    def __init__(self, config: IidmConfig):
        super().__init__()
        self.config, self.schedule = config, linear(config.steps, FIRST_BETA, LAST_BETA)
        self.vgg = Vgg(config.bands, config.condition)
        attended = [stage[-1] for stage in config.condition] if config.attention else ()
        self.unet = UNet(1 + config.condition[0][-1], 1, config.widths, config.embedding, attended, config.coordinates)
        self.embed = nn.Sequential(
            nn.Linear(config.embedding, config.embedding), nn.SiLU(), nn.Linear(config.embedding, config.embedding)
        )

    def velocity(self, y: torch.Tensor, gamma: torch.Tensor, f: list[torch.Tensor]) -> torch.Tensor:
        """Predict v for y (B,1,h,w). gamma (B,) is the share of the signal's power that is left."""
        return self.unet(*self.shown(y, gamma, f)).float()

    def shown(self, y: torch.Tensor, gamma: torch.Tensor, f: list[torch.Tensor]) -> tuple:
        """The input of the U-Net."""
        return torch.cat([y, f[0]], 1), self.embed(_waves(gamma.sqrt(), self.config.embedding)), f

    def noisy(
        self, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw y_gamma, gamma (B,) and v."""
        kept = self.schedule.kept.float()
        step = torch.randint(1, len(kept), (len(y),), generator=generator)
        gamma = kept[step] + (kept[step - 1] - kept[step]) * torch.rand(len(y), generator=generator)
        gamma = gamma.to(y.device)
        noise, left = normal(y.shape, generator, y.device), gamma[:, None, None, None]
        standard = (y - self.config.mean) / self.config.deviation
        seen = left.sqrt() * standard + (1 - left).sqrt() * noise
        return seen * mask, gamma, left.sqrt() * noise - (1 - left).sqrt() * standard

    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss:
        seen, gamma, wanted = self.noisy(y, mask, generator)
        error = self.velocity(seen, gamma, self.vgg(x)) - wanted
        return masked_mean(error.square(), mask) if self.config.squared else masked_l1(error, mask), {}

    @torch.no_grad()
    def estimate(self, x: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        f, kept = self.vgg(x), self.schedule.kept.float().to(x.device)

        def noise(y: torch.Tensor, step: int) -> torch.Tensor:
            left = kept[step]
            return (1 - left).sqrt() * y + left.sqrt() * self.velocity(y * mask, left.expand(len(y)), f)

        start = normal((len(x), 1, *x.shape[2:]), generator, x.device)
        return self.config.mean + self.config.deviation * ancestral(noise, start, self.schedule, generator)


def _waves(value: torch.Tensor, count: int) -> torch.Tensor:
    """Encode a number 0..1 for each picture as waves (B, count)."""
    frequencies = torch.exp(torch.linspace(0, math.log(100), count // 2, device=value.device))
    angles = value[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)
