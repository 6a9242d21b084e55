"""Effort 1 and above: better latents for the same decoder.

    0      round with a dead zone (rscodec/codec/dead_zone.py)
    1..9   2 ** effort steps down  J = bits + lambda * 255^2 * squared error  of a tile, then round

    targets y --round(y - mu)--> y^ --context model--> bits \\
       ^                         y^ --synthesis----> pixels  --> J     gradients straight through the rounding
       '---------------------- Adam <------------------------'

In the forward pass, everything is rounded as it will be coded, so J is the real cost of the tile. The best of all steps
is kept. The first step is plain rounding, so effort never makes a tile worse, apart from errors of the float networks.

A straight-through gradient is the gradient at y^. It is the same wherever y lies between two roundings, so it would
push y further and further. A leak towards y^ stops this: y rests where  gradient(y^) + 2 LEAK (y - y^) = 0,  which is
Newton's step from y^ if 2 LEAK is the curvature of J. So y settles where it best compensates for the rounding of all
other latents, and is then rounded itself.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from rscodec.codec import rate
from rscodec.codec.base import Aim, Inside
from rscodec.codec.config import STRIDE
from rscodec.codec.entropy import LATENT_LIMIT, SCALES, UNIT, Z_LIMIT
from rscodec.codec.integer import BIAS_UNIT
from rscodec.codec.portable import PortableCodec
from rscodec.networks.entropy import EntropyModel, scale_of, split
from rscodec.networks.export import thaw
from rscodec.networks.integer import round_through
from rscodec.networks.model import Codec, interval_bits, mix
from rscodec.networks.precision import fast

LEAK = 10.0  # bits per step^2: about the cost of an error of one step, at any quality
STEP, LAST_STEP, MOMENTUM, SMOOTHING = 0.05, 0.1, (0.8, 0.99), 10.0  # Adam; steps of y, and bits per step


def refine_with(
    codec: PortableCodec, y: np.ndarray, inside: Inside, aims: list[Aim], quality: float, effort: int
) -> np.ndarray:
    """Implement PortableCodec.refine."""
    net = _trainable(codec)
    return np.stack([refine(net, *one, inside, quality, effort) for one in zip(y, aims, strict=True)])


@lru_cache(maxsize=1)
def _trainable(codec: PortableCodec) -> Codec:
    """Return the networks of a codec in the form that passes gradients."""
    net = Codec(codec.config)
    thaw(net, codec.tensors)
    return net.eval().requires_grad_(False).to(codec.arrays.name).to(memory_format=torch.channels_last)


def refine(net: Codec, y: np.ndarray, aim: Aim, inside: Inside, quality: float, effort: int) -> np.ndarray:
    """Return targets (h, w, N) of a tile. Rounding them costs no more than rounding the tile's y.

    `y` contains the tile, which is `inside`, and its surroundings, which do not change. `net` has the trainable form,
    but its weights do not change.
    """
    device = net.spread.device
    with torch.inference_mode(False), torch.enable_grad():
        around = torch.from_numpy(y).to(device)[None]
        place = (slice(None), *inside)
        target = around[place].clone().requires_grad_()
        cost = _Cost(net, around * UNIT, place, aim, quality)
        optimizer = torch.optim.Adam([target], STEP, MOMENTUM, SMOOTHING)
        steps = 2**effort
        best, lowest = target, float("inf")
        for step in range(steps + 1):
            bits, distortion, leak = cost(target)
            if (now := (bits + distortion).item()) < lowest:
                best, lowest = target.detach().clone(), now
            if step < steps:
                optimizer.param_groups[0]["lr"] = STEP * (1 - (1 - LAST_STEP) * step / steps)
                optimizer.zero_grad()
                (bits + distortion + leak).backward()
                optimizer.step()
        return best[0].cpu().numpy()


class _Cost:
    """Computes the cost of a tile with given targets: bits, weighted error, and the leak, which only adds gradient."""

    def __init__(self, net: Codec, around: torch.Tensor, place: tuple, aim: Aim, quality: float):
        self.net, self.around, self.place = net, around, place
        self.quality = torch.tensor([quality], device=around.device)
        self.aim = {name: torch.tensor(part, device=around.device).float() for name, part in aim._asdict().items()}
        top, left = (STRIDE * part.start for part in place[1:])
        height, width = aim.weight.shape
        self.window = slice(None), slice(top, top + height), slice(left, left + width)
        self.importance = rate.weight(self.quality) / 3

    def __call__(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        with fast(y.device.type):
            y_hat, bits, leak = self._code(y)
            latents = self.around.clone()
            latents[self.place] = y_hat
            shown = self.net.synthesise(latents, self.quality)[0].float()
        error = torch.einsum("ij,jhw->ihw", self.aim["visible"], 255 * (shown[self.window] - self.aim["pixels"]))
        return bits, (self.importance * self.aim["weight"] * error.square().sum(0)).sum(), leak

    def _code(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return y^ as it will be coded, in units; its bits; the leak."""
        entropy: EntropyModel = self.net.entropy
        z = round_through(entropy.analyse(y).float()).clamp(-Z_LIMIT, Z_LIMIT)
        z_scale = scale_of((BIAS_UNIT * mix(entropy.z_index, self.quality)).clamp(0, SCALES - 1))
        bits = interval_bits(z - mix(entropy.z_mu, self.quality), z_scale).sum()
        rows = dict(zip((True, False), split(y), strict=True))
        walk = entropy.walk(z, self.net.level(self.quality), *y.shape[1:3])
        leak = torch.zeros((), device=y.device)
        known = next(walk)
        while True:
            coded = known.index.detach() > 0.5
            mu = round_through(known.mu)
            residual = rows[known.anchors][..., known.channels] - mu / UNIT
            symbols = torch.where(coded, round_through(residual), 0.0)
            bits = bits + torch.where(coded, interval_bits(symbols, scale_of(known.index)), 0.0).sum()
            astray = torch.where(coded, residual - symbols.detach(), 0.0)
            leak = leak + LEAK * astray.square().sum()
            try:
                known = walk.send((mu + UNIT * symbols).clamp(-LATENT_LIMIT, LATENT_LIMIT))
            except StopIteration as end:
                return end.value, bits, leak
