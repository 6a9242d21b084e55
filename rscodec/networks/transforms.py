"""The float transforms in their trainable form. rscodec/codec/transforms.py describes the data flow.

The shortcut is initialised with the principal components of 16x16x3 blocks, so an untrained model is already a block
transform coder. Training then learns what a linear transform cannot do. `spread` is each component's standard
deviation. It scales the latents, which span three orders of magnitude, to a range that suits a network.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec.config import STRIDE
from rscodec.codec.transforms import SLOPE


class Pointwise(nn.Conv2d):
    """A 1x1 convolution as one matrix product over channels_last memory. It needs no im2col at any batch size."""

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class _Fold(torch.autograd.Function):
    """The sum of the two halves of act(x), (..., 2C) -> (..., C). Its gradient is one pass over memory."""

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
    """Activate (B, 2C, H, W) and add its two halves: (B, C, H, W)."""
    return _Fold.apply(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Computes x + 1x1(dw3x3(act(1x1 x))), then x + 1x1(fold(1x1 -> 4C)). A CPU runs these products near its peak."""

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
    """Computes latents (B, N, H/16, W/16) in 8-bit units, before the gain, from pixels (B, 3, H, W). H and W are
    multiples of 16.
    """

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
    """Computes pixels (B, 3, 16h, 16w) from latents (B, N, h, w) in 8-bit units.

    `blocks` is the number of blocks at stride 8, 4 and 2.
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

    def _linear(self, y: torch.Tensor) -> torch.Tensor:
        """Compute self.linear(y) as one matrix product, since kernels do not overlap: three times as fast on a CPU."""
        pointwise = self.linear.weight.flatten(1).t()[..., None, None]
        return F.pixel_shuffle(F.conv2d(y, pointwise), STRIDE)


class Detail(nn.Module):
    """Computes a refinement (B, 3, 4H, 4W) from features (B, T, H, W) at stride 4, with blocks at stride 2."""

    def __init__(self, tail: int, width: int, blocks: int):
        super().__init__()
        self.narrow = Pointwise(tail, 4 * width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.head = Pointwise(width, 3 * 4)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(self.head(self.blocks(F.pixel_shuffle(self.narrow(features), 2))), 2)
