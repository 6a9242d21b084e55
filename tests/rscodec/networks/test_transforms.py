"""The transforms as they are trained: shapes, and the linear shortcut."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.helpers import models, sizes


def codec(coarse: int, middle: int = 1, fine: int = 0):
    """A tiny codec with so many blocks in the synthesis at stride 8, 4 and 2."""
    config = replace(sizes.TINY, decoder_blocks=coarse, tail_blocks=middle, detail=4 * bool(fine), detail_blocks=fine)
    return models.build(config).eval().requires_grad_(False)


@pytest.mark.parametrize("height, width", [(16, 16), (48, 32)])
def test_shapes(height: int, width: int):
    net = codec(2)
    y = net.analyse(torch.rand(2, 3, height, width), torch.tensor([1.0, 8.0]))
    assert y.shape == (2, height // 16, width // 16, net.config.latents)
    assert net.synthesise(y, torch.tensor([1.0, 8.0])).shape == (2, 3, height, width)


def test_an_untrained_model_is_the_block_transform():
    """With zeroed last layers nothing but the linear shortcut is left, and it inverts itself."""
    net = codec(2)
    for head in (net.analysis.head, net.synthesis.head):
        head.weight.zero_()
    components, _ = models.cosines(net.config.latents)
    weights = torch.randn(4, net.config.latents, generator=torch.manual_seed(0)) * 0.02
    x = 0.5 + torch.einsum("bn,nchw->bchw", weights, components)
    quality = torch.full((4,), 5.0)
    assert torch.allclose(net.synthesise(16 * net.analyse(x, quality), quality), x, atol=1e-5)


def test_quality_changes_the_gain_smoothly():
    net = codec(1)
    x = torch.rand(1, 3, 16, 16).expand(29, -1, -1, -1)
    with torch.no_grad():
        size = net.analyse(x, torch.linspace(1, 8, 29)).abs().flatten(1).sum(1)
    assert (size.diff() > 0).all() and (size[1:] / size[:-1]).max() < 1.5
