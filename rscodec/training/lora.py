"""Low-rank adaptation (Hu et al. 2021): trained weights stay fixed, and the product of two thin matrices is added.

W  ->  W + up @ down         up starts at zero, so an adapted network is the same at first
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch.nn.utils import parametrize


class LowRank(nn.Module):
    def __init__(self, weight: torch.Tensor, rank: int):
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.randn(rank, columns, device=weight.device) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def merge(net: nn.Module) -> None:
    """Add the learnt products to the weights. The network then runs faster and has nothing left to learn."""
    for module in list(net.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def adapt(net: nn.Module, rank: int) -> None:
    """Freeze a network. From now on, each of its linear layers and convolutions learns `rank` directions."""
    net.requires_grad_(False)
    layers = [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, rank))
