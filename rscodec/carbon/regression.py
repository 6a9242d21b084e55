"""A plain U-Net that is told what is wrong: imagery -> density, no chance in it."""

from __future__ import annotations

import torch

from rscodec.carbon.base import CarbonModel, Loss, masked_l1
from rscodec.carbon.unet import UNet

WIDTHS = (32, 48, 80, 112)


class Regression(CarbonModel):
    def __init__(self, bands: int):
        super().__init__()
        self.unet = UNet(bands, 1, WIDTHS)

    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss:
        return masked_l1(self.unet(x) - y, mask), {}

    @torch.no_grad()
    def estimate(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return self.unet(x)
