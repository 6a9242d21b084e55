"""Layers whose results are the same on every machine: integers carried in float32.

If weights and activations are integers and, for every output channel,

    sum |w| * ACTIVATION_MAX + |b|  <  2^24                                                  (the bound)

then every partial sum of a float32 product is an integer that float32 holds exactly, so the result does not depend on
the order of summation: not on threads, instruction set, batch size or device (TF32 must be off). A layer is

    accumulate = W x + b          integers, exact by the bound
    value      = accumulate / 2^shift    per output channel, exact: a power of two
    value      = max(value, value / 8)   where the layer has an activation, exact for the same reason
    out        = clamp(round(value))     round half to even, |out| <= the layer's limit

The same layer has three lives. *Float*: training, with real weights and no rounding. *Fake*: the last phase of
training, weights and activations rounded on the grid they will have, gradients passed straight through. *Exact*: what
encodes and decodes; only integers, made once by `freeze` when a model is exported. Activations have one unit in all.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.bitstreams.errors import InexactModelError

ACTIVATION_MAX = 1023
ACCUMULATOR_LIMIT = 2**24
WEIGHT_LIMIT = 2**15 - 1
SHIFT_MAX = 20
BIAS_UNIT = 32.0  # a bias parameter of 1 is this many activation units, which is what activations typically are


def round_through(x: torch.Tensor) -> torch.Tensor:
    """round(x) whose gradient is that of x."""
    return x + (torch.round(x) - x).detach()


class _Bounded(torch.autograd.Function):
    """clamp whose gradient still flows where it would bring the value back inside."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, low: float, high: float) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.limits = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (x,) = ctx.saved_tensors
        low, high = ctx.limits
        inward = ((x >= low) | (gradient < 0)) & ((x <= high) | (gradient > 0))
        return gradient * inward, None, None


def bounded(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return _Bounded.apply(x, low, high) if x.requires_grad else x.clamp(low, high)


class IntegerLayer(nn.Module):
    """What the two kinds of layer share: quantisation, requantisation, and the three lives."""

    def __init__(self, weight_shape: tuple[int, ...], activation: bool, limit: int, lowest: int | None = None):
        super().__init__()
        fan_in = weight_shape[1] if len(weight_shape) == 2 else weight_shape[-1] * weight_shape[-2]
        self.weight = nn.Parameter(torch.randn(weight_shape) * (1.5 / fan_in) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(weight_shape[0]))
        self.activation = activation
        self.limit = limit
        self.lowest = -limit if lowest is None else lowest
        self.fake = False

    def shifts(self) -> torch.Tensor:
        """The finest power-of-two grid for each output channel that keeps the bound (and 16-bit weights)."""
        weight = self.weight.detach().flatten(1).double()
        count = weight.shape[1]
        mass = weight.abs().sum(1) * ACTIVATION_MAX + (self.bias.detach().double() * BIAS_UNIT).abs()
        room = ACCUMULATOR_LIMIT - (count / 2 + 1) * ACTIVATION_MAX  # what rounding may add to the mass
        by_bound = torch.floor(torch.log2(room / mass.clamp(min=1e-9)))
        by_width = torch.floor(torch.log2(WEIGHT_LIMIT / weight.abs().amax(1).clamp(min=1e-9)))
        return torch.minimum(by_bound, by_width).clamp(0, SHIFT_MAX)

    def freeze(self) -> dict[str, torch.Tensor]:
        """The integers of this layer: weight (int16), bias (int32), shift (int8). Raises if the bound does not hold."""
        shift = self.shifts()
        grid = torch.exp2(shift)
        weight = torch.round(self.weight.detach().double() * grid.view(-1, *[1] * (self.weight.dim() - 1)))
        bias = torch.round(self.bias.detach().double() * BIAS_UNIT * grid)
        frozen = {"weight": weight.to(torch.int16), "bias": bias.to(torch.int32), "shift": shift.to(torch.int8)}
        check_bound(frozen)
        return frozen

    def thaw(self, frozen: dict[str, torch.Tensor]) -> None:
        """Set the real parameters to what the integers stand for, so that training can go on from a shipped model."""
        grid = torch.exp2(frozen["shift"].double())
        with torch.no_grad():
            self.weight.copy_(frozen["weight"].double() / grid.view(-1, *[1] * (self.weight.dim() - 1)))
            self.bias.copy_(frozen["bias"].double() / grid / BIAS_UNIT)

    def real_parameters(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias in activation units; on the integer grid in the fake life."""
        weight: torch.Tensor = self.weight
        bias = self.bias * BIAS_UNIT
        if self.fake:
            grid = torch.exp2(self.shifts()).to(weight.dtype)
            shaped = grid.view(-1, *[1] * (weight.dim() - 1))
            weight, bias = round_through(weight * shaped) / shaped, round_through(bias * grid) / grid
        return weight, bias

    def finish(self, value: torch.Tensor) -> torch.Tensor:
        if self.activation:
            value = F.leaky_relu(value, 0.125)
        if self.fake:
            value = round_through(value)
        return bounded(value, self.lowest, self.limit)


def check_bound(frozen: dict[str, torch.Tensor]) -> None:
    """Raise unless sum |w| * ACTIVATION_MAX + |b| < 2^24 for every output channel."""
    mass = frozen["weight"].double().flatten(1).abs().sum(1) * ACTIVATION_MAX + frozen["bias"].double().abs()
    if float(mass.max()) >= ACCUMULATOR_LIMIT:
        raise InexactModelError(f"a channel can reach {float(mass.max()):.0f}, which is not below 2^24")


class Pointwise(IntegerLayer):
    """1x1 convolution as a matrix product over the last axis: (..., inputs) -> (..., outputs)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        activation: bool = True,
        limit: int = ACTIVATION_MAX,
        lowest: int | None = None,
    ):
        super().__init__((outputs, inputs), activation, limit, lowest)

    def forward(self, x: torch.Tensor, extra_bias: torch.Tensor | None = None) -> torch.Tensor:
        weight, bias = self.real_parameters()
        value = F.linear(x, weight, bias)
        return self.finish(value if extra_bias is None else value + extra_bias)


class Depthwise(IntegerLayer):
    """3x3 depthwise convolution with zero padding: (B, H, W, C) -> the same."""

    def __init__(self, channels: int, activation: bool = True):
        super().__init__((channels, 1, 3, 3), activation, ACTIVATION_MAX)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.real_parameters()
        value = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1, groups=x.shape[-1])
        return self.finish(value.permute(0, 2, 3, 1))


class Exact(nn.Module):
    """A frozen layer: the third life of a Pointwise or Depthwise layer. No gradient, no real number."""

    weight: torch.Tensor
    bias: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layer: IntegerLayer, frozen: dict[str, torch.Tensor]):
        super().__init__()
        check_bound(frozen)
        self.activation, self.limit, self.lowest = layer.activation, layer.limit, layer.lowest
        self.register_buffer("weight", frozen["weight"].float(), persistent=False)
        self.register_buffer("bias", frozen["bias"].float(), persistent=False)
        self.register_buffer("scale", torch.exp2(-frozen["shift"].float()), persistent=False)

    def forward(self, x: torch.Tensor, extra_bias: torch.Tensor | None = None) -> torch.Tensor:
        if self.weight.dim() == 2:
            value = F.linear(x, self.weight, self.bias).mul_(self.scale)
        else:
            nchw = F.conv2d(x.permute(0, 3, 1, 2), self.weight, self.bias, padding=1, groups=x.shape[-1])
            value = nchw.permute(0, 2, 3, 1).mul_(self.scale)
        if extra_bias is not None:
            value.round_().add_(extra_bias)
        if self.activation:
            value = F.leaky_relu_(value, 0.125)
        return value.round_().clamp_(self.lowest, self.limit)
