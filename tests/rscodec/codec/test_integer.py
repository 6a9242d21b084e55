"""Integer layers: bounded, and the same as int64 arithmetic whatever they run on."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from rscodec.bitstreams.errors import InexactModelError
from rscodec.codec.arrays import Arrays, ExactLayer
from rscodec.codec.integer import ACCUMULATOR_LIMIT, ACTIVATION_MAX, WEIGHT_LIMIT, check_bound, exact_layer
from rscodec.codec.numpy_arrays import NumpyArrays

LIMITS = {"mu": (False, -(2**13) + 1, 2**13 - 1), "index": (False, 0, 63)}
LAYERS = {  # shapes of weights
    "1x1": (40, 24),
    "1x1 wide": (16, 480),
    "depthwise": (24, 1, 3, 3),
    "mu": (12, 24),
    "index": (12, 24),
}


def make(name: str, size: float = 1.0) -> dict[str, np.ndarray]:
    """Integers that fill the bound to about `size`, by the names that a weights file has for them."""
    rng, shape = np.random.default_rng(7), LAYERS[name]
    weight = rng.normal(0, 1, shape)
    mass = np.abs(weight).reshape(len(weight), -1).sum(1) * ACTIVATION_MAX
    largest = 0.9 * size * (ACCUMULATOR_LIMIT - 2**17) / mass
    weight *= np.minimum(largest, 30_000 / np.abs(weight).reshape(len(weight), -1).max(1)).reshape(
        -1, *[1] * (len(shape) - 1)
    )
    tensors = weight.astype(np.int16), rng.integers(-(2**16), 2**16, shape[0]), rng.integers(0, 14, shape[0])
    kinds = np.int16, np.int32, np.int8
    names = ("weight", "bias", "shift")
    return {f"exact.it.{part}": one.astype(kind) for part, one, kind in zip(names, tensors, kinds, strict=True)}


def layer_of(arrays: Arrays, name: str, tensors: dict[str, np.ndarray]) -> ExactLayer:
    return exact_layer(arrays, tensors, "it", *LIMITS.get(name, ()))


def activations(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Any integers that an earlier layer could give, its extremes among them."""
    weight = tensors["exact.it.weight"]
    channels = weight.shape[1] if weight.ndim == 2 else weight.shape[0]
    rng = np.random.default_rng(1)
    x = rng.integers(-ACTIVATION_MAX, ACTIVATION_MAX + 1, (2, 5, 7, channels)).astype(np.float32)
    x[0, 0, 0], x[0, 0, 1] = ACTIVATION_MAX, -ACTIVATION_MAX
    return x


def in_int64(name: str, tensors: dict[str, np.ndarray], x: np.ndarray, extra: np.ndarray | None = None) -> np.ndarray:
    """The layer as its docstring defines it, in 64-bit integers up to the power of two."""
    activation, lowest, limit = LIMITS.get(name, (True, -ACTIVATION_MAX, ACTIVATION_MAX))
    weight, bias, shift = (tensors[f"exact.it.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    x = x.astype(np.int64)
    if weight.ndim == 2:
        total = x @ weight.T
    else:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = x.shape[1:3]
        total = sum(padded[:, r : r + height, c : c + width] * weight[:, 0, r, c] for r in range(3) for c in range(3))
    total = total + bias
    assert np.abs(total).max() < ACCUMULATOR_LIMIT
    value = total / np.exp2(shift)
    if extra is not None:
        value = np.rint(value) + extra
    if activation:
        value = np.maximum(value, value / 8)
    return np.clip(np.rint(value), lowest, limit)


def computed(arrays: Arrays, layer: ExactLayer, x: np.ndarray, extra: np.ndarray | None = None) -> np.ndarray:
    if layer.weight.ndim == 3:
        return arrays.get(arrays.exact_depthwise(arrays.put(x), layer))
    return arrays.get(arrays.exact_product(arrays.put(x), layer, None if extra is None else arrays.put(extra)))


@pytest.fixture(params=["NumPy", "torch"])
def arrays(request, layers) -> Arrays:
    if request.param == "NumPy":
        return NumpyArrays()
    pytest.importorskip("torch")
    from rscodec.networks.torch_arrays import TorchArrays

    return TorchArrays("cpu")


@pytest.mark.parametrize("size", [0.01, 0.3, 1])
@pytest.mark.parametrize("name", LAYERS)
def test_exact_is_what_int64_gives(arrays, name: str, size: float):
    tensors = make(name, size)
    x = activations(tensors)
    assert np.array_equal(computed(arrays, layer_of(arrays, name, tensors), x), in_int64(name, tensors, x))


def test_a_level_vector_is_added_before_the_activation(arrays):
    tensors = make("1x1")
    x, extra = activations(tensors), np.arange(40) - np.float32(20)
    assert np.array_equal(
        computed(arrays, layer_of(arrays, "1x1", tensors), x, extra), in_int64("1x1", tensors, x, extra)
    )


@pytest.mark.parametrize("name", LAYERS)
def test_batch_and_order_and_threads_do_not_matter(arrays, name: str):
    tensors = make(name)
    exact, x = layer_of(arrays, name, tensors), np.repeat(activations(tensors), 3, 0)
    with threadpool_limits(1):
        together = computed(arrays, exact, x)
    with threadpool_limits(2):
        one_by_one = [computed(arrays, exact, x[item : item + 1]) for item in reversed(range(len(x)))]
    assert np.array_equal(together, np.concatenate(one_by_one)[::-1])


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_layer_that_breaks_the_bound_is_refused(part: str):
    tensors = make("1x1 wide")
    tensors[f"exact.it.{part}"][0] = WEIGHT_LIMIT if part == "weight" else ACCUMULATOR_LIMIT
    with pytest.raises(InexactModelError):
        layer_of(NumpyArrays(), "1x1 wide", tensors)


def test_the_bound_is_sharp():
    weight = np.zeros((1, 16), np.int16)
    weight[0, 0] = 16000
    room = ACCUMULATOR_LIMIT - 16000 * ACTIVATION_MAX
    check_bound(weight, np.array([room - 1]))
    with pytest.raises(InexactModelError):
        check_bound(weight, np.array([-room]))
