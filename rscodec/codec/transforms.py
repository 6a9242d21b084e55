"""The float transforms: pixels <-> latents. They decide quality, never decodability.

    analysis                                             synthesis
    x (3) in 0..1                                        y^ (N), stride 16, in 8-bit units
      |  unshuffle 8, 1x1 -> C                             |  / spread, 1x1, shuffle 2 -> C at stride 8
      |  blocks at stride 8                                |  blocks at stride 8
      |  unshuffle 2, 1x1 -> N, * spread                   |  1x1, shuffle 2 -> T at stride 4, block
      + stride-16 linear shortcut (the KLT)                |  1x1, shuffle 4 -> 3
      v                                                    + transposed linear shortcut, + 0.5
    y (N), stride 16                                       v
                                                         x^ (3)

The shortcut is initialised with the principal components of 16x16x3 blocks, so an untrained model is already a block
transform coder and training goes into what a linear transform cannot do. `spread` is each component's standard
deviation: it brings latents, which span three orders of magnitude, to a scale that a network likes.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

STRIDE = 16
SLOPE = 0.05


class Block(nn.Module):
    """x + 1x1(dw3x3(act(1x1 x))), then x + 1x1(fold(act(1x1 -> 4C))): only products that a CPU runs near its peak."""

    def __init__(self, channels: int):
        super().__init__()
        self.enter = nn.Conv2d(channels, channels, 1)
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.leave = nn.Conv2d(channels, channels, 1)
        self.expand = nn.Conv2d(channels, 4 * channels, 1)
        self.contract = nn.Conv2d(2 * channels, channels, 1)
        with torch.no_grad():
            self.leave.weight.mul_(0.5)
            self.contract.weight.mul_(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.leave(self.spatial(F.leaky_relu(self.enter(x), SLOPE, inplace=True)))
        a, b = F.leaky_relu(self.expand(x), SLOPE, inplace=True).chunk(2, 1)
        return x + self.contract(a + b)


class Analysis(nn.Module):
    """Pixels (B, 3, H, W), H and W multiples of 16 -> latents (B, N, H/16, W/16) in 8-bit units, before the gain."""

    def __init__(self, width: int, latents: int, blocks: int):
        super().__init__()
        self.stem = nn.Conv2d(3 * 64, width, 1)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.head = nn.Conv2d(4 * width, latents, 1)
        self.linear = nn.Conv2d(3, latents, STRIDE, STRIDE, bias=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor, gain: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        centred = x - 0.5
        features = self.blocks(self.stem(F.pixel_unshuffle(2 * centred, 8)) * gain)
        refinement = self.head(F.pixel_unshuffle(features, 2))
        return self.linear(255 * centred) + refinement * spread


class Synthesis(nn.Module):
    """Latents (B, N, h, w) in 8-bit units -> pixels (B, 3, 16h, 16w)."""

    def __init__(self, width: int, latents: int, blocks: int, tail: int):
        super().__init__()
        self.stem = nn.Conv2d(latents, 4 * width, 1)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.narrow = nn.Conv2d(width, 4 * tail, 1)
        self.tail = Block(tail)
        self.head = nn.Conv2d(tail, 3 * 16, 1)
        self.linear = nn.ConvTranspose2d(latents, 3, STRIDE, STRIDE, bias=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, y: torch.Tensor, gain: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        features = self.blocks(F.pixel_shuffle(self.stem(y / spread), 2) * gain)
        features = self.tail(F.pixel_shuffle(self.narrow(features), 2))
        refinement = F.pixel_shuffle(self.head(features), 4)
        return (self._linear(y).to(y.dtype) / 255).add_(refinement, alpha=1 / 8).add_(0.5)

    def sketch(self, y: torch.Tensor, detail: int) -> torch.Tensor:
        """What the linear shortcut alone makes of the first channels of y, at `detail` x `detail` pixels a latent."""
        kernels = F.avg_pool2d(self.linear.weight[: y.shape[1]], STRIDE // detail)
        return F.conv_transpose2d(y, kernels, stride=detail) / 255 + 0.5

    def _linear(self, y: torch.Tensor) -> torch.Tensor:
        """self.linear(y) as one matrix product, since its kernels do not overlap: three times as fast on a CPU."""
        pointwise = self.linear.weight.flatten(1).t()[..., None, None]
        return F.pixel_shuffle(F.conv2d(y, pointwise), STRIDE)


def halo(blocks: int) -> int:
    """Latents around a tile that its pixels depend on: a block reaches one pixel of stride 8, the tail half of one."""
    return (blocks + 1 + 1) // 2


def border(blocks: int) -> int:
    """Latents' worth of pixels around a tile that its latents depend on."""
    return (blocks + 1) // 2
