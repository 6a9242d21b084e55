"""Both stages of E2DiffSR learn, each what it should, from a start at which nothing is added."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from rscodec.raster.resample import shrink
from rscodec.training import sr
from rscodec.training.critic import Critic, balanced, taken_for_real, told_apart
from rscodec.training.data import Crops
from rscodec.training.pairs import CodecPairs
from rscodec.upsamplers.maps import resize
from tests.helpers import models, upsamplers
from tests.helpers.descent import descend

PLAIN = sr.Weights(adversarial=0.0, kl=1e-6, critic_from=0)


@pytest.fixture(scope="module")
def crops() -> Crops:
    """Of a picture with two kinds of ground and sharp borders between them."""
    height = zoom(np.random.default_rng(0).random((12, 12)), 128 / 12, order=3)
    image = np.where(height[..., None] > 0.5, [200, 160, 90], [40, 70, 120]).astype(np.uint8)
    return Crops(([image], []), batch=3, size=64, seed=4)


@pytest.fixture(scope="module")
def pair(crops) -> sr.SrPair:
    return sr.SrPairs(crops, 32, "cpu").at(crops.at(0).pixels, 3.0)


def run(net, critic, stage, steps, loss_of) -> list[float]:
    return descend([*sr.trained(net, stage), *critic.parameters()], steps, loss_of)


def state(module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def changed(module, before) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(module.parameters(), before, strict=True))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("scale", [1, 1.5, 2.6, 4, 8])
def test_pairs_are_bicubic_at_about_the_scale(crops, scale):
    pairs = sr.SrPairs(crops, 32, "cpu")
    pixels = crops.at(1).pixels
    found = pairs.at(pixels, scale)
    short, long = pairs.sizes(scale)
    assert found.small.shape[2] == short <= 32 and found.original.shape[2] == found.raised.shape[2] == long <= 64
    assert short % 8 == long % 8 == 0 and found.scale == long / short == pytest.approx(scale, rel=0.05)
    assert torch.equal((255 * found.original).round().byte(), pixels[..., :long, :long])
    wanted = shrink(pixels[0, :, :long, :long].numpy().astype(float), short, short).clip(0, 255)
    assert np.abs(255 * found.small[0].numpy() - wanted).max() <= 0.501


def test_pairs_are_a_function_of_seed_and_step(crops):
    pairs = sr.SrPairs(crops, 32, "cpu")
    one, again, other = (pairs.pair(crops.at(step), step) for step in (7, 7, 8))
    assert torch.equal(one.small, again.small) and one.scale == again.scale != other.scale


def test_some_small_images_are_what_the_codec_decodes(crops):
    pairs = sr.SrPairs(crops, 32, "cpu", CodecPairs(models.build(), crops, "cpu"))
    coded = []
    for step in range(4):
        batch = crops.at(step)
        found = pairs.pair(batch, step)
        short, long = found.small.shape[2], found.original.shape[2]
        plain = (255 * resize(found.original, short, short)).round().clamp(0, 255) / 255
        assert short % 16 == 0 and torch.equal((255 * found.original).round().byte(), batch.pixels[..., :long, :long])
        coded += (found.small != plain).flatten(1).any(1).tolist()
    assert 0 < sum(coded) < len(coded)


@pytest.mark.parametrize("prior", sr.PRIORS)
def test_training_starts_at_bicubic(pair, prior):
    assert abs(sr.gain_of(upsamplers.build(), pair, prior)) < 0.05  # bicubic itself is not rounded


def test_stage_one_and_its_twin_learn(pair):
    for stage in ("one", "twin"):
        net, critic = upsamplers.build(), Critic(4)
        before = state(net.encoder)

        def loss_of(net=net, critic=critic, stage=stage):
            if stage == "one":
                return sr.stage_one(net, critic, pair, PLAIN, 0, seeded())
            return sr.twin(net, critic, pair, PLAIN, 0)

        losses = run(net, critic, stage, 70, loss_of)
        assert losses[-1] < 0.9 * losses[0]
        assert sr.gain_of(net, pair, "learnt" if stage == "one" else "none") > 0.1
        assert changed(net.encoder, before) == (stage == "one")


def test_stage_two_learns_the_prior_first_and_then_the_pixels(pair):
    net, critic = upsamplers.build(), Critic(4)
    run(net, critic, "one", 70, lambda: sr.stage_one(net, critic, pair, PLAIN, 0, seeded()))
    sr.measure_spread(net, [pair])
    power = sr.prior_of(net, pair, "learnt").detach().square().mean((0, 2, 3))
    assert torch.allclose(power, torch.ones(4), atol=0.01)
    encoder, branch = state(net.encoder), state(net.branch)
    losses = run(net, critic, "two", 40, lambda: sr.stage_two(net, critic, pair, PLAIN, 0, seeded(), alone=True))
    assert losses[-1] < 0.8 * losses[0] and not changed(net.branch, branch)
    before = sr.gain_of(net, pair, "generated")
    losses = run(net, critic, "two", 20, lambda: sr.stage_two(net, critic, pair, PLAIN, 0, seeded(), alone=False))
    assert losses[-1] < losses[0] + 0.02 and changed(net.branch, branch) and not changed(net.encoder, encoder)
    assert sr.gain_of(net, pair, "generated") > before + 0.05


def test_without_modulation_no_scale_is_seen_and_none_is_learnt(pair):
    net, critic = upsamplers.build(), Critic(4)
    (modulation, *_), scales = net.branch.modulations, [net.scale_feature(scale) for scale in (1.0, 8.0)]
    assert not torch.equal(*(modulation.weigh(scale) for scale in scales))
    sr.forget_scale(net)
    before = modulation.weigh(scales[0])
    run(net, critic, "one", 5, lambda: sr.stage_one(net, critic, pair, PLAIN, 0, seeded()))
    assert torch.equal(*(modulation.weigh(scale) for scale in scales))
    assert not torch.equal(modulation.weigh(scales[0]), before)  # a share is learnt all the same


@pytest.mark.parametrize("without, answers", [((), 4), (("reverse-steps",), 1)])
def test_without_reverse_steps_one_answer_is_trained(pair, without, answers):
    net, critic, steps = upsamplers.build(), Critic(4), set()
    torch.nn.init.normal_(net.denoiser.leave.weight)
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        loss, _ = sr.stage_two(net, critic, pair, PLAIN, 0, generator, alone=True, without=without)
        net.zero_grad()
        loss.backward()
        told = net.denoiser.time.weight.grad.abs().sum(1) > 0
        assert told.sum() == answers
        steps |= set(told.nonzero().flatten().tolist())
    assert len(steps) > 2


@pytest.mark.parametrize("alone", [True, False])
def test_without_distillation_its_term_is_gone(pair, alone):
    net, critic = upsamplers.build(), Critic(4)
    whole, terms = sr.stage_two(net, critic, pair, PLAIN, 0, seeded(), alone)
    loss, rest = sr.stage_two(net, critic, pair, PLAIN, 0, seeded(), alone, without=("distillation",))
    assert rest.keys() == terms.keys() - {"distilled"}
    assert terms["distilled"] > 0 and torch.isclose(whole - loss, terms["distilled"])


def test_the_critic_joins_when_it_is_due(pair):
    net, critic = upsamplers.build(), Critic(4)
    terms = sr.Weights(adversarial=0.5, kl=0.0, critic_from=5)
    for step, joined in ((4, False), (5, True)):
        loss, figures = sr.twin(net, critic, pair, terms, step)
        assert ("fooled" in figures) == joined
        for parameter in critic.parameters():
            parameter.grad = None
        loss.backward()
        assert any(parameter.grad is not None for parameter in critic.parameters()) == joined


def test_whoever_makes_images_does_not_teach_the_critic(pair):
    critic = Critic(4)
    made = pair.raised.clone().requires_grad_()
    taken_for_real(critic, made).backward()
    assert made.grad.abs().sum() > 0 and all(parameter.grad is None for parameter in critic.parameters())
    made.grad = None
    told_apart(critic, pair.original, made).backward()
    assert made.grad is None and all(parameter.grad is not None for parameter in critic.parameters())


def test_one_thread_does_not_freeze_the_critic_of_another(pair, monkeypatch):
    critic, activation = Critic(4), torch.nn.functional.leaky_relu
    inside, other_is_done = threading.Event(), threading.Event()

    def waiting(x, slope):
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            other_is_done.wait(10)
        return activation(x, slope)

    monkeypatch.setattr(torch.nn.functional, "leaky_relu", waiting)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(taken_for_real, critic, pair.raised)
        assert inside.wait(10)
        loss = told_apart(critic, pair.original, pair.raised)
        other_is_done.set()
    loss.backward()
    assert all(parameter.grad is not None for parameter in critic.parameters())


def test_losses_pull_equally_once_balanced():
    layer = torch.nn.Parameter(torch.ones(3))
    main, other = (2 * layer).sum(), (500 * layer).sum()
    pull = torch.autograd.grad(balanced(main, other, layer), layer)[0]
    assert pull.norm() == pytest.approx(2 * 3**0.5, rel=1e-3)
