"""The distortion prior of LDM-RSIC: a grid of 4 x 4 vectors that describes how compression changed a window.

stage I     F  = LRM(decoded, original)                      computed with the original
stage II    D  = LRM_DM(decoded);  F^ <- denoiser(F_t, D, t)      generated without the original
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec.transforms import SLOPE
from rscodec.enhancers.men import TOKENS

UNSHUFFLE = 8


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.enter = nn.Conv2d(channels, channels, 3, padding=1)
        self.leave = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.leave(F.leaky_relu(self.enter(x), SLOPE))


def normalised(prior: torch.Tensor) -> torch.Tensor:
    """Normalise a prior (B, N, 4, 4) to mean 0 and variance 1 over N, as diffusion expects. Learnt and generated priors
    are both normalised, so a generated prior stays within the range that the enhancer was trained on.
    """
    return F.layer_norm(prior.float().permute(0, 2, 3, 1), prior.shape[1:2]).permute(0, 3, 1, 2)


class Lrm(nn.Module):
    """Images (B, 3 * images, W, W) -> normalised prior (B, N, 4, 4)."""

    def __init__(self, images: int, width: int, blocks: int, prior: int):
        super().__init__()
        self.stem = nn.Conv2d(3 * images * UNSHUFFLE**2, width, 1)
        self.blocks = nn.Sequential(*[Residual(width) for _ in range(blocks)])
        self.read = nn.Sequential(nn.Linear(width, 2 * prior), nn.LeakyReLU(SLOPE), nn.Linear(2 * prior, prior))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.blocks(F.leaky_relu(self.stem(F.pixel_unshuffle(2 * images - 1, UNSHUFFLE)), SLOPE))
        pooled = F.adaptive_avg_pool2d(features, TOKENS).permute(0, 2, 3, 1)
        return normalised(self.read(pooled).permute(0, 3, 1, 2))

    def start_from(self, other: Lrm) -> None:
        """Copy the weights of an Lrm that takes more images after the same first ones. Stage II starts this way."""
        state = other.state_dict()
        state["stem.weight"] = state["stem.weight"][:, : self.stem.in_channels]
        self.load_state_dict(state)


class Mixer(nn.Module):
    """Tokens (B, 16, C): an MLP across tokens, then one within each token."""

    def __init__(self, width: int):
        super().__init__()
        tokens = TOKENS**2
        self.norm_between, self.norm_within = nn.LayerNorm(width), nn.LayerNorm(width)
        self.between = nn.Sequential(nn.Linear(tokens, 2 * tokens), nn.GELU(), nn.Linear(2 * tokens, tokens))
        self.within = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.between(self.norm_between(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm_within(x))


class Denoiser(nn.Module):
    """eps(F_t, D, t): the noise in a prior (B, N, 4, 4), given the decoded image's own prior D of the same shape."""

    def __init__(self, prior: int, known: int, width: int, blocks: int, steps: int):
        super().__init__()
        self.enter = nn.Linear(2 * prior, width)
        self.time = nn.Embedding(steps, width)
        self.compression = nn.Linear(known, width)
        self.blocks = nn.Sequential(*[Mixer(width) for _ in range(blocks)])
        self.leave = nn.Linear(width, prior)

    def forward(self, noisy: torch.Tensor, seen: torch.Tensor, step: int, known: torch.Tensor) -> torch.Tensor:
        """`step` counts from 1."""
        tokens = self.enter(torch.cat([noisy, seen], 1).flatten(2).transpose(1, 2))
        tokens = tokens + self.time.weight[step - 1] + self.compression(known)[:, None]
        return self.leave(self.blocks(tokens)).transpose(1, 2).unflatten(2, noisy.shape[2:])
