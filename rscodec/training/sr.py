"""Training data of E2DiffSR, the losses of its stages, and the gain of each.

    one      change(I_LR, z), z ~ DPEncoder(I_HR, up) against I_HR - up:  L1 + adversarial + KL        equation 12
    two      |z^ - z| + |CondNet - z|, z^ through all T steps; then also as stage one with z^          equation 13
    twin     stage one without a prior, to measure the rest by itself

Two other stages keep to the paper's Algorithm 1, in which the diffusion learns alone and is sampled:

    noisy    stage one with z + noise, and the encoder frozen: the parts that read z learn to tolerate errors in it
    drawn    (z^ - z)^2 + (CondNet - z)^2, z^ from one random step; only denoiser and CondNet learn

The paper prints 1e-6 for the adversarial term and 0.5 for KL. These are the weights of the autoencoder of latent
diffusion (Rombach et al. 2022), exchanged. That autoencoder balances the adversarial term by gradients, and so do we.

Parts that can be omitted, to measure their effect (the paper's tables IV and VI):
    modulation      weights of features and prior do not depend on the scale: equation 3 without its s
    reverse-steps   z^ is one output of the denoiser at a random step, as in the usual training of diffusion models
    distillation    the term |CondNet - z|
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn

from rscodec.generative.diffusion.samplers import normal
from rscodec.raster.resample import centres
from rscodec.training.critic import Critic, contested
from rscodec.training.data import Batch, Crops
from rscodec.training.ldm import Loss, gain_db
from rscodec.training.pairs import CodecPairs, Pair
from rscodec.upsamplers.e2diffsr import E2DiffSr
from rscodec.upsamplers.maps import resize
from rscodec.upsamplers.prior import STRIDE

STAGES = ("one", "two", "noisy", "drawn", "twin")
PRIORS = ("none", "condition", "generated", "learnt")
ABLATIONS = ("modulation", "reverse-steps", "distillation")
SCALES = 1.0, 8.0
UNIT, CODED_UNIT = 8, 16  # edges of small images are multiples of the first or, with a codec, of the second
CODED = 0.5  # share of small images that the codec decoded
MOST_NOISE = 1.0  # largest deviation of the noise of stage `noisy`, in deviations of z; a batch draws a share of it


@dataclass
class SrPair:
    """Images in 0..1: small (B, 3, n, n), and the same upscaled to the size of the original (B, 3, H, H)."""

    small: torch.Tensor
    raised: torch.Tensor
    original: torch.Tensor
    scale: float


@dataclass(frozen=True)
class Weights:
    """Weights of the terms beside L1. There is no adversarial term before step `critic_from`."""

    adversarial: float
    kl: float
    critic_from: int


class SrPairs:
    """Crops, and the same crops, downscaled (bicubic) by a random scale for each batch. Our codec decodes some of
    them.
    """

    def __init__(self, crops: Crops, small: int, device: str, codec: CodecPairs | None = None):
        self.crops, self.device, self._small, self._codec = crops, device, small, codec
        self.stream = crops.stream

    def pair(self, batch: Batch, step: int) -> SrPair:
        """Return the training pair of a batch of the stream. It depends only on the batch and the step."""
        rng = np.random.default_rng((self.crops.seed, step, 3000))
        return self.at(batch.pixels, rng.uniform(*SCALES), rng if self._codec else None)

    @torch.no_grad()
    def at(self, pixels: torch.Tensor, scale: float, rng: np.random.Generator | None = None) -> SrPair:
        """Downscale pixels (B, 3, H, W) uint8 by about `scale`. Sizes are rounded, and the crops are cut to fit."""
        short, long = self.sizes(scale)
        original = pixels[..., :long, :long].to(self.device, non_blocking=True).float() / 255
        small = (255 * resize(original, short, short)).round().clamp(0, 255)
        if rng is not None:
            small = partly_coded(small, self._codec, rng)
        small = small / 255
        images = small, resize(small, long, long), original
        return SrPair(*(image.contiguous(memory_format=torch.channels_last) for image in images), long / short)

    def sizes(self, scale: float) -> tuple[int, int]:
        """Return the edges of small and large images."""
        unit = CODED_UNIT if self._codec else UNIT
        short = max(unit, int(min(self._small, self.crops.size / scale)) // unit * unit)
        return short, min(self.crops.size // STRIDE, max(1, round(scale * short / STRIDE))) * STRIDE


def partly_coded(small: torch.Tensor, codec: CodecPairs, rng: np.random.Generator) -> torch.Tensor:
    """Code some of the images (B, 3, h, w) with our codec. Values are whole levels, and h and w are multiples of 16."""
    coded = torch.from_numpy(rng.random(len(small)) < CODED)
    if not coded.any():
        return small
    quality = torch.from_numpy(rng.uniform(1, 8, int(coded.sum()))).float()
    decoded = codec.at(small.byte().cpu()[coded], quality).decoded
    return small.index_put((coded.to(small.device),), (255 * decoded).round())


def trained(net: E2DiffSr, stage: str) -> list[nn.Parameter]:
    """Return the parameters that a stage trains."""
    amplify, generate = [net.decoder, net.branch, net.csum], [net.condition_net, net.denoiser]
    parts = {
        "one": [*amplify, net.encoder],
        "two": [*amplify, *generate],
        "noisy": amplify,
        "drawn": generate,
        "twin": amplify,
    }
    return [parameter for part in parts[stage] for parameter in part.parameters()]


def stage_one(
    net: E2DiffSr, critic: Critic, pair: SrPair, weights: Weights, step: int, generator: torch.Generator
) -> Loss:
    mean, log_variance = net.encoder(pair.original, pair.raised)
    prior = mean + (log_variance / 2).exp() * normal(mean.shape, generator, mean.device)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / pair.original.numel()
    loss, figures = _pixels(net, critic, pair, prior / net.spread, weights, step)
    return loss + weights.kl * kl, figures | {"kl": kl}


def twin(net: E2DiffSr, critic: Critic, pair: SrPair, weights: Weights, step: int) -> Loss:
    return _pixels(net, critic, pair, prior_of(net, pair, "none"), weights, step)


def noisy(net: E2DiffSr, critic: Critic, pair: SrPair, weights: Weights, step: int, generator: torch.Generator) -> Loss:
    with torch.no_grad():
        learnt = prior_of(net, pair, "learnt")
    deviation = MOST_NOISE * float(torch.rand(1, generator=generator))
    prior = learnt + deviation * normal(learnt.shape, generator, learnt.device)
    return _pixels(net, critic, pair, prior, weights, step)


def drawn(net: E2DiffSr, pair: SrPair, generator: torch.Generator) -> Loss:
    with torch.no_grad():
        learnt = prior_of(net, pair, "learnt")
    condition = net.condition_net(pair.raised)
    errors = {"prior": _at_a_step(net, pair, learnt, condition, generator) - learnt, "distilled": condition - learnt}
    terms = {name: error.square().mean() for name, error in errors.items()}
    return sum(terms.values()), terms


def _at_a_step(
    net: E2DiffSr, pair: SrPair, learnt: torch.Tensor, condition: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Return z^ from one random step."""
    noise = normal(learnt.shape, generator, learnt.device)
    at = int(torch.randint(1, len(net.schedule) + 1, (1,), generator=generator))
    return net.denoiser(net.schedule.add_noise(learnt, noise, at), condition, at, net.scale_feature(pair.scale))


def forget_scale(net: E2DiffSr) -> None:
    """Switch modulation off: the weights that see the scale are zero and stay zero, so exported weights record it."""
    for modulation in net.branch.modulations:
        modulation.weigh[0].weight.requires_grad_(False).zero_()


def stage_two(
    net: E2DiffSr,
    critic: Critic,
    pair: SrPair,
    weights: Weights,
    step: int,
    generator: torch.Generator,
    alone: bool,
    without: tuple[str, ...] = (),
) -> Loss:
    """Compute the loss of stage two. With `alone`, as in the paper, only the prior is learnt."""
    with torch.no_grad():
        learnt = prior_of(net, pair, "learnt")
    condition = net.condition_net(pair.raised)
    if "reverse-steps" in without:
        generated = _at_a_step(net, pair, learnt, condition, generator)
    else:
        noise = normal(learnt.shape, generator, learnt.device)
        start = net.schedule.add_noise(learnt, noise, len(net.schedule))
        generated = net.generated(condition, pair.scale, start, generator)
    terms = {"prior": (generated - learnt).abs().mean()}
    if "distillation" not in without:
        terms["distilled"] = (condition - learnt).abs().mean()
    if alone:
        return sum(terms.values()), terms
    loss, figures = _pixels(net, critic, pair, generated, weights, step)
    return loss + sum(terms.values()), figures | terms


def _pixels(net: E2DiffSr, critic: Critic, pair: SrPair, prior: torch.Tensor, weights: Weights, step: int) -> Loss:
    found = upsampled(net, pair, prior)
    l1 = (found - pair.original).abs().mean()
    figures = {"l1": l1, "gain": gain_db(found, _given(pair)).mean()}
    if not weights.adversarial or step < weights.critic_from:
        return l1, figures
    loss, more = contested(l1, found, pair.original, critic, weights.adversarial, net.csum.last_layer)
    return loss, figures | more


def upsampled(net: E2DiffSr, pair: SrPair, prior: torch.Tensor) -> torch.Tensor:
    short, long = pair.small.shape[2], pair.original.shape[2]
    at = centres(0, long, short, long)
    return pair.raised + net.change(pair.small, prior, at, at, pair.scale)


def prior_of(net: E2DiffSr, pair: SrPair, kind: str, seed: int = 0) -> torch.Tensor:
    """Return one of PRIORS."""
    if kind == "learnt":
        return net.encoder(pair.original, pair.raised)[0] / net.spread
    condition = net.condition_net(pair.raised)
    if kind == "condition":
        return condition
    if kind == "none":
        return torch.zeros_like(condition)
    generator = torch.Generator().manual_seed(seed)
    start = normal(condition.shape, generator, condition.device)
    return net.generated(condition, pair.scale, start, generator)


@torch.no_grad()
def measure_spread(net: E2DiffSr, pairs: list[SrPair]) -> None:
    """After stage one, measure the scale of the encoder's means, so that the diffusion sees unit variance."""
    squares = [net.encoder(pair.original, pair.raised)[0].square().mean((0, 2, 3), keepdim=True) for pair in pairs]
    net.spread.copy_(torch.stack(squares).mean(0).sqrt().clamp(min=1e-3))


@torch.no_grad()
def gain_of(net: E2DiffSr, pair: SrPair, kind: str) -> float:
    """Return the mean over crops of the PSNR gain over bicubic interpolation, in dB, of images rounded to 8 bits."""
    found = upsampled(net, pair, prior_of(net, pair, kind))
    return float(gain_db((255 * found).round().clamp(0, 255) / 255, _given(pair)).mean())


def _given(pair: SrPair) -> Pair:
    return Pair(pair.raised, pair.original, None)
