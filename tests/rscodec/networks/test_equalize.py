"""Scaled hidden channels: the same codec in floats, and nearer to it in integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.codec.integer import ACTIVATION_MAX
from rscodec.networks.equalize import ROOM, equalize
from rscodec.networks.export import freeze
from rscodec.networks.integer import IntegerLayer
from rscodec.networks.model import Codec
from tests.helpers import models

QUALITY = torch.tensor([1.0, 4.0, 8.0])


@pytest.fixture(scope="module")
def pictures(make_scene) -> torch.Tensor:
    pixels = make_scene((64, 192)).pixels
    return torch.from_numpy(np.stack(np.split(pixels, 3, axis=1)) / 255).float()


@pytest.fixture
def dull() -> Codec:
    """A codec whose hidden channels are so small that integers cannot tell much about them."""
    codec = models.build()
    with torch.no_grad():
        for layer in codec.entropy.modules():
            if isinstance(layer, IntegerLayer) and layer.activation:
                layer.weight.mul_(0.6)
                layer.bias.mul_(0.6)
    return codec


@torch.no_grad()
def test_the_same_bits_in_floats(dull, pictures):
    before = dull(pictures, QUALITY).bits
    equalize(dull, [(pictures, QUALITY)])
    assert torch.allclose(before, dull(pictures, QUALITY).bits, rtol=1e-3)


@torch.no_grad()
def test_integers_are_nearer_to_floats(dull, pictures):
    def error() -> torch.Tensor:
        """The mean difference of integers from floats, relative to the floats, in the features of all groups."""
        z = dull.entropy.analyse(dull.analyse(pictures, QUALITY)).round()
        dull.set_fake(False)
        exact = dull.entropy.hyper(z, dull.level(QUALITY))
        dull.set_fake(True)
        rounded = dull.entropy.hyper(z, dull.level(QUALITY))
        dull.set_fake(False)
        return (rounded - exact).abs().mean() / exact.abs().mean()

    before = error()
    equalize(dull, [(pictures, QUALITY)])
    assert error() < 0.2 * before


def test_channels_use_the_range(pictures):
    codec = models.build()
    equalize(codec, [(pictures, QUALITY)])
    most = {}
    for name, layer in codec.entropy.named_modules():
        if isinstance(layer, IntegerLayer) and layer.activation:
            layer.register_forward_hook(lambda _, __, output, name=name: most.update({name: output.abs().max()}))
    with torch.no_grad():
        codec(pictures, QUALITY)
    assert most and all(0.1 * ACTIVATION_MAX < value <= ROOM * ACTIVATION_MAX * 1.01 for value in most.values()), most
    freeze(codec)  # keeps the bound of exact arithmetic
