"""SlimDiffSR's teacher: a latent diffusion that restores in one step, at a time that suits what is to be restored.

    up(I_LR) --encode--> z_lr --Estimator--> z_mean, s = ln z_var                                            equation 5
    z (z_gt when it is trained, z_mean when it is judged), s --Pred--> alpha, a map --step_of, mean--> t     9 to 11
    z_lr, t --UNet--> v --> z = sqrt(alpha) z_lr - sqrt(1 - alpha) v --decode--> I_SR

Our reading of equations 9 to 11: z_lr is taken for a noisy z whose share of signal is alpha, pixel by pixel; the UNet
is told one time, the mean of the map. It is first a diffusion of many steps, `multi_step`, then adapted (lora.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.enhancers.prior import Residual
from rscodec.generative.diffusion.samplers import ddim, normal
from rscodec.generative.diffusion.schedules import Schedule, scaled_linear
from rscodec.models.model_file import Config
from rscodec.training.latent_unet import LatentUnet
from rscodec.training.lora import adapt
from rscodec.upsamplers.autoencoder import CHANNELS, Decoder, Encoder

LEAST, MOST = 0.05, 0.999  # of alpha
DDIM_STEPS, DDIM_SHARE = 50, 0.4  # and from where in the schedule: what is beyond would forget the image
LOG_VARIANCE = 10.0  # at most, either way


@dataclass(frozen=True)
class TeacherConfig(Config):
    """`timestep`: a fixed one instead of Estimator and Pred, the ablation."""

    width: int = 64
    blocks: int = 2
    unet: tuple[int, ...] = (96, 192, 288, 384)
    unet_blocks: int = 2
    attended: int = 2
    estimator_width: int = 64
    estimator_blocks: int = 4
    rank: int = 16
    steps: int = 1000
    timestep: float | None = None


FULL = TeacherConfig()
TINY = TeacherConfig(
    width=16, blocks=1, unet=(16, 24, 32, 32), unet_blocks=1, attended=1, estimator_width=16, estimator_blocks=1, rank=4
)
CONFIGS = {"full": FULL, "tiny": TINY}


class Autoencoder(nn.Module):
    """Images (B, 3, H, W) in 0..1 <-> latents (B, 4, H/8, W/8), of unit variance once `spread` is measured."""

    def __init__(self, width: int, count: int):
        super().__init__()
        self.encoder, self.decoder = Encoder(width, count), Decoder(width, count)
        self.narrow = nn.Conv2d(2 * width, CHANNELS, 3, padding=1)
        self.widen = nn.Conv2d(CHANNELS, 2 * width, 3, padding=1)
        self.register_buffer("spread", torch.ones(1, CHANNELS, 1, 1))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return self.narrow(self.encoder(images)).float() / self.spread

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return 0.5 + self.decoder(self.widen(z * self.spread))

    @property
    def last_layer(self) -> nn.Parameter:
        return self.decoder.head.weight


class Estimator(nn.Module):
    """z_lr -> what z_gt is likely to be, and the logarithm of its variance."""

    def __init__(self, width: int, count: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(CHANNELS, width, 3, padding=1), *[Residual(width) for _ in range(count)])
        self.leave = nn.Conv2d(width, 2 * CHANNELS, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        step, log_variance = self.leave(F.silu(self.body(z))).float().chunk(2, 1)
        return z + step, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE)


class Pred(nn.Module):
    """z and ln z_var (B, 4, h, w) -> alpha (B, 1, h, w)."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2 * CHANNELS, width, 3, padding=1), Residual(width))
        self.leave = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.constant_(self.leave.bias, 2.0)  # begins near the signal: at 0.88 of it

    def forward(self, z: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        found = self.leave(F.silu(self.body(torch.cat([z, log_variance], 1)))).float()
        return LEAST + (MOST - LEAST) * found.sigmoid()


@dataclass
class Restored:
    """What one step found: latents, features of the UNet (B, widths[0], h, w), alpha and the time of each pixel."""

    z: torch.Tensor
    features: torch.Tensor
    alpha: torch.Tensor
    times: torch.Tensor


class Teacher(nn.Module):
    """`autoencoder` and `unet` are our own or others with the same calls; `prediction`: what their UNet predicts of
    a noisy z, "v" or "epsilon".
    """

    def __init__(
        self,
        config: TeacherConfig,
        autoencoder: nn.Module | None = None,
        unet: nn.Module | None = None,
        schedule: Schedule | None = None,
        prediction: str = "v",
    ):
        super().__init__()
        self.config = config
        self.autoencoder = autoencoder or Autoencoder(config.width, config.blocks)
        self.unet = unet or LatentUnet(CHANNELS, config.unet, config.unet_blocks, config.attended)
        self.estimator = Estimator(config.estimator_width, config.estimator_blocks)
        self.pred = Pred(config.estimator_width)
        self.schedule, self.prediction = schedule or scaled_linear(config.steps), prediction
        self.adapted = False

    def adapt(self) -> None:
        """From now on the UNet learns what LoRA lets it."""
        if not self.adapted:
            adapt(self.unet, self.config.rank)
        self.adapted = True

    @property
    def last_layer(self) -> nn.Parameter:
        """Of the adapted UNet, what is learnt of it."""
        return self.unet.leave.parametrizations.weight[0].up

    def one_step(self, z_lr: torch.Tensor, z_gt: torch.Tensor | None = None) -> Restored:
        """`z_gt`: the oracle of training; else the estimator's mean stands for it."""
        if self.config.timestep is None:
            mean, log_variance = self.estimator(z_lr)
            alpha = self.pred(mean if z_gt is None else z_gt, log_variance)
            times = self.schedule.step_of(alpha)
        else:
            times = torch.full_like(z_lr[:, :1], self.config.timestep)
            alpha = self.schedule.at(times)
        features = self.unet.features(z_lr, times.mean((1, 2, 3)))
        return Restored(self.signal(z_lr, self.unet.predicted(features), alpha), features, alpha, times)

    def restored(self, raised: torch.Tensor) -> torch.Tensor:
        """Images of raised ones, as the teacher is judged."""
        return self.autoencoder.decode(self.one_step(self.autoencoder.encode(raised)).z)

    def multi_step(self, raised: torch.Tensor, generator: torch.Generator, steps: int = DDIM_STEPS) -> torch.Tensor:
        """The same by the diffusion of many steps, from z_lr under noise."""
        z, first = self.autoencoder.encode(raised), round(DDIM_SHARE * len(self.schedule))
        start = self.schedule.add_noise(z, normal(z.shape, generator, z.device), first)

        def noise(x: torch.Tensor, step: int) -> torch.Tensor:
            predicted = self.unet.predicted(self.unet.features(x, torch.full((len(x),), step, device=x.device)))
            kept = float(self.schedule.kept[step])
            return predicted if self.prediction == "epsilon" else kept**0.5 * predicted + (1 - kept) ** 0.5 * x

        return self.autoencoder.decode(ddim(noise, start, self.schedule, generator, steps, first))

    def signal(self, x: torch.Tensor, predicted: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        """z of a noisy one and of what the UNet says of it."""
        if self.prediction == "epsilon":
            return (x - (1 - alpha).sqrt() * predicted) / alpha.sqrt()
        return alpha.sqrt() * x - (1 - alpha).sqrt() * predicted

    def target(self, z: torch.Tensor, noise: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """What the UNet is to predict."""
        return noise if self.prediction == "epsilon" else kept.sqrt() * noise - (1 - kept).sqrt() * z
