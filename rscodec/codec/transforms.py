"""The float transforms between pixels and latents. They affect the quality, but never whether a stream decodes.

    analysis                                             synthesis
    x (3) in 0..1                                        y^ (N), stride 16, in units
      |  unshuffle 8, 1x1 -> C                             |  1x1, shuffle 2 -> C at stride 8
      |  blocks at stride 8                                |  blocks at stride 8
      |  unshuffle 2, 1x1 -> N                             |  1x1, shuffle 2 -> T at stride 4, blocks
      + stride-16 linear shortcut (the KLT)                |--- 1x1, shuffle 4 -> 3 -----------------+
      v                                                    |  1x1, shuffle 2 -> D at stride 2, blocks|
    y (N), stride 16, in steps                             |  1x1, shuffle 2 -> 3                    |
                                                           + <---------------------------------------+
                                                           + transposed linear shortcut, + 0.5
                                                           v
                                                         x^ (3)

Models with `detail` = 0 have no blocks at stride 2. The factors of a quality (gains, steps) and the divisors of the
trained model (rscodec/networks/transforms.py) are multiplied into the first and last layers, once for each quality.

A block reaches one position further, so a tile is synthesised from more latents than its own. Before each block, the
positions that no later block needs are cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from rscodec.codec import rate
from rscodec.codec.arrays import Array, Arrays, Layer, shuffle, unshuffle
from rscodec.codec.config import STRIDE, CodecConfig
from rscodec.codec.entropy import UNIT

SLOPE = 0.05
QUALITIES_KEPT = 8
Tensors = Mapping[str, np.ndarray]


class Margin(NamedTuple):
    """How many positions a map has beyond the wanted ones, on each side."""

    top: int
    bottom: int
    left: int
    right: int

    def times(self, factor: int) -> Margin:
        return Margin(*(factor * side for side in self))

    def at_most(self, reach: int) -> Margin:
        return Margin(*(min(side, reach) for side in self))


NO_MARGIN = Margin(0, 0, 0, 0)


def cut(x: Array, margin: Margin, reach: int) -> tuple[Array, Margin]:
    """Cut a map (B, H, W, C) so that at most `reach` positions are left around the wanted ones."""
    kept = margin.at_most(reach)
    top, bottom, left, right = (side - less for side, less in zip(margin, kept, strict=True))
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right], kept


class Block:
    """Computes x + 1x1(dw3x3(leaky(1x1 x))), then x + 1x1(fold(1x1 -> 4C))."""

    def __init__(self, arrays: Arrays, tensors: Tensors, name: str, dtype: type):
        self._arrays = arrays
        self._enter, self._leave, self._expand, self._contract = (
            _layer(arrays, *_pointwise(tensors, f"{name}.{part}"), dtype)
            for part in ("enter", "leave", "expand", "contract")
        )
        kernels = tensors[f"{name}.spatial.weight"][:, 0].transpose(1, 2, 0)
        self._spatial = _layer(arrays, kernels, tensors[f"{name}.spatial.bias"], dtype)

    def __call__(self, x: Array) -> Array:
        arrays = self._arrays
        x = arrays.copy(x)
        arrays.add_product(x, arrays.depthwise(arrays.leaky_product(x, self._enter, SLOPE), self._spatial), self._leave)
        rows = x.reshape(-1, x.shape[-1])
        for first in range(0, len(rows), arrays.rows):
            some = rows[first : first + arrays.rows]
            arrays.add_product(some, arrays.folded_product(some, self._expand, SLOPE), self._contract)
        return x


class Analysis:
    """Computes y in steps (B, H/16, W/16, N) from pixels (B, 3, H, W), where H and W are multiples of 16."""

    def __init__(self, config: CodecConfig, arrays: Arrays, tensors: Tensors):
        self._arrays, self._tensors = arrays, tensors
        self._blocks = _blocks(arrays, tensors, "analysis.blocks", config.encoder_blocks, np.float32)
        self._layers: dict[int, tuple[Layer, ...]] = {}

    def _at(self, steps: int) -> tuple[Layer, Layer, Layer]:
        """Return stem, head and shortcut at one quality."""
        trunk, gain = (np.exp(rate.mix(_float(self._tensors[name]), steps)) for name in ("log_trunk_in", "log_gain"))
        weight, bias = _pointwise(self._tensors, "analysis.stem")
        stem = 2 * weight * trunk, bias * trunk
        weight, bias = _pointwise(self._tensors, "analysis.head")
        scale = _float(self._tensors["spread"]) * gain
        head = _channels_last(weight * scale, 2), bias * scale
        components = _float(self._tensors["analysis.linear.weight"])  # (N, 3, 16, 16)
        eights = components.reshape(-1, 3, 2, 8, 2, 8).transpose(2, 4, 1, 3, 5, 0).reshape(-1, len(components))
        linear = 255 * eights * gain, np.zeros_like(gain)
        layers = [Layer(*map(self._arrays.put, parts)) for parts in (stem, head, linear)]
        return layers[0], layers[1], layers[2]

    def __call__(self, pixels: np.ndarray, steps: int) -> np.ndarray:
        stem, head, linear = _kept(self._layers, steps, self._at)
        batch, _, height, width = pixels.shape
        squares = pixels.reshape(batch, 3, height // 8, 8, width // 8, 8).transpose(0, 2, 4, 1, 3, 5)
        centred = self._arrays.put(squares - np.float32(0.5)).reshape(batch, height // 8, width // 8, -1)
        features = self._arrays.product(centred, stem)
        for block in self._blocks:
            features = block(features)
        y = self._arrays.product(unshuffle(centred), linear)
        self._arrays.add_product(y, unshuffle(features), head)
        return self._arrays.get(y)


class Synthesis:
    """Computes pixels (B, 3, 16h, 16w), in `dtype` and not clipped, from y^ in units (B, h, w, N)."""

    def __init__(self, config: CodecConfig, arrays: Arrays, tensors: Tensors, dtype: type = np.float32):
        self._arrays, self._tensors, self._dtype = arrays, tensors, dtype
        trunk, tail, detail = config.synthesis_blocks
        self._trunk = _blocks(arrays, tensors, "synthesis.blocks", trunk, dtype)
        names = ["synthesis.tail", *(f"synthesis.tail_blocks.{number}" for number in range(tail - 1))]
        self._tail = [Block(arrays, tensors, name, dtype) for name in names]
        self._narrow = self._shuffling("synthesis.narrow", 2)
        self._head = self._pixels("synthesis.head")
        self._detail = None
        if config.detail:
            blocks = _blocks(arrays, tensors, "synthesis.detail.blocks", detail, dtype)
            self._detail = self._shuffling("synthesis.detail.narrow", 2), blocks, self._pixels("synthesis.detail.head")
        self._reach = (trunk, tail, detail if config.detail else 0)
        self._layers: dict[int, tuple[Layer, ...]] = {}

    def _shuffling(self, name: str, factor: int) -> Layer:
        weight, bias = _pointwise(self._tensors, name, self._dtype)
        return _layer(self._arrays, _channels_last(weight, factor, 1), _channels_last(bias, factor, 0), self._dtype)

    def _pixels(self, name: str) -> Layer:
        weight, bias = _pointwise(self._tensors, name, self._dtype)
        return _layer(self._arrays, weight / 8, bias / 8, self._dtype)

    def _at(self, steps: int) -> tuple[Layer, Layer]:
        """Return stem and shortcut at one quality."""
        tables = {
            name: np.exp(rate.mix(_float(self._tensors[name], self._dtype), steps))
            for name in ("log_step", "log_trunk_out")
        }
        step, trunk = tables["log_step"] / UNIT, tables["log_trunk_out"]
        weight, bias = _pointwise(self._tensors, "synthesis.stem", self._dtype)
        gain = np.repeat(trunk, 4)
        weight = weight * (step / _float(self._tensors["spread"], self._dtype))[:, None] * gain
        stem = _channels_last(weight, 2, 1), _channels_last(bias * gain, 2, 0)
        kernels = _float(self._tensors["synthesis.linear.weight"], self._dtype)
        linear = kernels.reshape(len(kernels), -1) * (step / 255)[:, None], np.full(3 * STRIDE**2, 0.5)
        return _layer(self._arrays, *stem, self._dtype), _layer(self._arrays, *linear, self._dtype)

    def __call__(self, latents: np.ndarray, steps: int, margin: Margin = NO_MARGIN) -> np.ndarray:
        """Return the pixels of the latents without their margin. The pixels depend on the latents in the margin."""
        arrays, (trunk, tail, detail) = self._arrays, self._reach
        stem, linear = _kept(self._layers, steps, self._at)
        y = arrays.put(latents, self._dtype)
        later = -(-(2 * tail + detail) // 4)  # positions at stride 8 that the blocks at smaller strides reach
        x, around = shuffle(arrays.product(y, stem)), margin.times(2)
        for number, block in enumerate(self._trunk):
            x, around = cut(x, around, trunk - number + later)
            x = block(x)
        x, around = cut(x, around, later)
        x, around = shuffle(arrays.product(x, self._narrow)), around.times(2)
        for number, block in enumerate(self._tail):
            x, around = cut(x, around, tail - number + -(-detail // 2))
            x = block(x)
        pixels = _planes(arrays.get(arrays.product(cut(y, margin, 0)[0], linear)), STRIDE)
        batch, _, high, _, wide, _ = pixels.shape
        pixels = np.ascontiguousarray(pixels).reshape(batch, 3, STRIDE * high, STRIDE * wide)
        _add(pixels, arrays.get(arrays.product(cut(x, around, 0)[0], self._head)), 4)
        if self._detail:
            narrow, blocks, head = self._detail
            x, around = cut(x, around, -(-detail // 2))
            x, around = shuffle(arrays.product(x, narrow)), around.times(2)
            for number, block in enumerate(blocks):
                x, around = cut(x, around, detail - number)
                x = block(x)
            _add(pixels, arrays.get(arrays.product(cut(x, around, 0)[0], head)), 2)
        return pixels

    def sketch(self, latents: np.ndarray, steps: int, detail: int) -> np.ndarray:
        """Return the shortcut's output for the first channels of y^, at `detail` x `detail` pixels per latent."""
        kernels = _float(self._tensors["synthesis.linear.weight"])[: latents.shape[-1]]
        cell = STRIDE // detail
        small = kernels.reshape(*kernels.shape[:2], detail, cell, detail, cell).mean((3, 5))
        step = np.exp(rate.mix(_float(self._tensors["log_step"]), steps))[: len(kernels)] / UNIT
        batch, height, width, channels = latents.shape
        y = latents.astype(np.float32) * (step / 255)
        pixels = y.reshape(-1, channels) @ small.reshape(channels, -1) + np.float32(0.5)
        planes = _planes(pixels.reshape(batch, height, width, -1), detail)
        return planes.reshape(batch, 3, detail * height, detail * width)


def _planes(pixels: np.ndarray, edge: int) -> np.ndarray:
    """Turn (B, h, w, (colour, row, column)) into planes, as a view (B, 3, h, edge, w, edge)."""
    return pixels.reshape(*pixels.shape[:3], 3, edge, edge).transpose(0, 3, 1, 4, 2, 5)


def _add(pixels: np.ndarray, refinement: np.ndarray, edge: int) -> None:
    batch, _, height, width = pixels.shape
    pixels.reshape(batch, 3, height // edge, edge, width // edge, edge)[...] += _planes(refinement, edge)


def _kept(layers: dict[int, tuple[Layer, ...]], steps: int, make: Callable[[int], tuple[Layer, ...]]) -> Any:
    """Return the layers of a quality. The layers of the last few qualities are kept."""
    found = layers.get(steps)
    if found is None:
        found = make(steps)
        if len(layers) >= QUALITIES_KEPT:
            layers.clear()
        layers[steps] = found
    return found


def _blocks(arrays: Arrays, tensors: Tensors, name: str, count: int, dtype: type) -> list[Block]:
    return [Block(arrays, tensors, f"{name}.{number}", dtype) for number in range(count)]


def _float(values: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    return values.astype(dtype)


def _pointwise(tensors: Tensors, name: str, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Return weight (inputs, outputs) and bias of a 1x1 convolution."""
    weight = _float(tensors[f"{name}.weight"], dtype)
    return weight.reshape(weight.shape[:2]).T, _float(tensors[f"{name}.bias"], dtype)


def _layer(arrays: Arrays, weight: np.ndarray, bias: np.ndarray, dtype: type) -> Layer:
    return Layer(arrays.put(weight, dtype), arrays.put(bias, dtype))


def _channels_last(values: np.ndarray, factor: int, axis: int = 0) -> np.ndarray:
    """Reorder an axis of (channel, row, column), the order of a trained shuffle, to (row, column, channel)."""
    count = values.shape[axis] // factor**2
    order = np.arange(values.shape[axis]).reshape(count, factor**2).T.reshape(-1)
    return values.take(order, axis)
