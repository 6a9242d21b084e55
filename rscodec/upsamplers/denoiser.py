"""The denoiser of E2DiffSR: predicts z without noise from the step, the scale and the output c of CondNet.

    [z_t, c] (8, 1/8) --1x1--> blocks conditioned on t and s --1x1--> + c --> z^

It predicts z itself, and the sampler computes the noise from it. So the last of few steps cannot amplify an error, and
an untrained denoiser returns c.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from rscodec.codec.transforms import SLOPE
from rscodec.networks.transforms import Block
from rscodec.upsamplers.prior import CHANNELS


class Denoiser(nn.Module):
    """z_t and c (B, 4, h, w) -> z^ of the same shape. `step` counts from 1, `scale` is a feature (1, 1)."""

    def __init__(self, width: int, blocks: int, steps: int):
        super().__init__()
        self.enter = nn.Conv2d(2 * CHANNELS, width, 1)
        self.time = nn.Embedding(steps, width)
        self.scale = nn.Sequential(nn.Linear(1, width), nn.LeakyReLU(SLOPE))
        self.told = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.leave = nn.Conv2d(width, CHANNELS, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, noisy: torch.Tensor, condition: torch.Tensor, step: int, scale: torch.Tensor) -> torch.Tensor:
        known = self.time.weight[step - 1] + self.scale(scale)
        x = self.enter(torch.cat([noisy, condition], 1))
        for told, block in zip(self.told, self.blocks, strict=True):
            x = block(x + told(known)[..., None, None])
        return condition + self.leave(x).float()
