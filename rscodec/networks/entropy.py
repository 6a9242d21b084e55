"""The context model in its trainable form: the walk of rscodec/codec/entropy.py on torch, with gradients.

Training sends rounded latents back for each pass.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec import rate
from rscodec.codec.arrays import shuffle, unshuffle
from rscodec.codec.entropy import (
    ANCHORS,
    MU_LIMIT,
    OTHERS,
    SCALE_MAX,
    SCALE_MIN,
    SCALES,
    UNIT,
    Z_STRIDE,
    Z_UNIT,
    compand,
)
from rscodec.codec.integer import BIAS_UNIT
from rscodec.networks.integer import Depthwise, Pointwise, round_through


def scale_of(index: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation, in quantisation steps, of a scale index."""
    return SCALE_MIN * torch.exp(index * (math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)))


def index_of(scale: torch.Tensor) -> torch.Tensor:
    """Invert `scale_of`. The result is not rounded, and stays within the table."""
    return (torch.log(scale / SCALE_MIN) * ((SCALES - 1) / math.log(SCALE_MAX / SCALE_MIN))).clamp(0, SCALES - 1)


def split(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Split (B, H, W, C) into the anchors (B, n, C) and the others (B, m, C), each two interleaved grids in
    sequence.
    """
    anchors, others = (
        torch.cat([x[:, r::2, c::2].flatten(1, 2) for r, c in phases], 1) for phases in (ANCHORS, OTHERS)
    )
    return anchors, others


def place(grid: torch.Tensor, rows: torch.Tensor, anchors: bool) -> torch.Tensor:
    """Return (B, H, W, C) with the rows from `split` written back."""
    grid, start = grid.clone(), 0
    for r, c in ANCHORS if anchors else OTHERS:
        height, width = grid[0, r::2, c::2].shape[:2]
        grid[:, r::2, c::2] = rows[:, start : start + height * width].unflatten(1, (height, width))
        start += height * width
    return grid


def four_neighbours(x: torch.Tensor) -> torch.Tensor:
    """Return the neighbours (B, H, W, 4C) in (B, H, W, C): above, below, left, right. Outside the map, they are
    zero.
    """
    padded = F.pad(x, (0, 0, 1, 1, 1, 1))
    return torch.cat([padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]], -1)


@dataclass
class Pass:
    """What is known of one pass before its latents are known: rows of (B, n, channels)."""

    channels: slice
    anchors: bool
    mu: torch.Tensor
    index: torch.Tensor


class HyperAnalysis(nn.Module):
    """Computes z (B, h/4, w/4, Z) from y in steps (B, h, w, N), where h and w are multiples of 4. Only the encoder runs
    it, so it uses floats.
    """

    def __init__(self, latents: int, features: int, hyper: int):
        super().__init__()
        self.enter = nn.Linear(latents, features)
        self.middle = nn.Linear(4 * features, features)
        self.leave = nn.Linear(4 * features, hyper)

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        squeezed = compand(y * UNIT) / 32
        features = F.leaky_relu(self.enter(squeezed), 0.1)
        features = F.leaky_relu(self.middle(unshuffle(features)), 0.1)
        return self.leave(unshuffle(features))


class HyperSynthesis(nn.Module):
    """Computes the features (B, 4h, 4w, F) from z^ (B, h, w, Z). One vector per level tells it the quality."""

    def __init__(self, hyper: int, narrow: int, features: int):
        super().__init__()
        self.first = Pointwise(hyper, 4 * narrow)
        self.levels = nn.Parameter(torch.zeros(rate.LEVELS, 4 * narrow))
        self.spatial = Depthwise(narrow)
        self.second = Pointwise(narrow, 4 * features)
        self.blend = Depthwise(features)
        self.last = Pointwise(features, features)

    def forward(self, z: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        x = shuffle(self.first(z * Z_UNIT, level[:, None, None]))
        x = shuffle(self.second(self.spatial(x)))
        return self.last(self.blend(x))


class Group(nn.Module):
    """The context networks of one channel group. `known` channels come before its own `count` channels."""

    def __init__(self, known: int, count: int, features: int):
        super().__init__()
        self.known, self.count = known, count
        self.mix = Pointwise(features + known, features)
        self.spatial = Depthwise(features)
        self.anchor_hidden = Pointwise(features, features)
        self.anchor_mu = Pointwise(features, count, activation=False, limit=MU_LIMIT)
        self.anchor_index = Pointwise(features, count, activation=False, limit=SCALES - 1, lowest=0)
        self.other_hidden = Pointwise(features + 4 * count, features)
        self.other_mu = Pointwise(features, count, activation=False, limit=MU_LIMIT)
        self.other_index = Pointwise(features, count, activation=False, limit=SCALES - 1, lowest=0)
        with torch.no_grad():
            for head in (self.anchor_mu, self.other_mu):
                head.weight.mul_(0.1)
            for head in (self.anchor_index, self.other_index):
                head.weight.mul_(0.3)
                head.bias.fill_(20 / BIAS_UNIT)


class EntropyModel(nn.Module):
    """Everything between latents and symbols: `hyper_analysis` in floats; everything else is the exact path."""

    def __init__(self, groups: tuple[int, ...], features: int, hyper: int, narrow: int):
        super().__init__()
        self.latents, self.hyper_channels = sum(groups), hyper
        self.hyper_analysis = HyperAnalysis(self.latents, features, hyper)
        self.hyper = HyperSynthesis(hyper, narrow, features)
        self.groups = nn.ModuleList(Group(sum(groups[:g]), count, features) for g, count in enumerate(groups))
        self.z_mu = nn.Parameter(torch.zeros(rate.LEVELS, hyper))  # in steps
        self.z_index = nn.Parameter(torch.full((rate.LEVELS, hyper), 24.0 / BIAS_UNIT))

    def analyse(self, y: torch.Tensor) -> torch.Tensor:
        """Return z of latents y (B, h, w, N) in steps, for any h and w."""
        h, w = y.shape[1:3]
        return self.hyper_analysis(F.pad(y, (0, 0, 0, -w % Z_STRIDE, 0, -h % Z_STRIDE)))

    def walk(
        self, z: torch.Tensor, level: torch.Tensor, height: int, width: int, groups: int | None = None
    ) -> Generator[Pass, torch.Tensor, torch.Tensor]:
        """Yield each pass and receive its y^ (B, n, channels) in units. Return the whole y^ (B, height, width, N).

        If `groups` is given, the walk stops after that many channel groups.
        """
        h = self.hyper(z, level)[:, :height, :width]
        known: list[torch.Tensor] = []
        seen: list[torch.Tensor] = []
        for group in cast("list[Group]", self.groups[:groups]):
            channels = slice(group.known, group.known + group.count)
            u = group.spatial(group.mix(torch.cat([h, *seen], -1)))
            u_anchors, u_others = split(u)

            features = group.anchor_hidden(u_anchors)
            anchors = yield Pass(channels, True, *_heads(group.anchor_mu, group.anchor_index, features))
            own = place(anchors.new_zeros(*h.shape[:3], group.count), anchors, True)

            around = split(four_neighbours(_context(own)))[1]
            features = group.other_hidden(torch.cat([u_others, around.to(u.dtype)], -1))
            others = yield Pass(channels, False, *_heads(group.other_mu, group.other_index, features))
            own = place(own, others, False)

            known.append(own)
            seen.append(_context(own).to(u.dtype))
        return torch.cat(known, -1)


def _heads(mu: nn.Module, index: nn.Module, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.autocast(features.device.type, enabled=False):  # mu needs more precision than the eight bits of bfloat16
        features = features.float()
        return mu(features), index(features)


def _context(y: torch.Tensor) -> torch.Tensor:
    """Return what later passes see of y^: companded, on the grid of activations."""
    return round_through(compand(y)) if y.requires_grad else torch.round(compand(y))
