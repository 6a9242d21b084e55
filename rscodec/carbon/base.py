"""What a learned model of carbon is to the rest of the house.

    loss(x, y, mask, generator)     imagery (B,C,h,w), normalised density (B,1,h,w), forest (B,1,h,w) -> loss, figures
    estimate(x, mask, generator)    imagery, forest -> normalised density; the generator decides what is left to chance

Edges are multiples of STRIDE. Density is divided by the scale of the training region (scores.py) and 0 outside of
forest; outside of forest no model is judged, in training or after it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn as nn

from rscodec.models.model_file import Config

STRIDE = 16
Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]


@dataclass(frozen=True)
class CarbonConfig(Config):
    """`kind`: of kinds.py; `widths`: channels of its U-Net, by level."""

    kind: str
    bands: int = 4
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)


class CarbonModel(nn.Module, ABC):
    config: CarbonConfig
    chance = True  # whether another generator draws another map

    @abstractmethod
    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss: ...

    @abstractmethod
    def estimate(self, x: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor: ...


def masked_l1(error: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean absolute error over forest."""
    return masked_mean(error.abs(), mask)


def masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (values.float() * mask).sum() / mask.sum().clamp(min=1)
