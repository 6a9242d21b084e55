"""SlimDiffSR: a one-step student of a latent diffusion model, small enough for a CPU.

    I_LR --bicubic--> up --Encoder--> 2w (1/8) --fused 3x3--> SlimUnet --fused 3x3--> 2w (1/8) --Decoder--> detail (3)

"SlimDiffSR: Toward Lightweight and Efficient Remote Sensing Image Super-Resolution via Diffusion Model Distillation".
Each fused convolution (equation 13) replaces two that met at the four channels of the latent. The model draws no random
numbers, so the seed does not matter. Its teacher is `rscodec/training/slimdiff_teacher.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

from rscodec.models.model_file import Config, read_model, write_model
from rscodec.upsamplers.autoencoder import CHANNELS, Decoder, Encoder
from rscodec.upsamplers.base import Upsampler, window_edge
from rscodec.upsamplers.maps import resize
from rscodec.upsamplers.slim import SlimUnet
from rscodec.upsamplers.whole import Known, Measured, Whole

FORMAT = "rscodec-slimdiff-1"
SCALES = 4.0, 8.0


@dataclass(frozen=True)
class SlimConfig(Config):
    """Everything needed to rebuild the modules of a checkpoint. `window` and `large`: the longest edges of windows
    before and after upsampling. The paper's ablations switch off the flags. Four `widths` keep the two deepest levels
    of the unpruned UNet.
    """

    window: int = 128
    large: int = 512
    overlap: int = 16
    width: int = 48
    encoder_blocks: int = 1
    decoder_blocks: int = 2
    widths: tuple[int, ...] = (96, 160)
    blocks: int = 2
    fused: bool = True
    fsc: bool = True
    dsc: bool = True
    qgam: bool = True


class SlimDiffSr(nn.Module):
    """Interpolated images (B, 3, H, W) in 0..1, H and W multiples of 16 -> their missing detail, in the same shape."""

    def __init__(self, config: SlimConfig):
        super().__init__()
        self.config = config
        wide, inner = 2 * config.width, config.widths[0]
        self.encoder = Encoder(config.width, config.encoder_blocks)
        self.enter = bridge(wide, inner, config.fused)
        self.unet = SlimUnet(config.widths, config.blocks, config.fsc, config.dsc, config.qgam)
        self.leave = bridge(inner, wide, config.fused)
        self.decoder = Decoder(config.width, config.decoder_blocks)
        nn.init.zeros_(self.decoder.head.weight)  # an untrained network does not change bicubic interpolation
        nn.init.zeros_(self.decoder.head.bias)

    def features(self, raised: torch.Tensor, whole: Whole) -> torch.Tensor:
        """Features (B, widths[0], H/8, W/8), which distillation compares with the teacher's. All layers that need the
        whole picture are in here.
        """
        return self.unet(self.enter(self.encoder(raised)), whole)

    def change(self, features: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.leave(features))

    def forward(self, raised: torch.Tensor) -> torch.Tensor:
        return self.change(self.features(raised, Measured()))


def bridge(channels: int, out: int, fused: bool) -> nn.Module:
    """One convolution, or two with the latent between them."""
    if fused:
        return nn.Conv2d(channels, out, 3, padding=1)
    return nn.Sequential(nn.Conv2d(channels, CHANNELS, 3, padding=1), nn.Conv2d(CHANNELS, out, 3, padding=1))


class SlimDiffUpsampler(Upsampler):
    """A weights file on a device."""

    form, scales, samples, draws = FORMAT, SCALES, 9, False

    def __init__(self, path: Path, device: str = "cpu"):
        file = read_model(path, FORMAT, "upsampler", SlimConfig)
        self.model, self.weights_hash, self.overlap = file.model, file.weights_hash, file.config.overlap
        self.device = torch.device(device)
        self.net = file.load_into(SlimDiffSr(file.config), (), device)

    def window(self, scale: float) -> int:
        return window_edge(self.net.config, scale)

    @torch.inference_mode()
    def survey(self, windows: Sequence[np.ndarray], scale: float) -> list[torch.Tensor]:
        whole = Measured(together=True)
        small = self._on_device(np.stack(windows))
        self.net.features(resize(small, *(round(scale * edge) for edge in small.shape[2:])), whole)
        return whole.figures

    @torch.inference_mode()
    def detail(
        self,
        pixels: np.ndarray,
        rows: np.ndarray,
        cols: np.ndarray,
        scale: float,
        seed: int,
        surveyed: list[torch.Tensor] | None = None,
    ) -> np.ndarray:
        """`rows` and `cols` must be those of all pixels that the window becomes: only their number is used."""
        raised = resize(self._on_device(pixels[None]), len(rows), len(cols))
        whole = Measured() if surveyed is None else Known(surveyed)
        return self.net.change(self.net.features(raised, whole))[0].cpu().numpy()

    def _on_device(self, pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(pixels).to(self.device, memory_format=torch.channels_last)


def write_weights(path: Path, model: str, net: SlimDiffSr) -> None:
    """Write the weights file of a trained model."""
    write_model(path, FORMAT, model, net, ())
