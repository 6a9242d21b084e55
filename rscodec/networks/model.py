"""The codec as one module in its trainable form: transforms, gains and the context model.

    x --analysis--> y (8-bit units) --* gain(q)--> steps --entropy model--> y^ (1/16 step)
    y^ / 16 * step(q) --synthesis--> x^

`gain` and `step` are separate tables (LEVELS, N), so the decoder can place its reconstruction points freely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import cast

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec import rate
from rscodec.codec.config import CodecConfig
from rscodec.codec.dead_zone import TAIL
from rscodec.codec.entropy import LATENT_LIMIT, SCALES, UNIT, Z_LIMIT
from rscodec.codec.integer import BIAS_UNIT
from rscodec.networks import transforms
from rscodec.networks.entropy import EntropyModel, Group, index_of, scale_of, split
from rscodec.networks.integer import IntegerLayer, round_through


@dataclass
class Coded:
    """The result of one training pass: pixels, and the bits of each picture (with z) as the Gaussians estimate them."""

    pixels: torch.Tensor
    bits: torch.Tensor
    z_bits: torch.Tensor = field(repr=False)


class Codec(nn.Module):
    """The trainable codec. `forward` is for training only; rscodec.codec encodes and decodes files."""

    spread: torch.Tensor

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        n, c = config.latents, config.width
        self.analysis = transforms.Analysis(c, n, config.encoder_blocks)
        self.synthesis = transforms.Synthesis(c, n, config.tail, config.detail, config.synthesis_blocks)
        self.entropy = EntropyModel(config.groups, config.features, config.hyper, config.narrow)
        self.register_buffer("spread", torch.ones(n))
        self.log_gain = nn.Parameter(torch.zeros(rate.LEVELS, n))
        self.log_step = nn.Parameter(torch.zeros(rate.LEVELS, n))
        self.log_trunk_in = nn.Parameter(torch.zeros(rate.LEVELS, c))
        self.log_trunk_out = nn.Parameter(torch.zeros(rate.LEVELS, c))

    def start_from_klt(self, components: torch.Tensor, deviations: torch.Tensor) -> None:
        """Start as a transform coder: orthonormal components (N, 3, 16, 16), their standard deviations in 8-bit units.

        At weight lambda, the best uniform step of a high-rate quantiser is sqrt(26 / lambda). This follows from D =
        step^2 / 12 per coefficient, dD/dR = -2 ln 2 D, and 256 pixels and 768 samples per block. Components weaker than
        the distortion that this allows are almost absent at first: their gain falls with the Wiener factor.
        """
        with torch.no_grad():
            self.analysis.linear.weight.copy_(components)
            self.synthesis.linear.weight.copy_(components)
            self.spread.copy_(deviations.clamp(min=1.0))
            levels = torch.arange(1, rate.LEVELS + 1, dtype=torch.float32)
            step = torch.sqrt(26 / rate.weight(levels)).unsqueeze(1)
            wiener = (1 - (step**2 / 12) / deviations.unsqueeze(0) ** 2).clamp(min=0.04).sqrt()
            self.log_gain.copy_(torch.log(wiener / step))
            self.log_step.copy_(torch.log(step / wiener))
            middle = index_of(deviations / step[rate.LEVELS // 2]) / BIAS_UNIT
            for group in cast("list[Group]", self.entropy.groups):
                for head in (group.anchor_index, group.other_index):
                    head.bias.copy_(middle[group.known : group.known + group.count])

    def analyse(self, x: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        """Turn pixels (B, 3, H, W) into y in steps (B, H/16, W/16, N)."""
        trunk = _map(mix(self.log_trunk_in, quality).exp())
        y = self.analysis(x, trunk, _map(self.spread.unsqueeze(0)))
        return (y.float() * _map(mix(self.log_gain, quality).exp())).permute(0, 2, 3, 1)

    def synthesise(self, y: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        """Turn y^ in units (B, h, w, N) into pixels (B, 3, 16h, 16w), not clamped."""
        trunk = _map(mix(self.log_trunk_out, quality).exp())
        physical = y.permute(0, 3, 1, 2) * _map(mix(self.log_step, quality).exp() / UNIT)
        return self.synthesis(physical, trunk, _map(self.spread.unsqueeze(0)))

    def level(self, quality: torch.Tensor) -> torch.Tensor:
        """Return what the hyper decoder is told about the quality: (B, channels) in activation units."""
        return mix(self.entropy.hyper.levels, quality) * BIAS_UNIT

    def forward(self, x: torch.Tensor, quality: torch.Tensor, generator: torch.Generator | None = None) -> Coded:
        """Round everything that the decoder sees, with straight-through gradients. The rate term gets noise from
        `generator`.
        """
        mixed = torch.is_autocast_enabled(x.device.type) and not self.fake
        entropy_precision = torch.autocast(x.device.type, enabled=mixed)
        y = self.analyse(x, quality).float()
        with entropy_precision:
            z = self.entropy.analyse(y).float()
            z_mu = mix(self.entropy.z_mu, quality)[:, None, None]
            z_index = BIAS_UNIT * mix(self.entropy.z_index, quality)
            z_scale = scale_of(z_index.clamp(0, SCALES - 1))[:, None, None]
            z_bits = gaussian_bits(z - z_mu, z_scale, generator).flatten(1).sum(1)
            z_hat = round_through(z).clamp(-Z_LIMIT, Z_LIMIT)

            bits = z_bits
            walk = self.entropy.walk(z_hat, self.level(quality), y.shape[1], y.shape[2])
            rows = dict(zip((True, False), split(y), strict=True))
            known = next(walk)
            while True:
                target = rows[known.anchors][..., known.channels]
                residual = target - known.mu.float() / UNIT
                scale = scale_of(known.index.float())
                bits = bits + gaussian_bits(residual, scale, generator).flatten(1).sum(1)
                coded = known.index.detach() > 0.5
                y_hat = known.mu + UNIT * torch.where(coded, residual + (residual.round() - residual).detach(), 0.0)
                try:
                    known = walk.send(y_hat.clamp(-LATENT_LIMIT, LATENT_LIMIT))
                except StopIteration as end:
                    y_hat = end.value
                    break
        return Coded(self.synthesise(y_hat, quality).float(), bits, z_bits)

    @property
    def fake(self) -> bool:
        return self.entropy.hyper.first.fake

    def set_fake(self, fake: bool) -> None:
        """Switch quantisation-aware training of every layer of the exact path on or off."""
        for module in self.entropy.modules():
            if isinstance(module, IntegerLayer):
                module.fake = fake


def mix(table: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Interpolate a (LEVELS, C) table linearly at qualities (B,), to (B, C). Gradients reach both neighbouring rows."""
    position = (quality - 1).clamp(0, rate.LEVELS - 1)
    low = position.floor().clamp(max=rate.LEVELS - 2)
    fraction = (position - low).unsqueeze(1)
    low = low.long()
    return table[low] * (1 - fraction) + table[low + 1] * fraction


def gaussian_bits(residual: torch.Tensor, scale: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Compute `interval_bits` of the residual: with uniform noise in training, rounded otherwise."""
    if not torch.is_grad_enabled():
        return interval_bits(residual.round(), scale)
    noise = torch.rand(residual.shape, generator=generator, device=residual.device) - 0.5
    return interval_bits(residual + noise, scale)


def interval_bits(residual: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return -log2 of the mass that N(0, scale) puts on the unit interval around the residual. Beyond TAIL, the cost
    follows its tangent: escapes cost no more than that, and a scale that is far too small still has a gradient.
    """
    inverse = 2**-0.5 / scale
    distance = (residual.abs() - 0.5) * inverse
    excess = F.relu(distance - TAIL)
    distance = distance - excess
    mass = 0.5 * (torch.erfc(distance) - torch.erfc(distance + inverse))
    return excess * (2 * TAIL / math.log(2)) - torch.log2(mass)


def _map(vector: torch.Tensor) -> torch.Tensor:
    return vector[:, :, None, None]
