"""The losses of LDM-RSIC's two stages, and the gain of each.

    stage I     MEN(x~, LRM(x~, x)) against x                                  the prior is learnt with the enhancer
    stage II    the same with F^ from T steps of the denoiser, + |F^ - F|      F^ learns to be the F of stage I
    twin        MEN(x~, 0) against x                                           what the enhancer does without a prior

Instead of the paper's |MEN - x|, the loss is the logarithm of the squared error relative to that of x~, for each crop.
This is the gain in PSNR, except for the unit. So no rate and no crop that gets worse dominates the gradient. The
network learns the mean, whereas absolute errors would make it learn the median.
"""

from __future__ import annotations

import torch
import torch.nn as nn

from rscodec.enhancers.ldm_rsic import LdmRsic
from rscodec.generative.diffusion.samplers import normal
from rscodec.training.pairs import Pair

STAGES = ("one", "two", "twin")
PRIORS = ("none", "generated", "learnt")
LEAST_ERROR = (1 / 510) ** 2
Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]


def trained(net: LdmRsic, stage: str) -> list[nn.Parameter]:
    """Return the parameters that a stage trains."""
    parts = {
        "one": [net.compression, net.men, net.lrm],
        "two": [net.compression, net.men, net.lrm_dm, net.denoiser],
        "twin": [net.compression, net.men],
    }
    return [parameter for part in parts[stage] for parameter in part.parameters()]


def stage_one(net: LdmRsic, pair: Pair) -> Loss:
    return _enhancement(net, pair, net.learnt_prior(pair.decoded, pair.original))


def twin(net: LdmRsic, pair: Pair) -> Loss:
    return _enhancement(net, pair, net.no_prior(pair.decoded))


def stage_two(net: LdmRsic, pair: Pair, generator: torch.Generator, alone: bool) -> Loss:
    """Compute the loss of stage II. With `alone`, as at the beginning, only the prior is learnt, without the
    enhancer.
    """
    with torch.no_grad():
        learnt = net.learnt_prior(pair.decoded, pair.original)
        known = net.known(pair.decoded, pair.quality)
    noise = normal(learnt.shape, generator, learnt.device)
    start = net.schedule.add_noise(learnt, noise, len(net.schedule))
    generated = net.generated_prior(pair.decoded, known, start)
    distance = (generated - learnt).abs().mean()
    if alone:
        return distance, {"prior": distance}
    loss, figures = _enhancement(net, pair, generated)
    return loss + distance, figures | {"prior": distance}


def _enhancement(net: LdmRsic, pair: Pair, prior: torch.Tensor) -> Loss:
    known = net.known(pair.decoded, pair.quality)
    found = pair.decoded + net.men(pair.decoded, prior, known)
    given, left = squared_errors(found, pair)
    return ((left + LEAST_ERROR) / (given + LEAST_ERROR)).log().mean(), {"gain": gain_db(found, pair).mean()}


def squared_errors(found: torch.Tensor, pair: Pair) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the squared errors of the decoded crops and of the result, (B,) each."""
    before, after = ((image - pair.original).square().flatten(1).mean(1) for image in (pair.decoded, found))
    return before, after


def gain_db(found: torch.Tensor, pair: Pair) -> torch.Tensor:
    """Return how much the PSNR is above that of the decoded crops, in dB, for each crop."""
    before, after = squared_errors(found, pair)
    return 10 * torch.log10((before + 1e-9) / (after + 1e-9))


@torch.no_grad()
def enhanced(net: LdmRsic, pair: Pair, prior: str) -> torch.Tensor:
    """Return the decoded crops plus the output of the network for one of PRIORS, in 8-bit levels as in a file."""
    known = net.known(pair.decoded, pair.quality)
    if prior == "learnt":
        tokens = net.learnt_prior(pair.decoded, pair.original)
    elif prior == "generated":
        shape = len(pair.decoded), *net.prior_shape
        start = normal(shape, torch.Generator().manual_seed(0), pair.decoded.device)
        tokens = net.generated_prior(pair.decoded, known, start)
    else:
        tokens = net.no_prior(pair.decoded)
    found = pair.decoded + net.men(pair.decoded, tokens, known)
    return (255 * found).round().clamp(0, 255) / 255


def gain_of(net: LdmRsic, pair: Pair, prior: str) -> float:
    """Return the mean over crops of the gain with one of PRIORS."""
    return float(gain_db(enhanced(net, pair, prior), pair).mean())
