"""E2DiffSR: a latent diffusion model generates the missing detail of a small image, and an implicit network amplifies
it to any scale.

                  noise --4 steps of the denoiser--> z^ (4, 1/8) --DPDecoder--> h1..h4
                                ^                                                 |
    I_LR --bicubic--> CondNet --+                                                 v
      +---------------------------------------------------------------------> branch --CSUM--> detail

"Latent Diffusion, Implicit Amplification: Efficient Continuous-Scale Super-Resolution for Remote Sensing Images". One
model serves all scales. All images of a batch have the same scale.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

from rscodec.generative.diffusion.samplers import ancestral, normal
from rscodec.generative.diffusion.schedules import linear
from rscodec.models.model_file import Config, read_model, write_model
from rscodec.upsamplers.base import Upsampler, window_edge
from rscodec.upsamplers.branch import Branch
from rscodec.upsamplers.csum import Csum
from rscodec.upsamplers.denoiser import Denoiser
from rscodec.upsamplers.maps import resize
from rscodec.upsamplers.prior import CHANNELS, STRIDE, CondNet, DPDecoder, DPEncoder

FORMAT = "rscodec-e2diff-1"
TRAINING_ONLY = ("encoder.",)  # it needs the original, so it does not ship
SCALE_UNIT = 3.0  # log2 of 8, the largest scale in training


@dataclass(frozen=True)
class E2DiffConfig(Config):
    """Everything needed to rebuild the modules of a checkpoint. `window` and `large`: the longest edges of windows
    before and after upsampling.
    """

    window: int = 128
    large: int = 512
    overlap: int = 16
    features: int = 64
    blocks: int = 3
    prior_width: int = 16
    prior_blocks: int = 2
    levels: int = 3
    sampled: int = 32
    hidden: int = 64
    condition_width: int = 96
    condition_blocks: int = 5
    denoiser_width: int = 96
    denoiser_blocks: int = 5
    steps: int = 4
    betas: tuple[float, float] = (0.1, 0.99)


SMALL = E2DiffConfig()
PAPER = E2DiffConfig(
    blocks=6,
    prior_width=64,
    hidden=256,
    sampled=64,
    condition_width=320,
    condition_blocks=9,
    denoiser_width=448,
    denoiser_blocks=9,
)
CONFIGS = {"small": SMALL, "paper": PAPER}


class E2DiffSr(nn.Module):
    """The networks of both stages. Images are (B, 3, H, W) in 0..1, priors (B, 4, H/8, W/8) with
    about unit variance.
    """

    def __init__(self, config: E2DiffConfig):
        super().__init__()
        self.config = config
        self.encoder = DPEncoder(config.prior_width, config.prior_blocks)
        self.decoder = DPDecoder(config.prior_width, config.prior_blocks)
        self.condition_net = CondNet(config.condition_width, config.condition_blocks)
        self.denoiser = Denoiser(config.denoiser_width, config.denoiser_blocks, config.steps)
        self.branch = Branch(config.features, config.blocks, self.decoder.widths)
        self.csum = Csum(config.features, config.levels, config.sampled, config.hidden)
        self.schedule = linear(config.steps, *config.betas)
        self.register_buffer("spread", torch.ones(1, CHANNELS, 1, 1))  # of the encoder's means, measured in stage two

    def generated(
        self, condition: torch.Tensor, scale: float, start: torch.Tensor, generator: torch.Generator | None
    ) -> torch.Tensor:
        """Generate z^ from z_T, through all steps."""
        about = self.scale_feature(scale)

        def noise(x: torch.Tensor, step: int) -> torch.Tensor:
            return self.schedule.noise_in(x, self.denoiser(x, condition, step, about), step)

        return ancestral(noise, start, self.schedule, generator)

    def change(
        self, small: torch.Tensor, prior: torch.Tensor, rows: np.ndarray, cols: np.ndarray, scale: float
    ) -> torch.Tensor:
        """The detail to add to bicubic interpolation of small images at these coordinates, given their prior."""
        about = self.scale_feature(scale)
        features = self.branch(small, self.decoder(prior * self.spread), about)
        return self.csum(features, rows, cols, about)

    def scale_feature(self, scale: float) -> torch.Tensor:
        return torch.full((1, 1), math.log2(scale) / SCALE_UNIT, device=self.spread.device)


def latents(edge: int, scale: float) -> int:
    """The number of latents that cover an edge at a scale, evenly spaced."""
    return max(1, round(scale * edge / STRIDE))


class E2DiffUpsampler(Upsampler):
    """A weights file on a device."""

    form = FORMAT

    def __init__(self, path: Path, device: str = "cpu"):
        file = read_model(path, FORMAT, "upsampler", E2DiffConfig)
        self.model, self.weights_hash, self.overlap = file.model, file.weights_hash, file.config.overlap
        self.device = torch.device(device)
        self.net = file.load_into(E2DiffSr(file.config), TRAINING_ONLY, device)

    def window(self, scale: float) -> int:
        return window_edge(self.net.config, scale)

    def deterministic(self) -> E2DiffUpsampler:
        """The same model with the prior from the condition network, without noise and denoiser."""
        found = copy(self)
        found.draws = False
        return found

    @torch.inference_mode()
    def detail(
        self, pixels: np.ndarray, rows: np.ndarray, cols: np.ndarray, scale: float, seed: int, surveyed: None = None
    ) -> np.ndarray:
        net = self.net
        small = torch.from_numpy(pixels)[None].to(self.device, memory_format=torch.channels_last)
        long = latents(pixels.shape[1], scale)
        prior = net.condition_net(resize(small, STRIDE * long, STRIDE * long))
        if self.draws:
            generator = torch.Generator().manual_seed(seed)
            start = normal((1, CHANNELS, long, long), generator, self.device)
            prior = net.generated(prior, scale, start, generator)
        return net.change(small, prior, rows, cols, scale)[0].cpu().numpy()


def write_weights(path: Path, model: str, net: E2DiffSr) -> None:
    """Write the weights file of a trained model."""
    write_model(path, FORMAT, model, net, TRAINING_ONLY)
