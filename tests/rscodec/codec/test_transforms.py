"""The transforms: shapes, the linear shortcut, and how far a latent reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rscodec.codec import transforms
from tests.helpers import models


def codec(coarse: int, middle: int = 1, fine: int = 0):
    """A tiny codec with so many blocks in the synthesis at stride 8, 4 and 2."""
    config = replace(models.TINY, decoder_blocks=coarse, tail_blocks=middle, detail=4 * bool(fine), detail_blocks=fine)
    return models.build(config).eval().requires_grad_(False)


@pytest.mark.parametrize("blocks", [*((coarse, 1, 0) for coarse in range(1, 7)), (4, 2, 2), (1, 2, 1), (2, 4, 2)])
def test_the_halo_is_enough_and_not_more_than_needed(blocks: tuple[int, int, int]):
    """Change every latent beyond the halo of one: its pixels stay. Change those at its edge: they do not."""
    net, halo, quality = codec(*blocks), transforms.halo(blocks), torch.tensor([4.0])
    size = 2 * halo + 3
    middle = halo + 1
    y = torch.randint(-200, 200, (1, size, size, net.config.latents), generator=torch.manual_seed(1)).float()
    pixels = net.synthesise(y, quality)[..., 16 * middle : 16 * middle + 16, 16 * middle : 16 * middle + 16]

    def after_change_beyond(reach: int) -> torch.Tensor:
        inside = slice(middle - reach, middle + reach + 1)
        changed = -y
        changed[:, inside, inside] = y[:, inside, inside]
        return net.synthesise(changed, quality)[..., 16 * middle : 16 * middle + 16, 16 * middle : 16 * middle + 16]

    assert torch.equal(after_change_beyond(halo), pixels)
    assert not torch.equal(after_change_beyond(halo - 1), pixels)


def test_a_cut_with_its_halo_is_the_whole(tiny):
    rng = np.random.default_rng(0)
    latents = rng.integers(-200, 200, (1, 12, 14, tiny.channels)).astype(np.int16)
    whole = tiny.synthesise(latents, 4)
    halo = tiny.halo
    part = tiny.synthesise(latents[:, 5 - halo : 8 + halo, 4 - halo : 9 + halo], 4)
    inside = part[..., 16 * halo : 16 * (halo + 3), 16 * halo : 16 * (halo + 5)]
    assert np.abs(inside - whole[..., 80:128, 64:144]).max() < 1e-5
    short = tiny.synthesise(latents[:, 6 - halo : 7 + halo, 5 - halo : 8 + halo], 4)
    short = short[..., 16 * (halo - 1) : 16 * (halo + 2), 16 * (halo - 1) : 16 * (halo + 4)]
    assert np.abs(short - whole[..., 80:128, 64:144]).max() > 1e-4


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


@pytest.mark.parametrize("blocks", [1, 2, 3, 6])
def test_the_border_is_enough(blocks: int):
    """The latents of a tile follow from its pixels and `border` latents' worth around it."""
    net = models.build(replace(models.TINY, encoder_blocks=blocks)).eval().requires_grad_(False)
    border, quality = 16 * transforms.border(blocks), torch.tensor([4.0])
    pixels = torch.rand(1, 3, 2 * border + 48, 2 * border + 64, generator=torch.manual_seed(2))
    changed = 1 - pixels
    inside = (..., slice(16, 32 + 2 * border), slice(16, 48 + 2 * border))  # a tile of 1 x 2 latents and its border
    changed[inside] = pixels[inside]
    tile = (..., slice(1 + border // 16, 2 + border // 16), slice(1 + border // 16, 3 + border // 16), slice(None))
    assert torch.equal(net.analyse(pixels, quality)[tile], net.analyse(changed, quality)[tile])
