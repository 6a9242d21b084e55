"""The U-Net of all learned models of carbon. The additions of IIDM are options.

x --enter--> level 0 --half--> level 1 --half--> level 2 --half--> level 3
                |                 |                 |  (cross-attention to f(i) at the last two levels)
y <--leave-- level 0 <-double- level 1 <-double- level 2 <-double- level 3

double    nearest-neighbour upsampling and a convolution, or a coordinate MLP (equation 3)
embedded  a vector for each picture that shifts every block; it encodes the amount of noise
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F

GROUPS = 4
HEADS = 4
ATTENTIVE = 2  # the number of coarsest levels that attend to the condition


class Block(nn.Module):
    """Two convolutions and a shortcut. The embedding is added between the convolutions."""

    def __init__(self, before: int, after: int, embedding: int):
        super().__init__()
        self.norm_in, self.norm_mid = nn.GroupNorm(GROUPS, before), nn.GroupNorm(GROUPS, after)
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        self.shift = nn.Linear(embedding, after) if embedding else None

    def forward(self, x: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        h = self.first(F.silu(self.norm_in(x)))
        if self.shift is not None:
            h = h + self.shift(embedded)[:, :, None, None]
        return self.shortcut(x) + self.second(F.silu(self.norm_mid(h)))


class CrossAttention(nn.Module):
    """u + attention(queries from u(i), keys and values from f(i))."""

    def __init__(self, channels: int, condition: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.query = nn.Conv2d(channels, channels, 1)
        self.answer = nn.Conv2d(condition, 2 * channels, 1)
        self.leave = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, u: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part.flatten(2).unflatten(1, (HEADS, -1)).transpose(2, 3)
            for part in (self.query(self.norm(u)), *self.answer(f).chunk(2, 1))
        )
        found = F.scaled_dot_product_attention(query, key, value)
        return u + self.leave(found.transpose(2, 3).flatten(1, 2).unflatten(2, u.shape[2:]))


class Double(nn.Module):
    """Nearest-neighbour upsampling, then a convolution."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.mix = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(F.interpolate(x, scale_factor=2, mode="nearest"))


class CoordinateDouble(nn.Module):
    """An MLP computes each fine pixel from the feature of the coarse pixel that contains it, and from its coordinate in
    that pixel.
    """

    def __init__(self, before: int, after: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv2d(before + 2, after, 1), nn.SiLU(), nn.Conv2d(after, after, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        within = x.new_tensor([-0.5, 0.5])
        rows, columns = within.repeat(height)[:, None], within.repeat(width)[None]
        place = torch.stack(torch.broadcast_tensors(rows, columns)).expand(count, -1, -1, -1)
        return self.mlp(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), place], 1))


class UNet(nn.Module):
    """`widths`: channels by level. `condition`: channels of f(i) by level, if there is attention."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: Sequence[int],
        embedding: int = 0,
        condition: Sequence[int] = (),
        coordinates: bool = False,
    ):
        super().__init__()
        self.enter = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.inward = nn.ModuleList(Block(width, width, embedding) for width in widths)
        pairs = list(pairwise(widths))
        self.coarser = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairs)
        double = CoordinateDouble if coordinates else Double
        self.finer = nn.ModuleList(double(coarse, fine) for fine, coarse in pairs)
        self.outward = nn.ModuleList(Block(2 * fine, fine, embedding) for fine, _ in pairs)
        attentive = range(len(widths) - ATTENTIVE, len(widths)) if condition else ()
        self.attention = nn.ModuleDict({str(at): CrossAttention(widths[at], condition[at]) for at in attentive})
        self.leave = nn.Sequential(
            nn.GroupNorm(GROUPS, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], outputs, 3, padding=1)
        )

    def layers(
        self, x: torch.Tensor, embedded: torch.Tensor | None = None, condition: Sequence[torch.Tensor] = ()
    ) -> list[torch.Tensor]:
        """The outputs of every block: from level 0 inward, then outward to level 0."""
        found: list[torch.Tensor] = []
        for level, block in enumerate(self.inward):
            x = block(self.coarser[level - 1](found[-1]) if level else self.enter(x), embedded)
            if str(level) in self.attention:
                x = self.attention[str(level)](x, condition[level])
            found.append(x)
        for level in self._outward:
            x = self.outward[level](torch.cat([self.finer[level](x), found[level]], 1), embedded)
            found.append(x)
        return found

    def blocks(self) -> list[list[nn.Module]]:
        entries = [self.enter, *self.coarser]
        inward = [
            [entries[level], block, *([self.attention[str(level)]] if str(level) in self.attention else [])]
            for level, block in enumerate(self.inward)
        ]
        return [*inward, *([self.finer[level], self.outward[level]] for level in self._outward)]

    @property
    def _outward(self) -> range:
        return range(len(self.outward) - 1, -1, -1)

    def forward(
        self, x: torch.Tensor, embedded: torch.Tensor | None = None, condition: Sequence[torch.Tensor] = ()
    ) -> torch.Tensor:
        return self.leave(self.layers(x, embedded, condition)[-1])
