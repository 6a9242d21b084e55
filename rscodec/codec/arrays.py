"""The operations that the networks of the codec need from an array library: products and the steps after them.

    NumpyArrays (numpy_arrays.py)                          everywhere
    TorchArrays (rscodec/networks/torch_arrays.py)         on a GPU

Arrays have their channels last: (..., C). Maps are (B, H, W, C). Slices, `reshape` and arithmetic are those of the
library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # an array of NumPy or of torch


@dataclass(frozen=True)
class Layer:
    """`weight` is (inputs, outputs) for a product, (3, 3, channels) for a depthwise convolution. `bias` is
    (outputs,).
    """

    weight: Array
    bias: Array


@dataclass(frozen=True)
class ExactLayer(Layer):
    """A layer of integers (integer.py). Results are multiplied by `scale`, activated if `activation`, rounded, and
    clamped to `lowest`..`limit`.
    """

    scale: Array
    activation: bool
    lowest: int
    limit: int


class Arrays(ABC):
    """`name` is the name of the device, `software` that of the library. If `parallel`, several threads may compute at
    the same time. `rows` is the number of positions that go through a block together; it is small enough that the
    values between the layers stay in the cache.
    """

    name: str
    software: str
    parallel: bool
    rows: int

    @abstractmethod
    def put(self, values: np.ndarray, dtype: type = np.float32) -> Array:
        """Copy the values into the library's memory."""

    @abstractmethod
    def get(self, values: Array) -> np.ndarray:
        """Return the values as a NumPy array."""

    @abstractmethod
    def copy(self, values: Array) -> Array:
        """Return a contiguous copy."""

    @abstractmethod
    def concat(self, parts: list[Array], axis: int) -> Array: ...

    @abstractmethod
    def zeros(self, like: Array, *shape: int) -> Array:
        """Return zeros of the number type of `like`."""

    @abstractmethod
    def product(self, x: Array, layer: Layer) -> Array:
        """Return x W + b."""

    @abstractmethod
    def leaky_product(self, x: Array, layer: Layer, slope: float) -> Array:
        """Return leaky(x W + b), where leaky(v) = max(v, slope v)."""

    @abstractmethod
    def folded_product(self, x: Array, layer: Layer, slope: float) -> Array:
        """Return the sum of the two halves of leaky(x W + b)."""

    @abstractmethod
    def add_product(self, total: Array, x: Array, layer: Layer) -> None:
        """Add x W + b to `total`."""

    @abstractmethod
    def depthwise(self, x: Array, layer: Layer) -> Array:
        """Convolve each channel of (B, H, W, C) by itself with a 3x3 kernel. The map is padded with zeros."""

    @abstractmethod
    def finish(self, total: Array, layer: ExactLayer, extra: Array | None = None) -> Array:
        """Compute the result of an exact layer from x W, in place. Add `extra` (outputs,) after a first rounding."""

    @abstractmethod
    def exact_product(self, x: Array, layer: ExactLayer, extra: Array | None = None) -> Array: ...

    @abstractmethod
    def exact_depthwise(self, x: Array, layer: ExactLayer) -> Array: ...


def shuffle(x: Array) -> Array:
    """Rearrange (B, H, W, 4C) to (B, 2H, 2W, C)."""
    b, h, w, c = x.shape
    return x.reshape(b, h, w, 2, 2, c // 4).swapaxes(2, 3).reshape(b, 2 * h, 2 * w, c // 4)


def unshuffle(x: Array) -> Array:
    """Rearrange (B, 2H, 2W, C) to (B, H, W, 4C)."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(b, h // 2, w // 2, 4 * c)
