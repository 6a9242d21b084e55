"""VGG, the condition network of IIDM: 3x3 convolutions in five stages, with the picture halved between stages.

    x --stage 0--> f(0) --pool, stage 1--> f(1) --pool, stage 2--> f(2) ...

A distilled VGG (distill.py) is the same network with fewer channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn as nn
import torch.nn.functional as F

STAGES = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
CHANNELS = (64, 128, 256, 512, 512)  # channels of the stages before distillation


def full_widths(name: str) -> list[list[int]]:
    """The channels of every convolution, by stage."""
    return [[channels] * count for channels, count in zip(CHANNELS, STAGES[name], strict=True)]


class Vgg(nn.Module):
    """`widths`: channels of every convolution, by stage."""

    def __init__(self, bands: int, widths: Sequence[Sequence[int]]):
        super().__init__()
        stages, before = [], bands
        for stage in widths:
            convolutions = nn.ModuleList()
            for channels in stage:
                convolution = nn.Conv2d(before, channels, 3, padding=1)
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(convolution.bias)
                convolutions.append(convolution)
                before = channels
            stages.append(convolutions)
        self.stages = nn.ModuleList(stages)

    def layers(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The output of every convolution."""
        found = []
        for number, stage in enumerate(self.stages):
            x = F.max_pool2d(x, 2) if number else x
            for convolution in stage:
                x = F.relu(convolution(x))
                found.append(x)
        return found

    def blocks(self) -> list[list[nn.Module]]:
        return [[convolution] for stage in self.stages for convolution in stage]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """f(0), f(1), ...: the output of each stage."""
        found = self.layers(x)
        return [found[last - 1] for last in accumulate(map(len, self.stages))]
