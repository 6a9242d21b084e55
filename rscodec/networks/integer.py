"""The layers of the exact path in their trainable form. rscodec/codec/integer.py describes what they become.

The same layer has three forms. *Float* is for training: real weights, no rounding. *Fake* is for the last phase of
training: weights and activations are rounded to their final grid, and gradients pass straight through. *Exact* is for
encoding and decoding: only integers, which `freeze` makes once, when a model is exported.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.codec.integer import (
    ACCUMULATOR_LIMIT,
    ACTIVATION_MAX,
    BIAS_UNIT,
    SHIFT_MAX,
    WEIGHT_LIMIT,
    check_bound,
)


def round_through(x: torch.Tensor) -> torch.Tensor:
    """Return round(x) with the gradient of x."""
    return x + (torch.round(x) - x).detach()


class _Bounded(torch.autograd.Function):
    """A clamp whose gradient still passes where it would bring the value back inside."""

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
    """The common parts of the two kinds of layer: quantisation, requantisation, and the three forms."""

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
        """Return, for each output channel, the finest power-of-two grid that keeps the bound (and 16-bit weights)."""
        weight = self.weight.detach().flatten(1).double()
        count = weight.shape[1]
        mass = weight.abs().sum(1) * ACTIVATION_MAX + (self.bias.detach().double() * BIAS_UNIT).abs()
        room = ACCUMULATOR_LIMIT - (count / 2 + 1) * ACTIVATION_MAX  # rounding may add this to the mass
        by_bound = torch.floor(torch.log2(room / mass.clamp(min=1e-9)))
        by_width = torch.floor(torch.log2(WEIGHT_LIMIT / weight.abs().amax(1).clamp(min=1e-9)))
        return torch.minimum(by_bound, by_width).clamp(0, SHIFT_MAX)

    def freeze(self) -> dict[str, torch.Tensor]:
        """Return the integers of this layer: weight (int16), bias (int32), shift (int8). Raise if the bound is
        exceeded.
        """
        shift = self.shifts()
        grid = torch.exp2(shift)
        weight = torch.round(self.weight.detach().double() * grid.view(-1, *[1] * (self.weight.dim() - 1)))
        bias = torch.round(self.bias.detach().double() * BIAS_UNIT * grid)
        frozen = {"weight": weight.to(torch.int16), "bias": bias.to(torch.int32), "shift": shift.to(torch.int8)}
        check_bound(frozen["weight"].numpy(), frozen["bias"].numpy())
        return frozen

    def thaw(self, frozen: dict[str, torch.Tensor]) -> None:
        """Set the real parameters to the values of the integers, so that training can continue from a shipped model."""
        grid = torch.exp2(frozen["shift"].double())
        with torch.no_grad():
            self.weight.copy_(frozen["weight"].double() / grid.view(-1, *[1] * (self.weight.dim() - 1)))
            self.bias.copy_(frozen["bias"].double() / grid / BIAS_UNIT)

    def real_parameters(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weight and bias in activation units. In the fake form, they are on the integer grid."""
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


class Pointwise(IntegerLayer):
    """A 1x1 convolution as a matrix product over the last axis: (..., inputs) -> (..., outputs)."""

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
    """A 3x3 depthwise convolution with zero padding. The shape (B, H, W, C) does not change."""

    def __init__(self, channels: int, activation: bool = True):
        super().__init__((channels, 1, 3, 3), activation, ACTIVATION_MAX)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.real_parameters()
        value = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1, groups=x.shape[-1])
        return self.finish(value.permute(0, 2, 3, 1))
