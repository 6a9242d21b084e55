"""The operations of arrays.py on NumPy.

BLAS computes the products. The steps after a product are one pass over memory in C (`_layers.c`) if the extension was
built. Otherwise, NumPy makes a few passes, in pieces that stay in the cache. Both give the same integers; float results
may differ by rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rscodec.codec.arrays import Arrays, ExactLayer, Layer

try:
    from rscodec.codec import _layers
except ImportError:  # the extension was not built, because there was no C compiler
    _layers = None  # type: ignore[assignment]

EXACT_SLOPE = 0.125
PIECE = 2**15  # elements of one piece: few enough to stay in the cache while NumPy passes over them several times


class NumpyArrays(Arrays):
    name, software, parallel = "cpu", "NumPy", True
    rows = 256

    def put(self, values: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        return np.ascontiguousarray(values, dtype)

    def get(self, values: np.ndarray) -> np.ndarray:
        return values

    def copy(self, values: np.ndarray) -> np.ndarray:
        return np.array(values, order="C")

    def concat(self, parts: list[np.ndarray], axis: int) -> np.ndarray:
        return np.concatenate(parts, axis)

    def zeros(self, like: np.ndarray, *shape: int) -> np.ndarray:
        return np.zeros(shape, like.dtype)

    def product(self, x: np.ndarray, layer: Layer) -> np.ndarray:
        total = _times(x, layer.weight)
        total += layer.bias
        return total

    def leaky_product(self, x: np.ndarray, layer: Layer, slope: float) -> np.ndarray:
        total = _times(x, layer.weight)
        if _layers:
            _layers.leaky(total, layer.bias, slope)
        else:
            for piece in _pieces(total):
                piece += layer.bias
                np.maximum(piece, piece * piece.dtype.type(slope), out=piece)
        return total

    def folded_product(self, x: np.ndarray, layer: Layer, slope: float) -> np.ndarray:
        total = _times(x, layer.weight)
        half = total.shape[-1] // 2
        if _layers:
            folded = np.empty((*total.shape[:-1], half), total.dtype)
            _layers.fold(total, layer.bias, slope, folded)
            return folded
        total += layer.bias
        np.maximum(total, total * total.dtype.type(slope), out=total)
        return total[..., :half] + total[..., half:]

    def add_product(self, total: np.ndarray, x: np.ndarray, layer: Layer) -> None:
        added = _times(x, layer.weight)
        if _layers:
            _layers.add(total, added, layer.bias)
        else:
            added += layer.bias
            total += added

    def depthwise(self, x: np.ndarray, layer: Layer) -> np.ndarray:
        x = np.ascontiguousarray(x)
        total = np.empty_like(x)
        if _layers:
            _layers.depthwise(x, layer.weight, layer.bias, total)
            return total
        step = max(1, PIECE // (x.shape[2] * x.shape[3]))
        for first in range(0, x.shape[1], step):
            for image, result in zip(x, total, strict=True):
                _convolve_rows(image, layer, result, first, min(first + step, len(image)))
        return total

    def finish(self, total: np.ndarray, layer: ExactLayer, extra: np.ndarray | None = None) -> np.ndarray:
        if _layers:
            slope = EXACT_SLOPE if layer.activation else 1.0
            _layers.finish(total, layer.bias, layer.scale, extra, slope, layer.lowest, layer.limit)
            return total
        for piece in _pieces(total):
            piece += layer.bias
            piece *= layer.scale
            if extra is not None:
                np.round(piece, out=piece)
                piece += extra
            if layer.activation:
                np.maximum(piece, piece * np.float32(EXACT_SLOPE), out=piece)
            np.round(piece, out=piece)
            np.clip(piece, layer.lowest, layer.limit, out=piece)
        return total

    def exact_product(self, x: np.ndarray, layer: ExactLayer, extra: np.ndarray | None = None) -> np.ndarray:
        return self.finish(_times(x, layer.weight), layer, extra)

    def exact_depthwise(self, x: np.ndarray, layer: ExactLayer) -> np.ndarray:
        unbiased = Layer(layer.weight, np.zeros_like(layer.bias))
        return self.finish(self.depthwise(x, unbiased), layer)


def _times(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Compute x W as one product. Without the reshape, NumPy would compute a separate product for each row of a map."""
    return (x.reshape(-1, x.shape[-1]) @ weight).reshape(*x.shape[:-1], weight.shape[1])


def _pieces(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield views of a contiguous array, each of some rows."""
    rows = values.reshape(-1, values.shape[-1])
    step = max(1, PIECE // rows.shape[1])
    for first in range(0, len(rows), step):
        yield rows[first : first + step]


def _convolve_rows(x: np.ndarray, layer: Layer, result: np.ndarray, first: int, end: int) -> None:
    """Compute rows first..end of the convolution of one map (H, W, C)."""
    height, width = x.shape[:2]
    result[first:end] = layer.bias
    for down in (-1, 0, 1):
        top, bottom = max(first, -down), min(end, height - down)
        for right in (-1, 0, 1):
            left, stop = max(0, -right), min(width, width - right)
            source = x[top + down : bottom + down, left + right : stop + right]
            result[top:bottom, left:stop] += source * layer.weight[down + 1, right + 1]


NUMPY = NumpyArrays()
