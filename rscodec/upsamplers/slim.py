"""The pruned UNet of SlimDiffSR, without text and time inputs, and with operators that suit overhead imagery.

    x (1/8) --3x3--> c1: blocks ----------------------------------------> blocks --3x3--> (1/8)
                          | unshuffle 2, 1x1                   ^ 1x1, shuffle 2
                          +--> c2 (1/16): blocks -- ResBlock --> blocks

    block       ResBlock(norm, SiLU, FSC, norm, SiLU, DSC), then QGAM in the place of self-attention

The ResBlock at the bottom replaces the two deepest levels. Norms work on each pixel. Layers that need the whole picture
(the gates, QGAM) use rscodec/upsamplers/whole.py.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.upsamplers.whole import Whole

NARROWED = 4  # the 1x1 layers of FSC and DSC have a bottleneck of a quarter of their channels
GATE_HIDDEN = 8
QUERIES, QUERY_WIDTH = 32, 64


class Norm(nn.Module):
    """Scales the features of each pixel to unit power."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (x.float().square().mean(1, keepdim=True) + 1e-6).rsqrt() * self.gain


class Gates(nn.Module):
    """The weights of several branches, computed from the mean features of a picture: (B, branches, 1, 1, 1)."""

    def __init__(self, channels: int, branches: int):
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Linear(channels, GATE_HIDDEN, bias=False), nn.ReLU(), nn.Linear(GATE_HIDDEN, branches), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        return whole(x, lambda pixels: self.weigh(pixels.mean(2)))[..., None, None, None]


class Fsc(nn.Module):
    """Frequency-separable convolution: a depthwise 3x3 each for low and high frequencies, gated."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.low = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.high = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.gates = Gates(channels, 2)
        self.narrow = nn.Conv2d(channels, channels // NARROWED, 1)
        self.widen = nn.Conv2d(channels // NARROWED, out, 1)

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        gates = self.gates(x, whole)
        low = self.low(x)
        mixed = gates[:, 0] * low + gates[:, 1] * self.high(x - low)
        return self.widen(F.relu(self.narrow(mixed)))


class Dsc(nn.Module):
    """Direction-separable convolution: along rows, along columns and the difference of both, gated."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.horizontal = nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), groups=channels, bias=False)
        self.vertical = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), groups=channels, bias=False)
        self.gates = Gates(channels, 3)
        self.narrow = nn.Conv2d(channels, channels // NARROWED, 1)
        self.widen = nn.Conv2d(channels // NARROWED, out, 1)

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        gates = self.gates(x, whole)
        along, across = self.horizontal(x), self.vertical(x)
        mixed = gates[:, 0] * along + gates[:, 1] * across + gates[:, 2] * (along - across)
        return self.widen(self.narrow(mixed))


class Plain(nn.Conv2d):
    """A plain 3x3 convolution in place of FSC and DSC, for ablations."""

    def __init__(self, channels: int, out: int):
        super().__init__(channels, out, 3, padding=1)

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        return super().forward(x)


class Qgam(nn.Module):
    """Query-driven global aggregation: learned queries gather from all pixels, and each pixel reads the results
    (equations 14, 15).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.norm = Norm(channels)
        self.queries = nn.Parameter(torch.randn(QUERIES, QUERY_WIDTH) / QUERY_WIDTH**0.5)
        self.gathered = nn.Linear(channels, 2 * QUERY_WIDTH, bias=False)
        self.offered = nn.Linear(QUERY_WIDTH, 2 * QUERY_WIDTH, bias=False)
        self.asked = nn.Conv2d(channels, QUERY_WIDTH, 1, bias=False)
        self.leave = nn.Conv2d(QUERY_WIDTH, channels, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        seen = self.norm(x)
        keys, values = self.offered(whole(seen, self.gather)).chunk(2, -1)
        asked = self.asked(seen).flatten(2).transpose(1, 2)
        answers = F.scaled_dot_product_attention(asked, keys, values)
        return x + self.leave(answers.transpose(1, 2).unflatten(2, x.shape[2:]))

    def gather(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (B, C, n) -> the result of each query (B, QUERIES, QUERY_WIDTH)."""
        keys, values = self.gathered(pixels.transpose(1, 2)).chunk(2, -1)
        return F.scaled_dot_product_attention(self.queries.expand(len(pixels), -1, -1).to(keys), keys, values)


class SelfAttention(nn.Module):
    """Self-attention within a window, in place of QGAM, for ablations."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = Norm(channels)
        self.enter = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.leave = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        parts = self.enter(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, -1)
        answers = F.scaled_dot_product_attention(*parts)
        return x + self.leave(answers.transpose(1, 2).unflatten(2, x.shape[2:]))


class ResBlock(nn.Module):
    """`fsc`, `dsc`: use FSC for the first and DSC for the second convolution, instead of plain ones."""

    def __init__(self, channels: int, out: int, fsc: bool, dsc: bool):
        super().__init__()
        self.norms = nn.ModuleList([Norm(channels), Norm(out)])
        self.first = (Fsc if fsc else Plain)(channels, out)
        self.second = (Dsc if dsc else Plain)(out, out)
        self.past = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        found = self.first(F.silu(self.norms[0](x)), whole)
        return self.past(x) + self.second(F.silu(self.norms[1](found)), whole)


class SlimUnet(nn.Module):
    """Features (B, widths[0], h, w), h and w multiples of 2 ** (levels - 1) -> the same shape."""

    def __init__(self, widths: tuple[int, ...], blocks: int, fsc: bool, dsc: bool, qgam: bool):
        super().__init__()

        def level(enters: list[int], width: int) -> nn.ModuleList:
            attention = Qgam if qgam else SelfAttention
            pairs = [(ResBlock(channels, width, fsc, dsc), attention(width)) for channels in enters]
            return nn.ModuleList(part for pair in pairs for part in pair)

        self.downward = nn.ModuleList(level([width] * blocks, width) for width in widths)
        self.upward = nn.ModuleList(level([2 * width] + [width] * (blocks - 1), width) for width in reversed(widths))
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(4 * fine, coarse, 1) for fine, coarse in steps)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in reversed(steps))
        self.bottom = ResBlock(widths[-1], widths[-1], fsc, dsc)

    def forward(self, x: torch.Tensor, whole: Whole) -> torch.Tensor:
        kept = []
        for number, level in enumerate(self.downward):
            x = through(level, x, whole)
            kept.append(x)
            if number < len(self.down):
                x = self.down[number](F.pixel_unshuffle(x, 2))
        x = self.bottom(x, whole)
        for number, level in enumerate(self.upward):
            x = through(level, torch.cat([x, kept.pop()], 1), whole)
            if number < len(self.up):
                x = F.pixel_shuffle(self.up[number](x), 2)
        return x


def through(level: nn.ModuleList, x: torch.Tensor, whole: Whole) -> torch.Tensor:
    for part in level:
        x = part(x, whole)
    return x
