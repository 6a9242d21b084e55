"""What follows the products, in C and in NumPy: the same numbers, and no reading or writing beyond an array."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.codec import numpy_arrays
from rscodec.codec.arrays import ExactLayer, Layer
from rscodec.codec.numpy_arrays import NumpyArrays

SHAPES = [(1, 1, 1, 4), (2, 3, 5, 16), (1, 9, 1, 8), (1, 1, 7, 2), (3, 17, 33, 24), (1, 0, 4, 6)]


def some(dtype: type, *shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(0, 3, shape).astype(dtype)


@pytest.fixture
def both(layers_in_c, monkeypatch):
    """both(call): what it gives with the loops in C, and with those in NumPy."""

    def run(call):
        found = []
        for module in (layers_in_c, None):
            monkeypatch.setattr(numpy_arrays, "_layers", module)
            found.append(call(NumpyArrays()))
        return found

    return run


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_floats_agree(both, shape, dtype):
    x, width = some(dtype, *shape), shape[-1]
    square, wide = (Layer(some(dtype, width, n), some(dtype, n)) for n in (width, 4 * width))
    kernels = Layer(some(dtype, 3, 3, width), some(dtype, width))

    def added(arrays: NumpyArrays) -> np.ndarray:
        total = x.copy()
        arrays.add_product(total, x, square)
        return total

    for call in (
        lambda arrays: arrays.leaky_product(x, wide, 0.05),
        lambda arrays: arrays.folded_product(x, wide, 0.05),
        lambda arrays: arrays.depthwise(x, kernels),
        added,
    ):
        in_c, in_numpy = both(call)
        assert in_c.dtype == in_numpy.dtype == dtype and in_c.shape == in_numpy.shape
        assert np.allclose(in_c, in_numpy, rtol=100 * np.finfo(dtype).eps, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation, lowest, limit", [(True, -1023, 1023), (False, 0, 63)])
def test_integers_are_equal(both, shape, activation, lowest, limit):
    rng, width = np.random.default_rng(0), shape[-1]
    total = rng.integers(-(2**23), 2**23, shape).astype(np.float32)
    bias, extra = (rng.integers(-(2**20), 2**20, width).astype(np.float32) for _ in range(2))
    layer = ExactLayer(bias, bias, np.exp2(-rng.integers(0, 20, width)).astype(np.float32), activation, lowest, limit)
    for more in (None, extra):
        in_c, in_numpy = both(lambda arrays, more=more: arrays.finish(total.copy(), layer, more))
        assert np.array_equal(in_c, in_numpy)


def test_a_view_is_convolved_as_its_copy(both):
    x = some(np.float32, 2, 9, 11, 8)
    kernels = Layer(some(np.float32, 3, 3, 8), some(np.float32, 8))
    for found in both(lambda arrays: arrays.depthwise(x[:, 1:7, 2:9], kernels)):
        expected = NumpyArrays().depthwise(x[:, 1:7, 2:9].copy(), kernels)
        assert np.allclose(found, expected, atol=1e-4)


X, BIAS, OUT = np.zeros((2, 3, 4, 8), np.float32), np.zeros(8, np.float32), np.zeros((2, 3, 4, 4), np.float32)
KERNELS = np.zeros((3, 3, 8), np.float32)


@pytest.mark.parametrize(
    "name, arguments, error",
    [
        ("leaky", (X, BIAS[:7], 0.1), ValueError),
        ("leaky", (X, BIAS.astype(float), 0.1), ValueError),
        ("leaky", (X.astype(np.int32), BIAS, 0.1), ValueError),
        ("leaky", (np.float32(1), BIAS, 0.1), (ValueError, TypeError, BufferError)),
        ("leaky", (X[:, ::2], BIAS, 0.1), (ValueError, BufferError)),
        ("leaky", (X, BIAS), TypeError),
        ("fold", (X, BIAS, 0.1, OUT[:, :2]), (ValueError, BufferError)),
        ("fold", (X, BIAS, 0.1, OUT[:1]), ValueError),
        ("fold", (X, BIAS, 0.1, X.copy()), ValueError),
        ("add", (X, X[:1], BIAS), ValueError),
        ("add", (X, X, BIAS[:3]), ValueError),
        ("depthwise", (X[0], KERNELS, BIAS, X[0].copy()), ValueError),
        ("depthwise", (X, KERNELS[:2], BIAS, X.copy()), ValueError),
        ("depthwise", (X, KERNELS, BIAS, X[:1].copy()), ValueError),
        ("finish", (X, BIAS, BIAS[:2], None, 1.0, 0.0, 1.0), ValueError),
        ("finish", (X, BIAS, BIAS, BIAS[:2], 1.0, 0.0, 1.0), ValueError),
        ("finish", (X.astype(float), BIAS.astype(float), BIAS.astype(float), None, 1.0, 0.0, 1.0), ValueError),
    ],
)
def test_arrays_that_do_not_fit_are_refused(layers_in_c, name, arguments, error):
    with pytest.raises(error):
        getattr(layers_in_c, name)(*arguments)


def test_what_must_not_change_is_not_written(layers_in_c):
    fixed = X.copy()
    fixed.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        layers_in_c.leaky(fixed, BIAS, 0.1)
    layers_in_c.add(X.copy(), fixed, BIAS)
