"""The differential prior of E2DiffSR: the detail that a small version of a picture lacks, as four channels at stride 8.

DPEncoder   (I_HR, up(I_LR)) --residual groups, channels x 1, 2, 2, 4--> mean, log-variance (4, 1/8), training only
DPDecoder   z (4, 1/8) --residual groups, channels x 4, 2, 2, 1--> h1 (1/8), h2 (1/4), h3 (1/2), h4 (1)
CondNet     up(I_LR) --> prediction of z (4, 1/8)
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.enhancers.prior import Residual
from rscodec.networks.transforms import Block

STRIDE = 8
CHANNELS = 4
MULTIPLIERS = (1, 2, 2, 4)
LOG_VARIANCE = -30.0, 20.0


def group(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(channels) for _ in range(blocks)])


class DPEncoder(nn.Module):
    """Images (B, 3, H, W), H and W multiples of 8 -> mean and log-variance (B, 4, H/8, W/8)."""

    def __init__(self, width: int, blocks: int):
        super().__init__()
        widths = [width * multiplier for multiplier in MULTIPLIERS]
        self.stem = nn.Conv2d(6, widths[0], 3, padding=1)
        self.groups = nn.ModuleList(group(channels, blocks) for channels in widths)
        pairs = pairwise(widths)
        self.down = nn.ModuleList(nn.Conv2d(4 * fine, coarse, 1) for fine, coarse in pairs)
        self.head = nn.Conv2d(widths[-1], 2 * CHANNELS, 1)

    def forward(self, large: torch.Tensor, raised: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.groups[0](self.stem(torch.cat([2 * large - 1, large - raised], 1)))
        for narrow, blocks in zip(self.down, self.groups[1:], strict=True):
            x = blocks(narrow(F.pixel_unshuffle(x, 2)))
        mean, log_variance = self.head(x).float().chunk(2, 1)
        return mean, log_variance.clamp(*LOG_VARIANCE)


class DPDecoder(nn.Module):
    """Prior (B, 4, h, w) -> feature maps at h, 2h, 4h and 8h, coarse to fine."""

    def __init__(self, width: int, blocks: int):
        super().__init__()
        self.widths = [width * multiplier for multiplier in reversed(MULTIPLIERS)]
        self.stem = nn.Conv2d(CHANNELS, self.widths[0], 3, padding=1)
        self.groups = nn.ModuleList(group(channels, blocks) for channels in self.widths)
        pairs = zip(self.widths[:-1], self.widths[1:], strict=True)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for coarse, fine in pairs)

    def forward(self, prior: torch.Tensor) -> list[torch.Tensor]:
        maps = [self.groups[0](self.stem(prior))]
        for widen, blocks in zip(self.up, self.groups[1:], strict=True):
            maps.append(blocks(F.pixel_shuffle(widen(maps[-1]), 2)))
        return maps


class CondNet(nn.Module):
    """up(I_LR) (B, 3, H, W), H and W multiples of 8 -> (B, 4, H/8, W/8)."""

    def __init__(self, width: int, blocks: int):
        super().__init__()
        self.stem = nn.Conv2d(3 * STRIDE**2, width, 1)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.head = nn.Conv2d(width, CHANNELS, 1)

    def forward(self, raised: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(F.pixel_unshuffle(2 * raised - 1, STRIDE)))).float()
