"""Integer layers: bounded, the same as int64 arithmetic whatever they run on, and faithful to what was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.bitstreams.errors import InexactModelError
from rscodec.codec.integer import (
    ACCUMULATOR_LIMIT,
    ACTIVATION_MAX,
    WEIGHT_LIMIT,
    Depthwise,
    Exact,
    Pointwise,
    bounded,
    check_bound,
)

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


def in_int64(layer, frozen: dict, x: torch.Tensor, extra: np.ndarray | None = None) -> np.ndarray:
    """The layer as its docstring defines it, in 64-bit integers up to the power of two."""
    x, weight = x.numpy().astype(np.int64), frozen["weight"].numpy().astype(np.int64)
    if weight.ndim == 2:
        total = x @ weight.T
    else:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = x.shape[1:3]
        total = sum(padded[:, r : r + height, c : c + width] * weight[:, 0, r, c] for r in range(3) for c in range(3))
    total = total + frozen["bias"].numpy()
    assert np.abs(total).max() < ACCUMULATOR_LIMIT
    value = total / np.exp2(frozen["shift"].numpy().astype(np.float64))
    if extra is not None:
        value = np.rint(value) + extra
    if layer.activation:
        value = np.maximum(value, value / 8)
    return np.clip(np.rint(value), layer.lowest, layer.limit)


@pytest.mark.parametrize("size", [0.01, 1, 30])
@pytest.mark.parametrize("name", LAYERS)
def test_exact_is_what_int64_gives(name: str, size: float):
    layer = make(name, size)
    frozen = layer.freeze()
    x = activations(layer)
    assert np.array_equal(Exact(layer, frozen)(x).numpy(), in_int64(layer, frozen, x))


def test_a_level_vector_is_added_before_the_activation():
    layer = make("1x1")
    frozen, x = layer.freeze(), activations(layer)
    extra = torch.arange(40).float() - 20
    assert np.array_equal(Exact(layer, frozen)(x, extra).numpy(), in_int64(layer, frozen, x, extra.numpy()))


@pytest.mark.parametrize("name", LAYERS)
def test_batch_and_order_and_threads_do_not_matter(name: str):
    layer = make(name)
    exact, x = Exact(layer, layer.freeze()), activations(layer).repeat(3, 1, 1, 1)
    together = exact(x)
    torch.set_num_threads(2)
    one_by_one = torch.cat([exact(x[item : item + 1].clone()) for item in reversed(range(len(x)))])
    assert torch.equal(together, one_by_one.flip(0))


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


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_load_refuses_what_breaks_the_bound(part: str):
    layer = make("1x1 wide")
    frozen = layer.freeze()
    frozen[part] = frozen[part].clone()
    frozen[part][0] = WEIGHT_LIMIT if part == "weight" else ACCUMULATOR_LIMIT
    with pytest.raises(InexactModelError):
        Exact(layer, frozen)


def test_the_bound_is_sharp():
    weight = torch.zeros(1, 16, dtype=torch.int16)
    weight[0, 0] = 16000
    room = ACCUMULATOR_LIMIT - 16000 * ACTIVATION_MAX
    check_bound({"weight": weight, "bias": torch.tensor([room - 1])})
    with pytest.raises(InexactModelError):
        check_bound({"weight": weight, "bias": torch.tensor([-room])})


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
    fake, exact = layer(x).detach(), Exact(layer, layer.freeze())(x)
    assert (fake - exact).abs().max() <= 1  # a tie that float32 rounds to the other side
    assert (fake == exact).float().mean() > 0.99


def test_the_float_life_is_close():
    layer = make("1x1", 0.3)
    x = activations(layer).clamp(-200, 200)
    assert (layer(x) - Exact(layer, layer.freeze())(x)).abs().max() < 1.5


def test_gradients_pass_rounding_and_come_back_from_beyond_the_bounds():
    layer = make("1x1", 0.3)
    layer.fake = True
    layer(activations(layer).clamp(-100, 100)).sum().backward()
    assert layer.weight.grad.abs().sum() > 0 and layer.bias.grad.abs().sum() > 0

    x = torch.tensor([-5.0, 0.0, 5.0], requires_grad=True)
    (bounded(x, -1, 1) * torch.tensor([-1.0, 1.0, -1.0])).sum().backward()
    assert x.grad.tolist() == [-1, 1, 0]  # descent moves -5 up, back inside; 5 would go further out
