"""A conditional variational autoencoder: a code z chooses one of the maps that are possible for the imagery.

training    imagery, density --> mean, log variance --> z --+
            imagery ---------------------------------------> U-Net --> density       L1 + KL(z | N(0, 1))
in use      z from N(0, 1)
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.carbon.base import STRIDE, CarbonConfig, CarbonModel, Loss, masked_l1
from rscodec.carbon.unet import UNet
from rscodec.generative.diffusion.samplers import normal

CODE = 4  # channels of z, one vector for every STRIDE x STRIDE pixels
KL_WEIGHT = 0.01


class Vae(CarbonModel):
    def __init__(self, config: CarbonConfig):
        super().__init__()
        self.config = config
        layers, before = [], config.bands + 1
        for width in config.widths[1:]:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.SiLU()]
            before = width
        self.encoder = nn.Sequential(*layers, nn.Conv2d(before, 2 * CODE, 1))
        self.unet = UNet(config.bands + CODE, 1, config.widths)

    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss:
        mean, log_variance = self.encoder(torch.cat([x, y], 1)).chunk(2, 1)
        log_variance = log_variance.clamp(-10, 10)
        z = mean + (log_variance / 2).exp() * normal(mean.shape, generator, mean.device)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        distance = masked_l1(self._decode(x, z) - y, mask)
        return distance + KL_WEIGHT * divergence, {"distance": distance, "divergence": divergence}

    @torch.no_grad()
    def estimate(self, x: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        shape = len(x), CODE, x.shape[2] // STRIDE, x.shape[3] // STRIDE
        return self._decode(x, normal(shape, generator, x.device))

    def _decode(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return self.unet(torch.cat([x, F.interpolate(z, scale_factor=STRIDE, mode="nearest")], 1))
