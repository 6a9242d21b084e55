"""Laws of all learned models of carbon, and what IIDM adds."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from rscodec.carbon.base import CarbonConfig
from rscodec.carbon.gan import Reverse
from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.kinds import AnyConfig, build
from rscodec.carbon.regression import Regression
from rscodec.carbon.unet import CoordinateDouble

WIDTHS = (8, 8, 8, 16, 16)
CONFIG = IidmConfig(condition=((4,), (8,), (8,), (8,), (8,)), widths=WIDTHS, embedding=16, steps=3)
MODELS = {
    "iidm": CONFIG,
    "idm": replace(CONFIG, attention=False, coordinates=False),
    **{kind: CarbonConfig(kind, widths=WIDTHS) for kind in ("unet", "vae", "gan")},
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
    return build(MODELS[request.param])


def test_a_seed_is_a_loss_and_an_estimate(model, batch):
    x, y, mask = batch
    losses = [model.loss(x, y, mask, generator(seed))[0].item() for seed in (5, 5, 6)]
    assert losses[0] == losses[1]
    maps = [model.estimate(x, mask, generator(seed)) for seed in (5, 5, 6)]
    assert maps[0].shape == (2, 1, 32, 16) and torch.isfinite(maps[0]).all() and torch.equal(maps[0], maps[1])
    assert torch.equal(maps[0], maps[2]) != model.chance


def test_what_is_no_forest_is_not_judged(batch):
    x, y, mask = batch
    model = Regression(CarbonConfig("unet", widths=WIDTHS))
    elsewhere = y + 9 * (1 - mask)
    assert model.loss(x, y, mask, generator())[0].item() == model.loss(x, elsewhere, mask, generator())[0].item()


def test_every_parameter_learns(model, batch):
    for module in model.modules():  # attention begins at zero, which keeps gradients from what is before it
        if hasattr(module, "leave") and isinstance(module.leave, torch.nn.Conv2d):
            torch.nn.init.normal_(module.leave.weight, std=0.1)
    model.loss(*batch, generator())[0].backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    alone = isinstance(model, Iidm) and not model.config.attention  # then f(0) is all that is looked at
    assert {name.rpartition(".stages.")[2][0] for name in still} == (set("1234") if alone else set())


def test_iidm_looks_at_the_imagery_through_attention_alone_too(batch):
    x, y, _ = batch
    model = Iidm(CONFIG)
    for attention in model.unet.attention.values():
        torch.nn.init.normal_(attention.leave.weight, std=0.1)
    f, gamma = model.vgg(x), torch.full((2,), 0.5)
    other = [f[0], *(level + 1 for level in f[1:])]
    assert not torch.allclose(model.velocity(y, gamma, f), model.velocity(y, gamma, other))
    assert not torch.allclose(model.velocity(y, gamma, f), model.velocity(y, gamma / 2, f))


def test_iidm_is_right_about_noise_that_it_knows():
    """A network that knows the map draws the very map: v and the noise that sampling takes away are of one mind."""
    model = Iidm(replace(CONFIG, steps=20))
    truth = torch.rand(1, 1, 16, 16, generator=generator())

    def velocity(y, gamma, f):
        gamma = gamma[:, None, None, None]
        return (gamma.sqrt() * y - (truth - model.config.mean) / model.config.deviation) / (1 - gamma).sqrt()

    model.velocity = velocity
    found = model.estimate(torch.zeros(1, 4, 16, 16), torch.ones(1, 1, 16, 16), generator())
    assert torch.allclose(found, truth, atol=1e-4)


def test_iidm_sees_no_map_outside_of_forest(batch):
    x, y, mask = batch
    model, elsewhere = Iidm(CONFIG), y + 9 * (1 - mask)
    assert model.loss(x, y, mask, generator())[0].item() == model.loss(x, elsewhere, mask, generator())[0].item()
    seen = []
    model.velocity = lambda y, gamma, f: seen.append(y) or torch.zeros_like(y)
    model.estimate(x, mask, generator())
    assert len(seen) == CONFIG.steps and not any(one[mask == 0].any() for one in seen)


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_comes_back_from_json(name):
    config = MODELS[name]
    again = AnyConfig.from_dict(json.loads(json.dumps(asdict(config))))
    assert type(again) is type(config) and build(again).state_dict().keys() == build(config).state_dict().keys()


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
