"""A plain U-Net trained by regression: imagery -> density, deterministic."""

from __future__ import annotations

import torch

from rscodec.carbon.base import CarbonConfig, CarbonModel, Loss, masked_mean
from rscodec.carbon.unet import UNet


class Regression(CarbonModel):
    chance = False

    def __init__(self, config: CarbonConfig):
        super().__init__()
        self.config = config
        self.unet = UNet(config.bands, 1, config.widths)

    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss:
        return masked_mean((self.unet(x) - y).square(), mask), {}

    @torch.no_grad()
    def estimate(self, x: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return self.unet(x)
