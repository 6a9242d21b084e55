"""MEN, the enhancement network of LDM-RSIC: decoded pixels and a distortion prior -> change of the pixels.

    x~ (3) --unshuffle 2, 3x3--> stride 2 --blocks--> stride 4 --blocks--> stride 8 --attention--+
                                   |                    |                                        |
                                   + <----- blocks ---- + <-------------- blocks ----------------+
                                   v
                            3x3, shuffle 2 --> change (3)          every level begins with a DFAM

Fine levels use the codec's blocks, which run near the peak speed of a CPU. Attention is between channels (as in
Restormer), only at the coarse level. The last layer starts at zero, so an untrained network changes nothing.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec.transforms import SLOPE
from rscodec.networks.transforms import Block

STRIDES = (2, 4, 8)
TOKENS = 4  # the prior of a window is a grid of TOKENS x TOKENS vectors
CHANGE_UNIT = 1 / 8  # unit of the last layer's output: changes are small compared with pixels


class Norm(nn.LayerNorm):
    """Normalises over the channels of each pixel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GatedUnit(nn.Module):
    """1x1 -> 2C, depthwise 3x3, one half gates the other, 1x1 -> C."""

    def __init__(self, channels: int):
        super().__init__()
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.spatial = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.leave = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = self.spatial(self.expand(x)).chunk(2, 1)
        return self.leave(F.gelu(gate) * value)


class Dfam(nn.Module):
    """LDM-RSIC's distortion-prior-guided attention: the prior modulates features M (B, C, H, W).

        Z  = Concat(UP(F), Norm(M))
        M^ = P((FC(AP(Z)) + FC(MP(Z))) * Z) + M                   P: back to C channels, which the paper leaves out
        M~ = GU(Norm(M^) * LL(AP(F)) + LL(AP(F))) + M^

    AP and MP are the average and the maximum over all pixels. `summary` is AP(F) and the features of the compression,
    so that the network can distinguish rates even without a prior.
    """

    def __init__(self, channels: int, raised: int, summary: int):
        super().__init__()
        both = channels + raised
        self.norm_in, self.norm_out = Norm(channels), Norm(channels)
        self.attend = nn.Sequential(nn.Linear(both, both // 4), nn.LeakyReLU(SLOPE), nn.Linear(both // 4, both))
        self.project = nn.Conv2d(both, channels, 1)
        self.scale, self.shift = nn.Linear(summary, channels), nn.Linear(summary, channels)
        self.unit = GatedUnit(channels)

    def forward(self, m: torch.Tensor, raised: torch.Tensor, summary: torch.Tensor) -> torch.Tensor:
        z = torch.cat([raised, self.norm_in(m)], 1)
        attention = self.attend(z.mean((2, 3))) + self.attend(z.amax((2, 3)))
        m = m + self.project(z * _map(attention))
        scale, shift = _map(self.scale(summary)), _map(self.shift(summary))
        return m + self.unit(self.norm_out(m) * (1 + scale) + shift)


class ChannelAttention(nn.Module):
    """A block of Restormer: x + attention between channels (by their similarity over all pixels),
    then x + gated unit.
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_out = Norm(channels), Norm(channels)
        self.enter = nn.Conv2d(channels, 3 * channels, 1)
        self.spatial = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.leave = nn.Conv2d(channels, channels, 1)
        self.unit = GatedUnit(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.spatial(self.enter(self.norm_in(x))).chunk(3, 1)
        query, key, value = (part.flatten(2).unflatten(1, (self.heads, -1)) for part in parts)
        likeness = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        mixed = (likeness * self.temperature).softmax(-1) @ value
        x = x + self.leave(mixed.flatten(1, 2).unflatten(2, x.shape[2:]))
        return x + self.unit(self.norm_out(x))


class Raise(nn.Module):
    """UP(F): raises the prior (B, N, 4, 4) to the size of every level by convolutions and pixel shuffles, coarse to
    fine.
    """

    def __init__(self, prior: int, raised: int, window: int):
        super().__init__()
        self.doublings = (window // STRIDES[-1] // TOKENS).bit_length() - 1
        self.enter = nn.Conv2d(prior, raised, 1)
        count = self.doublings + len(STRIDES) - 1
        self.steps = nn.ModuleList(nn.Conv2d(raised, 4 * raised, 3, padding=1) for _ in range(count))

    def forward(self, prior: torch.Tensor) -> list[torch.Tensor]:
        """The raised priors, fine to coarse as in STRIDES."""
        x, levels = self.enter(prior), []
        for number, step in enumerate([*self.steps, None]):
            if number >= self.doublings:
                levels.insert(0, x)
            if step is not None:
                x = F.leaky_relu(F.pixel_shuffle(step(x), 2), SLOPE)
        return levels


class Level(nn.Module):
    """A DFAM, then blocks."""

    def __init__(self, blocks: list[nn.Module], channels: int, raised: int, summary: int):
        super().__init__()
        self.dfam = Dfam(channels, raised, summary)
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor, raised: torch.Tensor, summary: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.dfam(x, raised, summary))


class Men(nn.Module):
    """Pixels (B, 3, W, W) in 0..1, prior (B, N, 4, 4), features of the compression (B, E) -> change (B, 3, W, W)."""

    def __init__(
        self,
        window: int,
        widths: tuple[int, int, int],
        blocks: tuple[int, int, int],
        heads: int,
        prior: int,
        raised: int,
        known: int,
    ):
        super().__init__()
        fine, middle, coarse = widths
        self.up = Raise(prior, raised, window)

        def level(number: int) -> Level:
            width = widths[number]
            kind = [ChannelAttention(width, heads) if number == 2 else Block(width) for _ in range(blocks[number])]
            return Level(kind, width, raised, prior + known)

        self.stem = nn.Conv2d(12, fine, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(4 * fine, middle, 1), nn.Conv2d(4 * middle, coarse, 1)])
        self.inward = nn.ModuleList(level(number) for number in (0, 1, 2))
        self.widen = nn.ModuleList([nn.Conv2d(middle, 4 * fine, 1), nn.Conv2d(coarse, 4 * middle, 1)])
        self.outward = nn.ModuleList(level(number) for number in (0, 1))
        self.head = nn.Conv2d(fine, 12, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor, prior: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        raised, summary = self.up(prior), torch.cat([prior.mean((2, 3)), known], 1)
        fine = self.inward[0](self.stem(F.pixel_unshuffle(2 * x - 1, 2)), raised[0], summary)
        middle = self.inward[1](self.down[0](F.pixel_unshuffle(fine, 2)), raised[1], summary)
        coarse = self.inward[2](self.down[1](F.pixel_unshuffle(middle, 2)), raised[2], summary)
        middle = self.outward[1](middle + F.pixel_shuffle(self.widen[1](coarse), 2), raised[1], summary)
        fine = self.outward[0](fine + F.pixel_shuffle(self.widen[0](middle), 2), raised[0], summary)
        return CHANGE_UNIT * F.pixel_shuffle(self.head(fine), 2).float()


def _map(vector: torch.Tensor) -> torch.Tensor:
    return vector[:, :, None, None]
