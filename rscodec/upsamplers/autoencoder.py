"""Encoder and decoder between images and features at stride 8: both ends of SlimDiffSR and, with a bottleneck of four
channels, its teacher's autoencoder.

    Encoder   image --unshuffle 4, 3x3--> w (1/4), residual blocks --unshuffle 2, 1x1--> 2w (1/8), residual blocks
    Decoder   2w (1/8), residual blocks --1x1, shuffle 2--> w (1/4), blocks --1x1, shuffle 2--> w/2 (1/2), block
              --3x3, shuffle 2--> image

No layer runs at full resolution, which would take a CPU most of the time.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.enhancers.prior import Residual

STRIDE = 8
CHANNELS = 4  # channels of the bottleneck


def blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(channels) for _ in range(count)])


class Encoder(nn.Module):
    """Images (B, 3, H, W) in 0..1, H and W multiples of 8 -> (B, 2 * width, H/8, W/8)."""

    def __init__(self, width: int, count: int):
        super().__init__()
        self.stem = nn.Conv2d(48, width, 3, padding=1)
        self.fine = blocks(width, count)
        self.down = nn.Conv2d(4 * width, 2 * width, 1)
        self.coarse = blocks(2 * width, count)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.fine(self.stem(F.pixel_unshuffle(2 * images - 1, 4)))
        return self.coarse(self.down(F.pixel_unshuffle(x, 2)))


class Decoder(nn.Module):
    """Features (B, 2 * width, h, w) -> (B, 3, 8h, 8w)."""

    def __init__(self, width: int, count: int):
        super().__init__()
        self.coarse = blocks(2 * width, count)
        self.up = nn.Conv2d(2 * width, 4 * width, 1)
        self.fine = blocks(width, count)
        self.finer = nn.Conv2d(width, 2 * width, 1)
        self.last = blocks(width // 2, 1)
        self.head = nn.Conv2d(width // 2, 12, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fine(F.pixel_shuffle(self.up(self.coarse(x)), 2))
        x = self.last(F.pixel_shuffle(self.finer(x), 2))
        return F.pixel_shuffle(self.head(x), 2).float()
