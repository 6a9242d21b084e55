"""The losses of LDM-RSIC's stages, and the gain of each.

    one      MEN(x~, LRM(x~, x)) against x                                  the prior is learnt with the enhancer
    two      the same with F^ from T steps of the denoiser, + |F^ - F|      F^ learns to be the F of stage one
    drawn    (found - noise)^2 at one random step                           F^ is drawn from the distribution of F
    twin     MEN(x~, 0) against x                                           what the enhancer does without a prior

Instead of the paper's |MEN - x|, the loss is the logarithm of the squared error relative to that of x~, for each crop.
This is the negative gain in PSNR, in another unit. So neither one rate nor a crop that gets worse dominates the
gradient. The network learns the mean, whereas absolute errors would make it learn the median.

With realism R, the loss is (1 - R) times that, plus R times the same for LPIPS, plus R times the adversarial loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn

from rscodec.enhancers.ldm_rsic import LdmRsic
from rscodec.generative.diffusion.samplers import normal
from rscodec.metrics.perceptual import perceptual
from rscodec.training.critic import Critic, contested
from rscodec.training.pairs import Pair

STAGES = ("one", "two", "drawn", "twin")
PRIORS = ("none", "generated", "learnt")
LEAST_ERROR = (1 / 510) ** 2
LEAST_LPIPS = 0.01
EXACT_SHARE = 0.5  # share of the steps with R = 0, for a model with realism
Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Looks:
    """The realism of a step, the critic, and the weight of the adversarial loss."""

    realism: float = 0.0
    critic: Critic | None = None
    adversarial: float = 0.0


EXACT = Looks()


def realism_of(seed: int, step: int) -> float:
    """Draw the realism of a step: often 0, else a uniform number. It is independent of the qualities of the crops."""
    return max(0.0, (np.random.default_rng((seed, step, 4000)).random() - EXACT_SHARE) / (1 - EXACT_SHARE))


def trained(net: LdmRsic, stage: str) -> list[nn.Parameter]:
    """Return the parameters that a stage trains."""
    parts = {
        "one": [net.compression, net.men, net.lrm],
        "two": [net.compression, net.men, net.lrm_dm, net.denoiser],
        "drawn": [net.lrm_dm, net.denoiser],
        "twin": [net.compression, net.men],
    }
    return [parameter for part in parts[stage] for parameter in part.parameters()]


def stage_one(net: LdmRsic, pair: Pair, looks: Looks = EXACT) -> Loss:
    return _enhancement(net, pair, net.learnt_prior(pair.decoded, pair.original), looks)


def twin(net: LdmRsic, pair: Pair, looks: Looks = EXACT) -> Loss:
    return _enhancement(net, pair, net.no_prior(pair.decoded), looks)


def drawn(net: LdmRsic, pair: Pair, generator: torch.Generator, realism: float) -> Loss:
    with torch.no_grad():
        learnt = net.learnt_prior(pair.decoded, pair.original)
        known = net.known(pair.decoded, pair.quality, realism)
    noise = normal(learnt.shape, generator, learnt.device)
    at = int(torch.randint(1, len(net.schedule) + 1, (1,), generator=generator))
    found = net.denoiser(net.schedule.add_noise(learnt, noise, at), net.lrm_dm(pair.decoded), at, known)
    loss = (found.float() - noise).square().mean()
    return loss, {"noise": loss}


def stage_two(net: LdmRsic, pair: Pair, generator: torch.Generator, alone: bool) -> Loss:
    """Compute the loss of stage II. With `alone`, as at the beginning, only the prior is learnt, without the
    enhancer.
    """
    with torch.no_grad():
        learnt = net.learnt_prior(pair.decoded, pair.original)
        known = net.known(pair.decoded, pair.quality)
    noise = normal(learnt.shape, generator, learnt.device)
    start = net.schedule.add_noise(learnt, noise, len(net.schedule))
    generated = net.generated_prior(pair.decoded, known, start, generator)
    distance = (generated - learnt).abs().mean()
    if alone:
        return distance, {"prior": distance}
    loss, figures = _enhancement(net, pair, generated)
    return loss + distance, figures | {"prior": distance}


def _enhancement(net: LdmRsic, pair: Pair, prior: torch.Tensor, looks: Looks = EXACT) -> Loss:
    known = net.known(pair.decoded, pair.quality, looks.realism)
    found = pair.decoded + net.men(pair.decoded, prior, known)
    loss, figures = _relative(*squared_errors(found, pair), LEAST_ERROR), {"gain": gain_db(found, pair).mean()}
    if not looks.realism:
        return loss, figures
    before, after = perceptual(pair.decoded, pair.original).detach(), perceptual(found, pair.original)
    figures["lpips"] = (after / before).mean()
    loss = (1 - looks.realism) * loss + looks.realism * _relative(before, after, LEAST_LPIPS)
    share = looks.realism * looks.adversarial
    loss, more = contested(loss, found, pair.original, looks.critic, share, net.men.head.weight)
    return loss, figures | more


def _relative(before: torch.Tensor, after: torch.Tensor, least: float) -> torch.Tensor:
    return ((after + least) / (before + least)).log().mean()


def squared_errors(found: torch.Tensor, pair: Pair) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the squared errors of the decoded crops and of the result, (B,) each."""
    before, after = ((image - pair.original).square().flatten(1).mean(1) for image in (pair.decoded, found))
    return before, after


def gain_db(found: torch.Tensor, pair: Pair) -> torch.Tensor:
    """Return how much the PSNR is above that of the decoded crops, in dB, for each crop."""
    before, after = squared_errors(found, pair)
    return 10 * torch.log10((before + 1e-9) / (after + 1e-9))


@torch.no_grad()
def enhanced(net: LdmRsic, pair: Pair, prior: str, realism: float = 0.0) -> torch.Tensor:
    """Return the decoded crops plus the output of the network for one of PRIORS, rounded to 8 bits as in a file."""
    known = net.known(pair.decoded, pair.quality, realism)
    if prior == "learnt":
        tokens = net.learnt_prior(pair.decoded, pair.original)
    elif prior == "generated":
        shape = len(pair.decoded), *net.prior_shape
        generator = torch.Generator().manual_seed(0)
        start = normal(shape, generator, pair.decoded.device)
        tokens = net.generated_prior(pair.decoded, known, start, generator)
    else:
        tokens = net.no_prior(pair.decoded)
    found = pair.decoded + net.men(pair.decoded, tokens, known)
    return (255 * found).round().clamp(0, 255) / 255


def gain_of(net: LdmRsic, pair: Pair, prior: str) -> float:
    """Return the mean over crops of the gain with one of PRIORS."""
    return float(gain_db(enhanced(net, pair, prior), pair).mean())
