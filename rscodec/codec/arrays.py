"""What the networks of the codec need of a library of arrays: products and what follows them.

    NumpyArrays (numpy_arrays.py)                          everywhere
    TorchArrays (rscodec/networks/torch_arrays.py)         on a GPU

Arrays have their channels last: (..., C), maps (B, H, W, C). Slices, `reshape` and arithmetic are the library's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # of numpy or of torch


@dataclass(frozen=True)
class Layer:
    """`weight` (inputs, outputs) of a product, or (3, 3, channels) of a depthwise convolution; `bias` (outputs,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class ExactLayer(Layer):
    """A layer of integers (integer.py): its results are `scale`d, activated if it is so, rounded and limited."""

    scale: Array
    activation: bool
    lowest: int
    limit: int


class Arrays(ABC):
    """`name`: of the device. `parallel`: threads may compute side by side. `rows`: how many positions go through a
    block together, so that what is between its layers stays in the cache.
    """

    name: str
    library: str
    parallel: bool
    rows: int

    @abstractmethod
    def put(self, values: np.ndarray, dtype: type = np.float32) -> Array:
        """The same values in the library's memory."""

    @abstractmethod
    def get(self, values: Array) -> np.ndarray:
        """The way back."""

    @abstractmethod
    def copy(self, values: Array) -> Array:
        """A contiguous copy."""

    @abstractmethod
    def concat(self, parts: list[Array], axis: int) -> Array: ...

    @abstractmethod
    def zeros(self, like: Array, *shape: int) -> Array:
        """Zeros of the number type of `like`."""

    @abstractmethod
    def product(self, x: Array, layer: Layer) -> Array:
        """x W + b"""

    @abstractmethod
    def leaky_product(self, x: Array, layer: Layer, slope: float) -> Array:
        """leaky(x W + b), where leaky(v) = max(v, slope v)."""

    @abstractmethod
    def folded_product(self, x: Array, layer: Layer, slope: float) -> Array:
        """The sum of the two halves of leaky(x W + b)."""

    @abstractmethod
    def add_product(self, total: Array, x: Array, layer: Layer) -> None:
        """total += x W + b"""

    @abstractmethod
    def depthwise(self, x: Array, layer: Layer) -> Array:
        """A 3x3 convolution of each channel by itself, zeros around the map: (B, H, W, C) -> the same."""

    @abstractmethod
    def finish(self, total: Array, layer: ExactLayer, extra: Array | None = None) -> Array:
        """What an exact layer makes of x W, in place. `extra` (outputs,) is added after a first rounding."""

    @abstractmethod
    def exact_product(self, x: Array, layer: ExactLayer, extra: Array | None = None) -> Array: ...

    @abstractmethod
    def exact_depthwise(self, x: Array, layer: ExactLayer) -> Array: ...


def shuffle(x: Array) -> Array:
    """(B, H, W, 4C) -> (B, 2H, 2W, C)."""
    b, h, w, c = x.shape
    return x.reshape(b, h, w, 2, 2, c // 4).swapaxes(2, 3).reshape(b, 2 * h, 2 * w, c // 4)


def unshuffle(x: Array) -> Array:
    """(B, 2H, 2W, C) -> (B, H, W, 4C)."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(b, h // 2, w // 2, 4 * c)
