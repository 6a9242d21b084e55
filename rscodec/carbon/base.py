"""The interface of learned models of carbon.

    loss(x, y, mask, generator)     imagery (B,C,h,w), normalised density (B,1,h,w), forest (B,1,h,w) -> loss, figures
    estimate(x, mask, generator)    imagery, forest -> normalised density; the generator draws random numbers

Edges are multiples of STRIDE. Density is divided by the scale of the training region (scores.py), and is 0 outside
forest. Pixels outside forest count neither in training nor in evaluation.
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
    """`kind`: a kind of kinds.py. `widths`: channels of the U-Net, by level."""

    kind: str
    bands: int = 4
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)


class CarbonModel(nn.Module, ABC):
    config: CarbonConfig
    chance = True  # whether the map depends on the generator

    @abstractmethod
    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss: ...

    @abstractmethod
    def estimate(self, x: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor: ...


def masked_l1(error: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean absolute error over forest."""
    return masked_mean(error.abs(), mask)


def masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (values.float() * mask).sum() / mask.sum().clamp(min=1)
