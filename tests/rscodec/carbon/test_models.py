"""Laws of all learned models of carbon, and what IIDM adds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rscodec.carbon.gan import Gan, Reverse
from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.regression import Regression
from rscodec.carbon.unet import CoordinateDouble
from rscodec.carbon.vae import Vae

CONFIG = IidmConfig(condition=((4,), (8,), (8,), (8,)), widths=(8, 8, 16, 16), embedding=16, steps=3)
MODELS = {
    "iidm": lambda: Iidm(CONFIG),
    "idm": lambda: Iidm(replace(CONFIG, attention=False, coordinates=False)),
    "unet": lambda: Regression(4),
    "vae": lambda: Vae(4),
    "gan": lambda: Gan(4),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x = torch.randn(2, 4, 32, 16, generator=generator())
    mask = (torch.rand(2, 1, 32, 16, generator=generator(1)) < 0.7).float()
    return x, (0.5 + 0.2 * x[:, :1]) * mask, mask


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(3)
    return MODELS[request.param]()


def test_a_seed_is_a_loss_and_an_estimate(model, batch):
    x, y, mask = batch
    losses = [model.loss(x, y, mask, generator(seed))[0].item() for seed in (5, 5, 6)]
    assert losses[0] == losses[1]
    maps = [model.estimate(x, generator(seed)) for seed in (5, 5, 6)]
    assert maps[0].shape == (2, 1, 32, 16) and torch.isfinite(maps[0]).all() and torch.equal(maps[0], maps[1])
    assert torch.equal(maps[0], maps[2]) == isinstance(model, Regression)


def test_what_is_no_forest_is_not_judged(batch):
    x, y, mask = batch
    model = Regression(4)
    elsewhere = y + 9 * (1 - mask)
    assert model.loss(x, y, mask, generator())[0].item() == model.loss(x, elsewhere, mask, generator())[0].item()


def test_every_parameter_learns(model, batch):
    for module in model.modules():  # attention begins at zero, which keeps gradients from what is before it
        if hasattr(module, "leave") and isinstance(module.leave, torch.nn.Conv2d):
            torch.nn.init.normal_(module.leave.weight, std=0.1)
    model.loss(*batch, generator())[0].backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    alone = isinstance(model, Iidm) and not model.config.attention  # then f(0) is all that is looked at
    assert {name.rpartition(".stages.")[2][0] for name in still} == (set("123") if alone else set())


def test_iidm_looks_at_the_imagery_through_attention_alone_too(batch):
    x, y, _ = batch
    model = Iidm(CONFIG)
    for attention in model.unet.attention.values():
        torch.nn.init.normal_(attention.leave.weight, std=0.1)
    f, gamma = model.vgg(x), torch.full((2,), 0.5)
    other = [f[0], *(level + 1 for level in f[1:])]
    assert not torch.allclose(model.noise(y, gamma, f), model.noise(y, gamma, other))
    assert not torch.allclose(model.noise(y, gamma, f), model.noise(y, gamma / 2, f))


def test_iidm_is_right_about_noise_that_it_knows():
    """A network that names the noise exactly draws the very map that the noise hides."""
    model = Iidm(replace(CONFIG, steps=20))
    truth = torch.rand(1, 1, 16, 16, generator=generator())
    model.noise = lambda y, gamma, f: (y - gamma.sqrt() * (2 * truth - 1)) / (1 - gamma).sqrt()
    assert torch.allclose(model.estimate(torch.zeros(1, 4, 16, 16), generator()), truth, atol=1e-4)


def test_coordinates_tell_the_four_fine_pixels_apart():
    torch.manual_seed(0)
    fine = CoordinateDouble(4, 4)(torch.ones(1, 4, 3, 5))
    assert fine.shape == (1, 4, 6, 10)
    corner = fine[0, :, :2, :2].flatten(1).T
    assert len(torch.unique(corner, dim=0)) == 4
    assert torch.allclose(fine[..., 2:4, 4:6], fine[..., :2, :2])


def test_reverse_turns_gradients():
    x = torch.ones(3, requires_grad=True)
    y = Reverse.apply(x)
    assert torch.equal(y, x)
    (2 * y).sum().backward()
    assert np.array_equal(x.grad, [-2, -2, -2])
