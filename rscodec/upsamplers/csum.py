"""CSUM, the continuous-scale upsampling module of E2DiffSR: samples features at any coordinates and turns them into
pixels.

    f --3x3--> M_1 --3x3, shuffle 2--> M_2 --3x3, shuffle 2--> M_3        a pyramid over the small image
         |              |                   |
         +--- bilinear at the coordinates, attention over the levels by s ---> five-layer MLP --> detail (3)

Equation 6. The last layer starts at zero, so an untrained network does not change bicubic interpolation.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec.transforms import SLOPE
from rscodec.upsamplers.maps import sample

LAYERS = 5


class Csum(nn.Module):
    """Features (B, F, h, w), coordinates in pixels of the small image -> (B, 3, rows, cols)."""

    def __init__(self, features: int, levels: int, width: int, hidden: int):
        super().__init__()
        enter = nn.Conv2d(features, width, 3, padding=1)
        self.pyramid = nn.ModuleList([enter, *[nn.Conv2d(width, 4 * width, 3, padding=1) for _ in range(levels - 1)]])
        self.attend = nn.Sequential(nn.Linear(1, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, levels))
        widths = [width, *[hidden] * (LAYERS - 1), 3]
        self.mlp = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairwise(widths))
        for layer in (*self.pyramid, *self.mlp):  # with the default, features would shrink from layer to layer
            nn.init.kaiming_normal_(layer.weight, SLOPE)
        nn.init.zeros_(self.mlp[-1].weight)
        nn.init.zeros_(self.mlp[-1].bias)

    @property
    def last_layer(self) -> nn.Parameter:
        return self.mlp[-1].weight

    def forward(self, x: torch.Tensor, rows: np.ndarray, cols: np.ndarray, scale: torch.Tensor) -> torch.Tensor:
        shares = self.attend(scale).softmax(1)[0]
        x = self.pyramid[0](x)
        found = shares[0] * sample(x, rows, cols)
        for number, layer in enumerate(self.pyramid[1:], 1):
            x, finer = F.pixel_shuffle(layer(F.leaky_relu(x, SLOPE)), 2), 2**number
            found = found + shares[number] * sample(x, *((at + 0.5) * finer - 0.5 for at in (rows, cols)))
        for layer in self.mlp[:-1]:
            found = F.leaky_relu(layer(found), SLOPE, inplace=True)
        return self.mlp[-1](found).float()
