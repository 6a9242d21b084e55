"""SlimDiffSR's teacher: a latent diffusion model that restores an image in one step, at a time that suits the image.

    up(I_LR) --encode--> z_lr --Estimator--> z_mean, s = ln z_var                                            equation 5
    z (z_gt when it is trained, z_mean in evaluation), s --Pred--> alpha, a map --step_of, mean--> t         9 to 11
    z_lr, t --UNet--> v --> z = sqrt(alpha) z_lr - sqrt(1 - alpha) v --decode--> I_SR

We read equations 9 to 11 as follows. z_lr counts as a noisy z whose share of signal is alpha, for each pixel. The UNet
gets one time, the mean of the map. It is first trained as a diffusion model of many steps (`multi_step`), and then
adapted (lora.py).
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

LEAST, MOST = 0.05, 0.999  # limits of alpha
# DDIM_SHARE: where in the schedule DDIM starts; a later start would lose the image
DDIM_STEPS, DDIM_SHARE = 50, 0.4
LOG_VARIANCE = 10.0  # limit of its absolute value


@dataclass(frozen=True)
class TeacherConfig(Config):
    """`timestep` is a fixed time instead of Estimator and Pred, for the ablation."""

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
    """Converts images (B, 3, H, W) in 0..1 to latents (B, 4, H/8, W/8) and back. Latents have unit variance once
    `spread` is measured.
    """

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
    """Predicts z_gt from z_lr, and the logarithm of its variance."""

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
    """Predicts alpha (B, 1, h, w) from z and ln z_var (B, 4, h, w)."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2 * CHANNELS, width, 3, padding=1), Residual(width))
        self.leave = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.constant_(self.leave.bias, 2.0)  # alpha starts at 0.89, near the signal

    def forward(self, z: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        found = self.leave(F.silu(self.body(torch.cat([z, log_variance], 1)))).float()
        return LEAST + (MOST - LEAST) * found.sigmoid()


@dataclass
class Restored:
    """The result of one step: latents, features of the UNet (B, widths[0], h, w), alpha and the time of each pixel."""

    z: torch.Tensor
    features: torch.Tensor
    alpha: torch.Tensor
    times: torch.Tensor


class Teacher(nn.Module):
    """`autoencoder` and `unet` are our own, or others with the same interface. `prediction` is what the UNet predicts
    from a noisy z: "v" or "epsilon".
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
        """From now on, train only the LoRA weights of the UNet."""
        if not self.adapted:
            adapt(self.unet, self.config.rank)
        self.adapted = True

    @property
    def last_layer(self) -> nn.Parameter:
        """The learnt matrix of the last layer of the adapted UNet."""
        return self.unet.leave.parametrizations.weight[0].up

    def one_step(self, z_lr: torch.Tensor, z_gt: torch.Tensor | None = None) -> Restored:
        """Restore in one step. Only training gives `z_gt`; without it, the estimator's mean takes its place."""
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
        """Return the restored images of upscaled ones, as the teacher is evaluated."""
        return self.autoencoder.decode(self.one_step(self.autoencoder.encode(raised)).z)

    def multi_step(self, raised: torch.Tensor, generator: torch.Generator, steps: int = DDIM_STEPS) -> torch.Tensor:
        """Restore in many steps of the diffusion, from z_lr with noise."""
        z, first = self.autoencoder.encode(raised), round(DDIM_SHARE * len(self.schedule))
        start = self.schedule.add_noise(z, normal(z.shape, generator, z.device), first)

        def noise(x: torch.Tensor, step: int) -> torch.Tensor:
            predicted = self.unet.predicted(self.unet.features(x, torch.full((len(x),), step, device=x.device)))
            kept = float(self.schedule.kept[step])
            return predicted if self.prediction == "epsilon" else kept**0.5 * predicted + (1 - kept) ** 0.5 * x

        return self.autoencoder.decode(ddim(noise, start, self.schedule, generator, steps, first))

    def signal(self, x: torch.Tensor, predicted: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        """Return z of a noisy z and the prediction of the UNet."""
        if self.prediction == "epsilon":
            return (x - (1 - alpha).sqrt() * predicted) / alpha.sqrt()
        return alpha.sqrt() * x - (1 - alpha).sqrt() * predicted

    def target(self, z: torch.Tensor, noise: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Return the target of the UNet's prediction."""
        return noise if self.prediction == "epsilon" else kept.sqrt() * noise - (1 - kept).sqrt() * z
