"""The float transforms: pixels <-> latents. They decide quality, never decodability.

    analysis                                             synthesis
    x (3) in 0..1                                        y^ (N), stride 16, in 8-bit units
      |  unshuffle 8, 1x1 -> C                             |  / spread, 1x1, shuffle 2 -> C at stride 8
      |  blocks at stride 8                                |  blocks at stride 8
      |  unshuffle 2, 1x1 -> N, * spread                   |  1x1, shuffle 2 -> T at stride 4, blocks
      + stride-16 linear shortcut (the KLT)                |--- 1x1, shuffle 4 -> 3 -----------------+
      v                                                    |  1x1, shuffle 2 -> D at stride 2, blocks|
    y (N), stride 16                                       |  1x1, shuffle 2 -> 3                    |
                                                           + <---------------------------------------+
                                                           + transposed linear shortcut, + 0.5
                                                           v
                                                         x^ (3)

Not every model has blocks at stride 2 (`detail` = 0).

The shortcut is initialised with the principal components of 16x16x3 blocks, so an untrained model is already a block
transform coder and training goes into what a linear transform cannot do. `spread` is each component's standard
deviation: it brings latents, which span three orders of magnitude, to a scale that a network likes.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

STRIDE = 16
SLOPE = 0.05


class Pointwise(nn.Conv2d):
    """1x1 convolution as one matrix product over channels_last memory: no im2col at any batch size."""

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class _Fold(torch.autograd.Function):
    """The sum of the two halves of act(x) (..., 2C) -> (..., C); its gradient is one pass over memory."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        a, b = F.leaky_relu(x, SLOPE).chunk(2, -1)
        return a + b

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        halves = x.unflatten(-1, (2, -1))
        return torch.ops.aten.leaky_relu_backward(gradient.unsqueeze(-2), halves, SLOPE, False).flatten(-2)


def fold(x: torch.Tensor) -> torch.Tensor:
    """(B, 2C, H, W) -> (B, C, H, W): both halves through the activation, added."""
    return _Fold.apply(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """x + 1x1(dw3x3(act(1x1 x))), then x + 1x1(fold(1x1 -> 4C)): only products that a CPU runs near its peak."""

    def __init__(self, channels: int):
        super().__init__()
        self.enter = Pointwise(channels, channels)
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.leave = Pointwise(channels, channels)
        self.expand = Pointwise(channels, 4 * channels)
        self.contract = Pointwise(2 * channels, channels)
        with torch.no_grad():
            self.leave.weight.mul_(0.5)
            self.contract.weight.mul_(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.leave(self.spatial(F.leaky_relu(self.enter(x), SLOPE, inplace=True)))
        return x + self.contract(fold(self.expand(x)))


class Analysis(nn.Module):
    """Pixels (B, 3, H, W), H and W multiples of 16 -> latents (B, N, H/16, W/16) in 8-bit units, before the gain."""

    def __init__(self, width: int, latents: int, blocks: int):
        super().__init__()
        self.stem = Pointwise(3 * 64, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.head = Pointwise(4 * width, latents)
        self.linear = nn.Conv2d(3, latents, STRIDE, STRIDE, bias=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor, gain: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        centred = x - 0.5
        features = self.stem(F.pixel_unshuffle(2 * centred, 8))
        features = self.blocks(features * gain.to(features.dtype))
        refinement = self.head(F.pixel_unshuffle(features, 2))
        return self.linear(255 * centred) + refinement * spread


class Synthesis(nn.Module):
    """Latents (B, N, h, w) in 8-bit units -> pixels (B, 3, 16h, 16w).

    `blocks`: how many there are at stride 8, 4 and 2.
    """

    def __init__(self, width: int, latents: int, tail: int, detail: int, blocks: tuple[int, int, int]):
        super().__init__()
        self.stem = Pointwise(latents, 4 * width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks[0])])
        self.narrow = Pointwise(width, 4 * tail)
        self.tail = Block(tail)
        self.tail_blocks = nn.Sequential(*[Block(tail) for _ in range(blocks[1] - 1)])
        self.head = Pointwise(tail, 3 * 16)
        self.linear = nn.ConvTranspose2d(latents, 3, STRIDE, STRIDE, bias=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.detail = Detail(tail, detail, blocks[2]) if detail else None

    def forward(self, y: torch.Tensor, gain: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        features = F.pixel_shuffle(self.stem(y / spread), 2)
        features = self.blocks(features * gain.to(features.dtype))
        features = self.tail_blocks(self.tail(F.pixel_shuffle(self.narrow(features), 2)))
        refinement = F.pixel_shuffle(self.head(features), 4)
        if self.detail:
            refinement = refinement + self.detail(features)
        return (self._linear(y).to(y.dtype) / 255).add_(refinement, alpha=1 / 8).add_(0.5)

    def sketch(self, y: torch.Tensor, detail: int) -> torch.Tensor:
        """What the linear shortcut alone makes of the first channels of y, at `detail` x `detail` pixels a latent."""
        kernels = F.avg_pool2d(self.linear.weight[: y.shape[1]], STRIDE // detail)
        return F.conv_transpose2d(y, kernels, stride=detail) / 255 + 0.5

    def _linear(self, y: torch.Tensor) -> torch.Tensor:
        """self.linear(y) as one matrix product, since its kernels do not overlap: three times as fast on a CPU."""
        pointwise = self.linear.weight.flatten(1).t()[..., None, None]
        return F.pixel_shuffle(F.conv2d(y, pointwise), STRIDE)


class Detail(nn.Module):
    """Features (B, T, H, W) at stride 4 -> refinement (B, 3, 4H, 4W), by blocks at stride 2."""

    def __init__(self, tail: int, width: int, blocks: int):
        super().__init__()
        self.narrow = Pointwise(tail, 4 * width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.head = Pointwise(width, 3 * 4)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(self.head(self.blocks(F.pixel_shuffle(self.narrow(features), 2))), 2)


def halo(blocks: tuple[int, int, int]) -> int:
    """Latents around a tile that its pixels depend on: a block reaches one pixel of its stride, 8, 4 or 2."""
    return math.ceil((8 * blocks[0] + 4 * blocks[1] + 2 * blocks[2]) / STRIDE)


def border(blocks: int) -> int:
    """Latents' worth of pixels around a tile that its latents depend on."""
    return (blocks + 1) // 2
