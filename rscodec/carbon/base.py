"""What a learned model of carbon is to the rest of the house.

    loss(x, y, mask, generator)     imagery (B,C,h,w), normalised density (B,1,h,w), forest (B,1,h,w) -> loss, figures
    estimate(x, generator)          imagery -> normalised density; the generator decides whatever is left to chance

Edges are multiples of STRIDE. Density is divided by the scale of the training region (scores.py) and 0 outside of
forest; outside of forest no model is judged, in training or after it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn as nn

STRIDE = 8
Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]


class CarbonModel(nn.Module, ABC):
    @abstractmethod
    def loss(self, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> Loss: ...

    @abstractmethod
    def estimate(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor: ...


def masked_l1(error: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean absolute error over forest."""
    return (error.abs() * mask).sum() / mask.sum().clamp(min=1)
