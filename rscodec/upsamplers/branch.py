"""The branch of E2DiffSR at the resolution of the small image. It mixes in the prior, with weights that depend on the
scale.

I_LR --3x3--> f --modulate h1--> FRU --modulate h2--> FRU --modulate h3--> FRU --modulate h4--> FRU --> + f
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec.transforms import SLOPE
from rscodec.upsamplers.maps import resize


class Imdb(nn.Module):
    """Information multi-distillation block (Hui et al. 2019): a quarter of the features is split off after each 3x3.

    It omits the contrast-aware attention of the paper, whose statistics would differ between windows.
    """

    def __init__(self, features: int):
        super().__init__()
        self.kept = features // 4
        rest = features - self.kept
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.further = nn.ModuleList(nn.Conv2d(rest, features, 3, padding=1) for _ in range(2))
        self.last = nn.Conv2d(rest, self.kept, 3, padding=1)
        self.fuse = nn.Conv2d(4 * self.kept, features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept, rest = [], x
        for layer in (self.first, *self.further):
            out = F.leaky_relu(layer(rest), SLOPE)
            kept.append(out[:, : self.kept])
            rest = out[:, self.kept :]
        kept.append(self.last(rest))
        return x + self.fuse(torch.cat(kept, 1))


class Fru(nn.Module):
    """Feature refinement unit: a chain of IMDBs, whose outputs a 1x1 convolution fuses."""

    def __init__(self, features: int, blocks: int):
        super().__init__()
        self.blocks = nn.ModuleList(Imdb(features) for _ in range(blocks))
        self.fuse = nn.Conv2d(blocks * features, features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = []
        for block in self.blocks:
            given.append(block(given[-1] if given else x))
        return x + self.fuse(torch.cat(given, 1))


class Modulation(nn.Module):
    """f = a1 * f_out + a2 * Conv3x3(Bicubic(h)), (a1, a2) = Norm(MLP(s)): equations 3 to 5."""

    def __init__(self, features: int, channels: int, hidden: int = 16):
        super().__init__()
        self.enter = nn.Conv2d(channels, features, 3, padding=1)
        self.weigh = nn.Sequential(nn.Linear(1, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, 2))
        nn.init.ones_(self.weigh[-1].bias)

    def forward(self, x: torch.Tensor, h: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        own, prior = F.normalize(self.weigh(scale).float(), dim=1)[0]
        return own * x + prior * self.enter(resize(h, *x.shape[2:]))


class Branch(nn.Module):
    """I_LR (B, 3, h, w) in 0..1, maps of the DPDecoder, feature (1, 1) of the scale -> features (B, F, h, w)."""

    def __init__(self, features: int, blocks: int, maps: list[int]):
        super().__init__()
        self.stem = nn.Conv2d(3, features, 3, padding=1)
        self.modulations = nn.ModuleList(Modulation(features, channels) for channels in maps)
        self.units = nn.ModuleList(Fru(features, blocks) for _ in maps)

    def forward(self, small: torch.Tensor, maps: list[torch.Tensor], scale: torch.Tensor) -> torch.Tensor:
        x = shallow = self.stem(2 * small - 1)
        for modulation, unit, h in zip(self.modulations, self.units, maps, strict=True):
            x = unit(modulation(x, h, scale))
        return shallow + x
