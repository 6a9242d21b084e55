"""Integer layers as they are trained: what is frozen is within the bound and faithful to them."""

from __future__ import annotations

import pytest
import torch

from rscodec.bitstreams.errors import InexactModelError
from rscodec.codec.integer import ACCUMULATOR_LIMIT, ACTIVATION_MAX, WEIGHT_LIMIT, exact_layer
from rscodec.networks.integer import Depthwise, Pointwise, bounded
from rscodec.networks.torch_arrays import TorchArrays

LAYERS = {
    "1x1": lambda: Pointwise(24, 40),
    "1x1 wide": lambda: Pointwise(480, 16),
    "depthwise": lambda: Depthwise(24),
    "mu": lambda: Pointwise(24, 12, activation=False, limit=2**13 - 1),
    "index": lambda: Pointwise(24, 12, activation=False, limit=63, lowest=0),
}


def make(name: str, size: float = 1.0):
    torch.manual_seed(7)
    layer = LAYERS[name]()
    with torch.no_grad():
        layer.weight.mul_(size)
        layer.bias.normal_(0, size)
    return layer


def activations(layer, seed: int = 1) -> torch.Tensor:
    """Any integers that an earlier layer could give, its extremes among them."""
    channels = layer.weight.shape[1] if layer.weight.dim() == 2 else layer.weight.shape[0]
    x = torch.randint(-ACTIVATION_MAX, ACTIVATION_MAX + 1, (2, 5, 7, channels), generator=torch.manual_seed(seed))
    x[0, 0, 0], x[0, 0, 1] = ACTIVATION_MAX, -ACTIVATION_MAX
    return x.float()


def exact(layer, x: torch.Tensor) -> torch.Tensor:
    """What the codec makes of x with the integers of a layer."""
    tensors, arrays = {f"exact.it.{part}": value.numpy() for part, value in layer.freeze().items()}, TorchArrays("cpu")
    frozen = exact_layer(arrays, tensors, "it", layer.activation, layer.lowest, layer.limit)
    return arrays.exact_depthwise(x, frozen) if frozen.weight.ndim == 3 else arrays.exact_product(x, frozen)


@pytest.mark.parametrize("size", [1e-6, 0.01, 1, 30])
@pytest.mark.parametrize("name", LAYERS)
def test_whatever_was_trained_freezes_within_the_bound(name: str, size: float):
    frozen = make(name, size).freeze()
    assert frozen["weight"].dtype == torch.int16 and frozen["bias"].dtype == torch.int32
    assert frozen["weight"].abs().max() <= WEIGHT_LIMIT
    mass = frozen["weight"].double().flatten(1).abs().sum(1) * ACTIVATION_MAX + frozen["bias"].double().abs()
    assert (mass < ACCUMULATOR_LIMIT).all()


def test_export_refuses_what_no_grid_can_hold():
    layer = make("1x1")
    with torch.no_grad():
        layer.bias[3] = ACCUMULATOR_LIMIT
    with pytest.raises(InexactModelError, match="not below 2"):
        layer.freeze()


@pytest.mark.parametrize("name", LAYERS)
def test_thaw_and_freeze_give_the_same_integers(name: str):
    frozen = make(name).freeze()
    other = LAYERS[name]()
    other.thaw(frozen)
    again = other.freeze()
    grid = torch.exp2(frozen["shift"].double() - again["shift"].double())  # a coarser grid was not needed after all
    for part in ("weight", "bias"):
        shape = [-1, *[1] * (frozen[part].dim() - 1)]
        assert torch.equal(again[part].double() * grid.view(shape), frozen[part].double())


@pytest.mark.parametrize("name", LAYERS)
def test_the_fake_life_is_the_exact_one(name: str):
    layer = make(name, 0.3)
    x = activations(layer).clamp(-200, 200)
    layer.fake = True
    fake, frozen = layer(x).detach(), exact(layer, x)
    assert (fake - frozen).abs().max() <= 1  # a tie that float32 rounds to the other side
    assert (fake == frozen).float().mean() > 0.99


def test_the_float_life_is_close():
    layer = make("1x1", 0.3)
    x = activations(layer).clamp(-200, 200)
    assert (layer(x) - exact(layer, x)).abs().max() < 1.5


def test_gradients_pass_rounding_and_come_back_from_beyond_the_bounds():
    layer = make("1x1", 0.3)
    layer.fake = True
    layer(activations(layer).clamp(-100, 100)).sum().backward()
    assert layer.weight.grad.abs().sum() > 0 and layer.bias.grad.abs().sum() > 0

    x = torch.tensor([-5.0, 0.0, 5.0], requires_grad=True)
    (bounded(x, -1, 1) * torch.tensor([-1.0, 1.0, -1.0])).sum().backward()
    assert x.grad.tolist() == [-1, 1, 0]  # descent moves -5 up, back inside; 5 would go further out
