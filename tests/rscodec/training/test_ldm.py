"""Both stages of LDM-RSIC learn, each what it should, from a start at which nothing changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.training import ldm
from rscodec.training.data import Batch, Crops
from rscodec.training.pairs import CodecPairs, Pair
from tests.helpers import enhancers, models
from tests.helpers.descent import descend


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Smooth images that were coarsely quantised."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(4, 3, 5, 5, generator=generator)
    original = torch.nn.functional.interpolate(coarse, (32, 32), mode="bicubic").clamp(0, 1)
    original = (255 * original).round() / 255
    return Pair((255 * (8 * original).round() / 8).round() / 255, original, torch.tensor([1.0, 2.0, 3.0, 4.0]))


def run(net, stage, pair, steps, loss_of) -> list[float]:
    return descend(ldm.trained(net, stage), steps, loss_of)


def state(module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def changed(module, before) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(module.parameters(), before, strict=True))


@pytest.mark.parametrize("takes", ["stream", "raster"])
@pytest.mark.parametrize("prior", ldm.PRIORS)
def test_training_starts_at_no_change(pair, takes, prior):
    assert ldm.gain_of(enhancers.build(takes), pair, prior) == 0


@pytest.mark.parametrize("takes", ["stream", "raster"])
@pytest.mark.parametrize("stage,loss_of", [("one", ldm.stage_one), ("twin", ldm.twin)])
def test_stage_one_and_its_twin_learn(pair, takes, stage, loss_of):
    net = enhancers.build(takes)
    before = state(net.lrm)
    losses = run(net, stage, pair, 40, lambda: loss_of(net, pair))
    assert losses[-1] < losses[0] - 0.1
    assert ldm.gain_of(net, pair, "learnt" if stage == "one" else "none") > 0.2
    assert changed(net.lrm, before) == (stage == "one")


def test_stage_two_learns_the_prior_first_and_then_with_the_enhancer(pair):
    net = enhancers.build()
    run(net, "one", pair, 40, lambda: ldm.stage_one(net, pair))
    net.lrm_dm.start_from(net.lrm)
    generator = torch.Generator().manual_seed(0)
    lrm, men = state(net.lrm), state(net.men)
    losses = run(net, "two", pair, 60, lambda: ldm.stage_two(net, pair, generator, alone=True))
    assert losses[-1] < 0.8 * losses[0] and not changed(net.men, men)
    losses = run(net, "two", pair, 40, lambda: ldm.stage_two(net, pair, generator, alone=False))
    assert losses[-1] < losses[0] and changed(net.men, men)
    assert not changed(net.lrm, lrm)
    assert ldm.gain_of(net, pair, "generated") > 0.2


def test_the_condition_network_starts_as_the_stage_before(pair):
    net = enhancers.build()
    net.lrm_dm.start_from(net.lrm)
    blind = net.lrm.state_dict()
    blind["stem.weight"][:, blind["stem.weight"].shape[1] // 2 :] = 0  # to the original
    net.lrm.load_state_dict(blind)
    assert torch.allclose(net.lrm_dm(pair.decoded), net.learnt_prior(pair.decoded, pair.original), atol=1e-5)


def test_the_gain_is_that_of_psnr(pair):
    half = (pair.decoded + pair.original) / 2
    assert ldm.gain_db(half, pair) == pytest.approx([20 * torch.log10(torch.tensor(2.0)).item()] * 4, abs=1e-3)


def test_steps_are_exact_or_more_or_less_real():
    drawn = [ldm.realism_of(0, step) for step in range(400)]
    assert 0.4 < np.mean(np.equal(drawn, 0)) < 0.6 and 0 <= min(drawn) and 0.9 < max(drawn) <= 1


def test_realism_does_not_follow_the_qualities(monkeypatch):
    crops = Crops(([np.zeros((32, 32, 3), np.uint8)], []), batch=2, size=32, seed=3)
    pairs = CodecPairs(models.build(), crops, "cpu")
    monkeypatch.setattr(pairs, "at", lambda pixels, quality: quality)
    batch = Batch(torch.zeros(2, 3, 32, 32), torch.zeros(2, 3, 4))
    rows = [(ldm.realism_of(3, step), *pairs.pair(batch, step).tolist()) for step in range(400)]
    assert np.abs(np.corrcoef(rows, rowvar=False)[0, 1:]).max() < 0.15
