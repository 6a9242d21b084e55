"""Every stage of SlimDiffSR learns what it should, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from rscodec.generative.diffusion.samplers import normal
from rscodec.training import slimdiff
from rscodec.training.critic import Critic
from rscodec.training.data import Crops
from rscodec.training.degraded import DegradedPairs
from rscodec.training.latent_unet import LatentUnet, time_features
from rscodec.training.lora import adapt, merge
from rscodec.training.slimdiff_teacher import FULL, LEAST, MOST, TINY, Autoencoder, Pred, Teacher
from rscodec.upsamplers.slimdiffsr import SlimConfig, SlimDiffSr
from tests.helpers import upsamplers
from tests.helpers.descent import descend

PLAIN = slimdiff.Weights(perceptual=0.0)


@pytest.fixture(scope="module")
def pair():
    """Of a picture with two kinds of ground and sharp borders between them."""
    height = zoom(np.random.default_rng(0).random((12, 12)), 128 / 12, order=3)
    image = np.where(height[..., None] > 0.5, [200, 160, 90], [40, 70, 120]).astype(np.uint8)
    return DegradedPairs(Crops(([image], []), batch=3, size=64, seed=4), "cpu").at(0, 4.0)


@pytest.fixture
def teacher() -> Teacher:
    torch.manual_seed(0)
    return Teacher(TINY)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def train(teacher, student, stage, steps, loss_of, rate=3e-3) -> list[float]:
    return descend(slimdiff.trained(student or teacher, stage), steps, loss_of, rate)


def state(module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def changed(module, before) -> set[str]:
    """Parts of a module that are not as before."""
    return {key.partition(".")[0] for key, value in module.state_dict().items() if not torch.equal(value, before[key])}


def test_the_autoencoder_learns_and_its_latents_get_unit_variance(teacher, pair):
    before, critic = state(teacher), Critic(4)
    losses = train(teacher, None, "autoencoder", 40, lambda: slimdiff.autoencoder(teacher, critic, pair, PLAIN, 0))
    assert losses[-1] < 0.5 * losses[0] and changed(teacher, before) == {"autoencoder"}
    decoded = teacher.autoencoder.decode(teacher.autoencoder.encode(pair.original))
    slimdiff.measure_spread(teacher, [pair])
    z = teacher.autoencoder.encode(pair.original)
    assert z.shape == (3, 4, 8, 8) and torch.allclose(z.square().mean((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(teacher.autoencoder.decode(z), decoded, atol=1e-4)


@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_the_diffusion_learns_what_its_samplers_ask_for(pair, prediction):
    torch.manual_seed(0)
    teacher = Teacher(TINY, prediction=prediction)
    slimdiff.measure_spread(teacher, [pair])
    before = state(teacher)
    losses = train(teacher, None, "diffusion", 40, lambda: slimdiff.diffusion(teacher, pair, seeded()))
    assert losses[-1] < 0.8 * losses[0] and changed(teacher, before) == {"unet"}
    z, noise = teacher.autoencoder.encode(pair.original).detach(), normal((3, 4, 8, 8), seeded(), "cpu")
    kept = torch.full((3, 1, 1, 1), 0.3)
    x = kept.sqrt() * z + (1 - kept).sqrt() * noise
    assert torch.allclose(teacher.signal(x, teacher.target(z, noise, kept), kept), z, atol=1e-5)
    made = teacher.multi_step(pair.raised, seeded(), steps=3)
    assert made.shape == pair.raised.shape and torch.equal(made, teacher.multi_step(pair.raised, seeded(), steps=3))


def test_many_steps_with_a_perfect_unet_find_the_signal(teacher, pair, monkeypatch):
    teacher.schedule.kept = teacher.schedule.kept.clone()
    z = teacher.autoencoder.encode(pair.original).detach()

    def knows(features):
        x, step = features
        kept = float(teacher.schedule.kept[int(step[0])])
        return teacher.target(z, (x - kept**0.5 * z) / (1 - kept) ** 0.5, torch.tensor(kept))

    monkeypatch.setattr(teacher.unet, "features", lambda x, step: (x, step))
    monkeypatch.setattr(teacher.unet, "predicted", knows)
    wanted = teacher.autoencoder.decode(z)
    assert torch.allclose(teacher.multi_step(pair.raised, seeded(), 10), wanted, atol=1e-3)


def test_the_estimator_knows_how_much_it_does_not_know(teacher, pair):
    before = state(teacher)
    losses = train(teacher, None, "uncertainty", 150, lambda: slimdiff.uncertainty(teacher, pair))
    assert losses[-1] < losses[0] - 0.5 and changed(teacher, before) == {"estimator"}
    with torch.no_grad():
        z_gt, z_lr = (teacher.autoencoder.encode(images) for images in (pair.original, pair.raised))
        mean, log_variance = teacher.estimator(z_lr)
    error = (z_gt - mean).square()
    assert error.mean() < (z_gt - z_lr).square().mean()
    assert 1 < (error / log_variance.exp()).mean() < 9  # 3 where equation 5 is least


def test_the_loss_of_the_estimator_is_that_of_the_paper(teacher, pair):
    torch.nn.init.normal_(teacher.estimator.leave.weight, std=0.1)
    loss, _ = slimdiff.uncertainty(teacher, pair)
    z_gt, z_lr = (teacher.autoencoder.encode(images) for images in (pair.original, pair.raised))
    mean, s = teacher.estimator(z_lr)
    assert loss.item() == pytest.approx((0.5 * (torch.exp(-s) * (z_gt - mean) ** 2 + 3 * s)).mean().item(), rel=1e-5)


def test_the_teacher_learns_through_lora_and_to_choose_its_time(teacher, pair):
    critic = Critic(4)
    with torch.no_grad():
        teacher.unet.leave.weight.normal_(0, 0.1)
        teacher.estimator.leave.weight.normal_(0, 0.1)
    z = teacher.autoencoder.encode(pair.raised).detach()
    found = teacher.one_step(z)
    teacher.adapt()
    again = teacher.one_step(z)
    assert torch.allclose(found.z, again.z, atol=1e-5)  # adapted, but as it was
    original = teacher.unet.enter.parametrizations.weight.original.clone()
    before = state(teacher)

    def loss_of():
        return slimdiff.teacher_step(teacher, critic, pair, PLAIN, 0)

    losses = train(teacher, None, "teacher", 30, loss_of, 1e-2)
    assert losses[-1] < 0.97 * losses[0] and changed(teacher, before) == {"unet", "pred"}
    assert torch.equal(teacher.unet.enter.parametrizations.weight.original, original)
    assert np.ptp(teacher.one_step(z).times.detach().numpy()) > 1


def test_time_and_alpha_are_of_the_same_table(teacher, pair):
    torch.nn.init.normal_(teacher.pred.leave.weight)
    z = teacher.autoencoder.encode(pair.raised).detach()
    found = teacher.one_step(z)
    assert found.alpha.shape == found.times.shape == (3, 1, 8, 8) and found.alpha.std() > 0.01
    assert LEAST < found.alpha.min() and found.alpha.max() < MOST
    assert torch.allclose(teacher.schedule.at(found.times.double()), found.alpha.double(), atol=1e-4)
    oracle = teacher.one_step(z, teacher.autoencoder.encode(pair.original))
    assert not torch.allclose(oracle.alpha, found.alpha)
    found.times.mean().backward()
    assert teacher.pred.leave.weight.grad.abs().sum() > 0


def test_a_fixed_time_is_the_same_everywhere(pair):
    teacher = Teacher(type(TINY)(**vars(TINY) | {"timestep": 250.0}))
    found = teacher.one_step(teacher.autoencoder.encode(pair.raised))
    assert (found.times == 250).all()
    assert torch.allclose(found.alpha, torch.tensor(float(teacher.schedule.kept[250])))


@pytest.mark.parametrize("taught", [True, False])
def test_the_student_learns_from_pictures_and_from_the_teacher(teacher, pair, taught):
    torch.manual_seed(0)
    with torch.no_grad():
        teacher.unet.leave.weight.normal_(0, 0.1)
    student = slimdiff.Student(upsamplers.build_slim(), teacher.unet.widths[0])
    before = state(teacher)
    figures = []

    def loss_of():
        loss, found = slimdiff.student_step(student, teacher if taught else None, Critic(4), pair, PLAIN, 0)
        figures.append(found)
        return loss, found

    assert (pair.raised + student.net(pair.raised)).sub(pair.raised).abs().max() == 0
    train(teacher, student, "student", 40, loss_of)
    assert figures[-1]["l1"] < 0.9 * figures[0]["l1"] and not changed(teacher, before)
    assert ("mmd" in figures[0]) == taught
    if taught:
        assert figures[-1]["features"] < 0.8 * figures[0]["features"]


def test_mmd_tells_distributions_apart():
    a, b = (normal((2, 5, 16, 16), torch.Generator().manual_seed(seed), "cpu") for seed in (0, 1))
    same, moved, wider = (float(slimdiff.mmd(a, other)) for other in (b, b + 0.5, 2 * b))
    assert 0 <= same < 0.02 < moved and wider > 3 * same
    assert float(slimdiff.mmd(a, a)) == pytest.approx(0, abs=1e-6)
    shuffled = a.flatten(2)[:, :, torch.randperm(256, generator=seeded())].view_as(a)
    assert float(slimdiff.mmd(a, shuffled)) == pytest.approx(0, abs=1e-3)  # where features lie does not matter


def test_total_variation():
    x = torch.tensor([[[[0.0, 3.0], [0.0, 3.0]]]])
    assert slimdiff.total_variation(x) == 9 and slimdiff.total_variation(torch.ones(1, 1, 3, 3)) == 0


def test_lora_changes_only_what_it_adds():
    torch.manual_seed(0)
    net = LatentUnet(4, (16, 24), 1, 1)
    full = sum(parameter.numel() for parameter in net.parameters())
    adapt(net, 2)
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    assert 0 < sum(parameter.numel() for parameter in learning) < 0.4 * full
    with torch.no_grad():
        for parameter in learning:
            parameter.normal_(0, 0.1)
    x, steps = torch.rand(1, 4, 8, 8), torch.tensor([3.0])
    wanted = net.features(x, steps)
    merge(net)
    assert torch.allclose(net.features(x, steps), wanted, atol=1e-4)
    assert sum(parameter.numel() for parameter in net.parameters()) == full


def test_times_need_not_be_whole():
    a, b, c = time_features(torch.tensor([10.0, 10.5, 11.0]), 16)
    assert torch.allclose(a[7], b[7], atol=1e-2) and not torch.allclose(a, b) and not torch.allclose(b, c)
    assert Pred(8)(torch.rand(1, 4, 3, 3), torch.rand(1, 4, 3, 3)).shape == (1, 1, 3, 3)
    assert Autoencoder(8, 1).last_layer.requires_grad


def test_the_student_is_twenty_times_smaller_than_the_unet_it_learns_from():
    with torch.device("meta"):
        teacher, student = LatentUnet(4, FULL.unet, FULL.unet_blocks, FULL.attended), SlimDiffSr(SlimConfig())
    many, few = (sum(parameter.numel() for parameter in net.parameters()) for net in (teacher, student))
    assert many >= 20 * few
