"""Layers whose results are the same on every machine: integers in float32 arrays.

If weights and activations are integers and, for every output channel,

    sum |w| * ACTIVATION_MAX + |b|  <  2^24                                                  (the bound)

then every partial sum of a float32 product is an integer that float32 holds exactly, so the result does not depend on
the order of summation. It does not depend on threads, instruction set, batch size or device either (TF32 must be off).
A layer is

    accumulate = W x + b          integers, exact by the bound
    value      = accumulate / 2^shift    per output channel, exact: a power of two
    value      = max(value, value / 8)   where the layer has an activation, exact for the same reason
    out        = clamp(round(value))     round half to even, |out| <= the layer's limit

Activations have the same unit in all layers. rscodec/networks/integer.py trains such layers and computes their
integers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rscodec.bitstreams.errors import InexactModelError
from rscodec.codec.arrays import Arrays, ExactLayer

ACTIVATION_MAX = 1023
ACCUMULATOR_LIMIT = 2**24
WEIGHT_LIMIT = 2**15 - 1
SHIFT_MAX = 20
BIAS_UNIT = 32.0  # a bias parameter of 1 is this many activation units, which is a typical activation
EXACT = "exact."  # prefix of the names of these tensors in a weights file


def check_bound(weight: np.ndarray, bias: np.ndarray) -> None:
    """Raise unless sum |w| * ACTIVATION_MAX + |b| < 2^24 for every output channel, the first axis of `weight`."""
    mass = np.abs(weight.astype(float)).reshape(len(weight), -1).sum(1) * ACTIVATION_MAX + np.abs(bias.astype(float))
    if mass.max() >= ACCUMULATOR_LIMIT:
        raise InexactModelError(f"a channel can reach {mass.max():.0f}, which is not below 2^24")


def exact_layer(
    arrays: Arrays,
    tensors: Mapping[str, np.ndarray],
    name: str,
    activation: bool = True,
    lowest: int = -ACTIVATION_MAX,
    limit: int = ACTIVATION_MAX,
) -> ExactLayer:
    """Return the layer of this name, from the tensors of a weights file."""
    weight, bias, shift = (tensors[f"{EXACT}{name}.{part}"] for part in ("weight", "bias", "shift"))
    check_bound(weight, bias)
    turned = weight.T if weight.ndim == 2 else weight[:, 0].transpose(1, 2, 0)
    scale = np.exp2(-shift.astype(np.float32))
    return ExactLayer(arrays.put(turned), arrays.put(bias), arrays.put(scale), activation, lowest, limit)
