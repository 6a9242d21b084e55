"""The operations of rscodec/codec/arrays.py on torch: for a GPU, and on the CPU for tests."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from rscodec.codec.arrays import Arrays, ExactLayer, Layer
from rscodec.codec.numpy_arrays import EXACT_SLOPE
from rscodec.networks.precision import exactly

TYPES = {np.float32: torch.float32, np.float64: torch.float64}


class TorchArrays(Arrays):
    """The arrays of one device."""

    software, parallel = "torch", False
    rows = 2**30  # a GPU processes all positions at once

    def __init__(self, device: str):
        self.name, self._device = device, torch.device(device)

    def put(self, values: np.ndarray, dtype: type = np.float32) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device, TYPES[dtype])

    def get(self, values: torch.Tensor) -> np.ndarray:
        return values.cpu().numpy()

    def copy(self, values: torch.Tensor) -> torch.Tensor:
        return values.clone(memory_format=torch.contiguous_format)

    def concat(self, parts: list[torch.Tensor], axis: int) -> torch.Tensor:
        return torch.cat(parts, axis)

    def zeros(self, like: torch.Tensor, *shape: int) -> torch.Tensor:
        return like.new_zeros(shape)

    def product(self, x: torch.Tensor, layer: Layer) -> torch.Tensor:
        return self._times(x, layer).add_(layer.bias)

    def leaky_product(self, x: torch.Tensor, layer: Layer, slope: float) -> torch.Tensor:
        return F.leaky_relu_(self.product(x, layer), slope)

    def folded_product(self, x: torch.Tensor, layer: Layer, slope: float) -> torch.Tensor:
        first, second = self.leaky_product(x, layer, slope).chunk(2, -1)
        return first + second

    def add_product(self, total: torch.Tensor, x: torch.Tensor, layer: Layer) -> None:
        total += self.product(x, layer)

    def depthwise(self, x: torch.Tensor, layer: Layer) -> torch.Tensor:
        return self._convolved(x, layer).add_(layer.bias)

    def finish(self, total: torch.Tensor, layer: ExactLayer, extra: torch.Tensor | None = None) -> torch.Tensor:
        total.add_(layer.bias).mul_(layer.scale)
        if extra is not None:
            total.round_().add_(extra)
        if layer.activation:
            F.leaky_relu_(total, EXACT_SLOPE)
        return total.round_().clamp_(layer.lowest, layer.limit)

    def exact_product(self, x: torch.Tensor, layer: ExactLayer, extra: torch.Tensor | None = None) -> torch.Tensor:
        return self.finish(self._times(x, layer), layer, extra)

    def exact_depthwise(self, x: torch.Tensor, layer: ExactLayer) -> torch.Tensor:
        return self.finish(self._convolved(x, layer), layer)

    @staticmethod
    def _times(x: torch.Tensor, layer: Layer) -> torch.Tensor:
        with exactly():
            return x @ layer.weight

    @staticmethod
    def _convolved(x: torch.Tensor, layer: Layer) -> torch.Tensor:
        kernels = layer.weight.permute(2, 0, 1).unsqueeze(1)
        with exactly():
            maps = F.conv2d(x.permute(0, 3, 1, 2), kernels, padding=1, groups=x.shape[-1])
        return maps.permute(0, 2, 3, 1).contiguous()
