"""A conditional GAN: a U-Net draws a map from imagery and noise, and a patch critic distinguishes it from the true map.

    imagery, noise --> U-Net --> map --+--> L1 to the true map
                                       +--reverse--> critic(imagery, map) --> hinge loss

One optimiser trains both: `reverse` passes the map on and reverses its gradient, so the U-Net learns to make the critic
fail.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.carbon.base import CarbonConfig, CarbonModel, Loss, masked_l1
from rscodec.carbon.unet import UNet
from rscodec.generative.diffusion.samplers import normal

ADVERSARY_WEIGHT = 0.05


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        return -gradient


class Gan(CarbonModel):
    def __init__(self, config: CarbonConfig):
        super().__init__()
        self.config = config
        self.unet = UNet(config.bands + 1, 1, config.widths)
        layers, before = [], config.bands + 1
        for width in config.widths[1:4]:
            layers += [nn.Conv2d(before, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            before = width
        self.critic = nn.Sequential(*layers, nn.Conv2d(before, 1, 3, padding=1))

    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss:
        drawn = self._draw(x, generator)
        distance = masked_l1(drawn - y, mask)
        true = self.critic(torch.cat([x, y], 1))
        false = self.critic(torch.cat([x, Reverse.apply(drawn * mask)], 1))
        hinge = F.relu(1 - true).mean() + F.relu(1 + false).mean()
        return distance + ADVERSARY_WEIGHT * hinge, {"distance": distance, "hinge": hinge}

    @torch.no_grad()
    def estimate(self, x: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return self._draw(x, generator)

    def _draw(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        noise = normal((len(x), 1, *x.shape[2:]), generator, x.device)
        return self.unet(torch.cat([x, noise], 1))
