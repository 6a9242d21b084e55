"""Stable Diffusion 2.1 as SlimDiffSR's teacher, for users who have its weights in a folder with the `diffusers` layout.

    PATH/unet        UNet2DConditionModel
    PATH/vae         AutoencoderKL, or AutoencoderTiny, which is TAESD
    PATH/scheduler   betas, and whether the UNet predicts v or the noise

It needs the optional package `diffusers`. There is no text: the UNet gets zeros instead.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn as nn

from rscodec.bitstreams.errors import InputError
from rscodec.generative.diffusion.schedules import scaled_linear
from rscodec.training.slimdiff_teacher import Teacher, TeacherConfig

TOKENS = 77


class StableAutoencoder(nn.Module):
    """An autoencoder with the interface of our Autoencoder."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        found = self.net.encode(2 * images - 1)
        z = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
        return z.float() * self.net.config.scaling_factor

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return (self.net.decode(z / self.net.config.scaling_factor).sample.float() + 1) / 2


class StableUnet(nn.Module):
    """A UNet with the interface of our LatentUnet."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net
        self.widths = tuple(net.config.block_out_channels)

    @property
    def leave(self) -> nn.Module:
        return self.net.conv_out

    def features(self, x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        seen = []
        hook = self.leave.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        text = x.new_zeros(len(x), TOKENS, self.net.config.cross_attention_dim)
        self.net(x, steps - 1, text)  # the UNet counts steps from 0
        hook.remove()
        return seen[0]

    def predicted(self, features: torch.Tensor) -> torch.Tensor:
        return self.leave(features).float()


def stable_teacher(path: Path, config: TeacherConfig) -> Teacher:
    """Return a teacher with these weights. Its Estimator and its Pred are not trained yet."""
    try:
        import diffusers
    except ImportError:
        raise InputError("a Stable Diffusion teacher needs diffusers; install rscodec[diffusers]") from None
    try:
        kind = json.loads((path / "vae" / "config.json").read_text())["_class_name"]
        about = json.loads((path / "scheduler" / "scheduler_config.json").read_text())
        autoencoder = getattr(diffusers, kind).from_pretrained(path, subfolder="vae", local_files_only=True)
        unet = diffusers.UNet2DConditionModel.from_pretrained(path, subfolder="unet", local_files_only=True)
        shape, target = about["beta_schedule"], about["prediction_type"]
        schedule = scaled_linear(about["num_train_timesteps"], about["beta_start"], about["beta_end"])
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as problem:
        raise InputError(
            f"{path} contains no Stable Diffusion model ({problem}); give a folder with unet, vae and scheduler"
        ) from None
    if shape != "scaled_linear" or target not in ("epsilon", "v_prediction"):
        raise InputError(
            f"{path / 'scheduler'} is not the scheduler of Stable Diffusion 2.1; give a folder with that one"
        )
    prediction = "v" if target == "v_prediction" else "epsilon"
    return Teacher(config, StableAutoencoder(autoencoder), StableUnet(unet), schedule, prediction)
