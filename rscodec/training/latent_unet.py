"""The latent UNet from which SlimDiffSR's student is pruned: residual blocks, self-attention, a time embedding.

    x (B, C, h, w), t (B,) --3x3--> levels, each `blocks` x (ResBlock, attention?), halved in between
                                    --> middle --> the same upward, with what was kept on the way down --> (B, C, h, w)

The layout is that of Stable Diffusion, without text. It uses group norms, since it is trained and used on crops.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F

GROUPS = 8
HEAD = 32  # channels of an attention head


def time_features(steps: torch.Tensor, width: int) -> torch.Tensor:
    """Encode steps (B,), which need not be whole numbers, as sines and cosines (B, width)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000.0) / half * torch.arange(half, device=steps.device))
    angles = steps.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)


class TimedBlock(nn.Module):
    def __init__(self, channels: int, out: int, time: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(GROUPS, channels), nn.GroupNorm(GROUPS, out)])
        self.first = nn.Conv2d(channels, out, 3, padding=1)
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.told = nn.Linear(time, out)
        self.past = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        found = self.first(F.silu(self.norms[0](x))) + self.told(time)[..., None, None]
        return self.past(x) + self.second(F.silu(self.norms[1](found)))


class Attention(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.enter = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.leave = nn.Conv2d(channels, channels, 1)
        self.heads = max(1, channels // HEAD)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        parts = self.enter(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-1, -2).unbind(1)
        answers = F.scaled_dot_product_attention(*parts)
        return x + self.leave(answers.transpose(-1, -2).flatten(1, 2).unflatten(2, x.shape[2:]))


class LatentUnet(nn.Module):
    """`attended` is how many of the deepest levels have attention. h and w are multiples of 2 ** (levels - 1)."""

    def __init__(self, channels: int, widths: tuple[int, ...], blocks: int, attended: int):
        super().__init__()
        self.widths = widths
        time = 4 * widths[0]
        self.embed = nn.Sequential(nn.Linear(widths[0], time), nn.SiLU(), nn.Linear(time, time), nn.SiLU())
        self.enter = nn.Conv2d(channels, widths[0], 3, padding=1)

        def level(enters: list[int], number: int) -> nn.ModuleList:
            width, parts = widths[number], []
            for enter in enters:
                parts.append(TimedBlock(enter, width, time))
                if number >= len(widths) - attended:
                    parts.append(Attention(width))
            return nn.ModuleList(parts)

        numbers = range(len(widths))
        self.downward = nn.ModuleList(level([widths[number]] * blocks, number) for number in numbers)
        self.upward = nn.ModuleList(
            level([2 * widths[number]] + [widths[number]] * (blocks - 1), number) for number in reversed(numbers)
        )
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in steps)
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in reversed(steps))
        deep = widths[-1]
        self.middle = nn.ModuleList([TimedBlock(deep, deep, time), Attention(deep), TimedBlock(deep, deep, time)])
        self.norm = nn.GroupNorm(GROUPS, widths[0])
        self.leave = nn.Conv2d(widths[0], channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def features(self, x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        """Return (B, widths[0], h, w): the input of the last layer. A student learns to reproduce it."""
        time = self.embed(time_features(steps, self.widths[0]))
        x, kept = self.enter(x), []
        for number, level in enumerate(self.downward):
            x = timed(level, x, time)
            kept.append(x)
            if number < len(self.down):
                x = self.down[number](x)
        x = timed(self.middle, x, time)
        for number, level in enumerate(self.upward):
            x = timed(level, torch.cat([x, kept.pop()], 1), time)
            if number < len(self.up):
                x = self.up[number](F.interpolate(x, scale_factor=2))
        return F.silu(self.norm(x))

    def predicted(self, features: torch.Tensor) -> torch.Tensor:
        return self.leave(features).float()


def timed(level: nn.ModuleList, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    for part in level:
        x = part(x, time)
    return x
