"""LDM-RSIC: a latent diffusion model generates a compact prior of the distortion, and an enhancement network uses it.

                            noise --4 steps of the denoiser--> F^ (4 x 4 x N)
                                          ^                     |
    decoded window --LRM_DM--> D ---------+                     v
          +------------------------------------------------> MEN --> change

"Exploring Distortion Prior with Latent Diffusion Models for Remote Sensing Image Compression". One model serves all
rates: its input includes the quality of the stream, or an estimate of the compression from the pixels (`takes`). A
model with `realism` also takes a number from 0 (the result is as close as possible) to 1 (it looks as real as
possible), and its prior is drawn from a distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.codec.transforms import SLOPE
from rscodec.enhancers.base import Enhancer
from rscodec.enhancers.men import TOKENS, Men
from rscodec.enhancers.prior import Denoiser, Lrm, normalised
from rscodec.enhancers.strength import SCALES, remaining_detail
from rscodec.generative.diffusion.samplers import ancestral, normal, posterior_mean
from rscodec.generative.diffusion.schedules import linear
from rscodec.models.model_file import Config, read_model, write_model

FORMAT = "rscodec-ldm-1"
TRAINING_ONLY = ("lrm.",)  # it needs the original, so it does not ship
KNOWN = 16  # number of features that describe the compression


@dataclass(frozen=True)
class LdmConfig(Config):
    """Everything needed to rebuild the modules of a checkpoint. `window` is also the edge of training crops."""

    takes: str = "stream"
    window: int = 128
    overlap: int = 32
    widths: tuple[int, int, int] = (48, 96, 144)
    blocks: tuple[int, int, int] = (4, 3, 3)
    heads: int = 4
    prior: int = 64
    raised: int = 16
    steps: int = 4
    lrm_width: int = 64
    lrm_blocks: int = 3
    denoiser_width: int = 128
    denoiser_blocks: int = 3
    realism: bool = False


class LdmRsic(nn.Module):
    """The networks of both stages. Images are (B, 3, W, W) in 0..1, priors (B, N, 4, 4)."""

    def __init__(self, config: LdmConfig):
        super().__init__()
        self.config = config
        sees = 1 + config.realism if config.takes == "stream" else SCALES
        self.compression = nn.Sequential(nn.Linear(sees, KNOWN), nn.LeakyReLU(SLOPE), nn.Linear(KNOWN, KNOWN))
        self.men = Men(config.window, config.widths, config.blocks, config.heads, config.prior, config.raised, KNOWN)
        self.lrm = Lrm(2, config.lrm_width, config.lrm_blocks, config.prior)
        self.lrm_dm = Lrm(1, config.lrm_width, config.lrm_blocks, config.prior)
        self.denoiser = Denoiser(config.prior, KNOWN, config.denoiser_width, config.denoiser_blocks, config.steps)
        self.schedule = linear(config.steps)

    def known(self, decoded: torch.Tensor, quality: torch.Tensor | None, realism: float = 0.0) -> torch.Tensor:
        """Features (B, E) of the compression: from qualities (B,) and the realism if there are any, else from the
        pixels.
        """
        if self.config.takes == "raster":
            return self.compression(remaining_detail(decoded))
        middle, half = (QUALITY_MAX + QUALITY_MIN) / 2, (QUALITY_MAX - QUALITY_MIN) / 2
        seen = ((quality - middle) / half)[:, None]
        if self.config.realism:
            seen = torch.cat([seen, torch.full_like(seen, realism)], 1)
        return self.compression(seen)

    def learnt_prior(self, decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
        """The prior of stage I, from both images."""
        return self.lrm(torch.cat([decoded, original], 1))

    def generated_prior(
        self, decoded: torch.Tensor, known: torch.Tensor, start: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The prior of stage II: F^ from F_T."""
        seen, sampler = self.lrm_dm(decoded), ancestral if self.config.realism else posterior_mean
        found = sampler(lambda x, step: self.denoiser(x, seen, step, known).float(), start, self.schedule, generator)
        return normalised(found)

    def no_prior(self, decoded: torch.Tensor) -> torch.Tensor:
        return decoded.new_zeros(len(decoded), *self.prior_shape)

    @property
    def prior_shape(self) -> tuple[int, int, int]:
        return self.config.prior, TOKENS, TOKENS


class LdmEnhancer(Enhancer):
    """A weights file on a device."""

    form = FORMAT

    def __init__(self, path: Path, device: str = "cpu"):
        file = read_model(path, FORMAT, "enhancer", LdmConfig, facts=("codecs",))
        self.model, self.weights_hash, self.codecs = file.model, file.weights_hash, tuple(file.facts["codecs"])
        self.takes, self.window, self.overlap = file.config.takes, file.config.window, file.config.overlap
        self.device = torch.device(device)
        self._net = file.load_into(LdmRsic(file.config), TRAINING_ONLY, device)

    @torch.inference_mode()
    def change(self, pixels: np.ndarray, quality: float | None, seed: int) -> np.ndarray:
        """For a raster, the mean of the changes of the window and of its transpose, because JPEG2000 treats rows and
        columns alike.
        """
        net = self._net
        x = torch.from_numpy(pixels)[None].to(self.device)
        views = torch.cat([x, x.mT]) if self.takes == "raster" else x
        views = views.contiguous(memory_format=torch.channels_last)
        known = net.known(views, None if quality is None else torch.tensor([quality], device=self.device))
        generator = torch.Generator().manual_seed(seed)
        start = normal((1, *net.prior_shape), generator, self.device).expand(len(views), -1, -1, -1)
        found = net.men(views, net.generated_prior(views, known, start, generator), known)
        if self.takes == "raster":
            found = (found[:1] + found[1:].mT) / 2
        return found[0].cpu().numpy()


def write_weights(path: Path, model: str, net: LdmRsic, codecs: tuple[str, ...]) -> None:
    """Write the weights file of a trained model. `codecs`: hashes of the codec weights that it was measured with."""
    write_model(path, FORMAT, model, net, TRAINING_ONLY, codecs=codecs)
