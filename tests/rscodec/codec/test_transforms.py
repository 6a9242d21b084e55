"""The transforms: what was trained, how far a latent reaches, and that a part is computed as that of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rscodec.codec import rate
from rscodec.codec.config import STRIDE, CodecConfig
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.transforms import Analysis, Margin, Synthesis
from rscodec.networks.export import freeze, thaw
from rscodec.networks.model import Codec
from tests.helpers import models, sizes

SHAPES = [*((coarse, 1, 0) for coarse in range(1, 7)), (4, 2, 2), (1, 2, 1), (2, 4, 2), (0, 1, 0)]


def config_of(coarse: int, middle: int, fine: int) -> CodecConfig:
    """A tiny codec with so many blocks in the synthesis at stride 8, 4 and 2."""
    return replace(sizes.TINY, decoder_blocks=coarse, tail_blocks=middle, detail=4 * bool(fine), detail_blocks=fine)


def build(config: CodecConfig) -> tuple[dict[str, np.ndarray], Codec]:
    """The tensors of a weights file, and the trainable codec of these."""
    tensors, net = freeze(models.build(config)), Codec(config)
    thaw(net, tensors)
    return tensors, net.eval().requires_grad_(False)


def some_latents(config: CodecConfig, height: int, width: int) -> np.ndarray:
    shape = 1, height, width, config.latents
    return np.random.default_rng(1).integers(-200, 200, shape).astype(np.int16)


@pytest.mark.parametrize("quality", [1.0, 4.40625, 8.0])
@pytest.mark.parametrize("blocks", [(2, 1, 0), (1, 2, 2)])
def test_pixels_and_latents_are_those_that_were_trained(layers, blocks: tuple[int, int, int], quality: float):
    config = config_of(*blocks)
    tensors, net = build(config)
    steps, qualities = rate.to_wire(quality), torch.tensor([quality])
    latents = some_latents(config, 5, 4)
    expected = net.synthesise(torch.from_numpy(latents).float(), qualities).numpy()
    assert (
        np.abs(Synthesis(config, NumpyArrays(), tensors)(latents, steps) - expected).max()
        < 2e-5 * np.abs(expected).max()
    )
    close = net.double().synthesise(torch.from_numpy(latents).double(), qualities.double()).numpy()
    found = Synthesis(config, NumpyArrays(), tensors, np.float64)(latents, steps)
    assert found.dtype == np.float64 and np.abs(found - close).max() < 2.0**-44 * max(1, np.abs(close).max())
    pixels = np.random.default_rng(0).random((2, 3, 48, 64), np.float32)
    y = net.float().analyse(torch.from_numpy(pixels), torch.tensor([quality, quality])).numpy()
    assert np.abs(Analysis(config, NumpyArrays(), tensors)(pixels, steps) - y).max() < 2e-5 * np.abs(y).max()


@pytest.mark.parametrize("blocks", SHAPES)
def test_the_halo_is_enough_and_not_more_than_needed(blocks: tuple[int, int, int]):
    """Change every latent beyond the halo of one: its pixels stay. Change those at its edge: they do not."""
    config = config_of(*blocks)
    synthesis, halo = Synthesis(config, NumpyArrays(), build(config)[0], np.float64), config.halo
    y, middle = some_latents(config, 2 * halo + 3, 2 * halo + 3), halo + 1
    own = slice(STRIDE * middle, STRIDE * (middle + 1))

    def after_change_beyond(reach: int) -> np.ndarray:
        inside = slice(middle - reach, middle + reach + 1)
        changed = -y
        changed[:, inside, inside] = y[:, inside, inside]
        return synthesis(changed, 128)[..., own, own]

    pixels = synthesis(y, 128)[..., own, own]
    assert np.array_equal(after_change_beyond(halo), pixels)
    assert not np.array_equal(after_change_beyond(halo - 1), pixels)


@pytest.mark.parametrize("blocks", SHAPES)
def test_a_part_with_its_halo_is_that_of_the_whole(blocks: tuple[int, int, int]):
    """Wherever the part lies: at a border of the scene there is less around it than the halo."""
    config = config_of(*blocks)
    synthesis, halo = Synthesis(config, NumpyArrays(), build(config)[0]), config.halo
    height, width = 2 * halo + 5, 2 * halo + 6
    y = some_latents(config, height, width)
    whole = synthesis(y, 128)
    for top, left, bottom, right in (
        (halo + 1, halo, halo + 3, halo + 4),
        (0, 1, 3, width),
        (height - 1, 0, height, 2),
    ):
        margin = Margin(min(halo, top), min(halo, height - bottom), min(halo, left), min(halo, width - right))
        around = y[:, top - margin.top : bottom + margin.bottom, left - margin.left : right + margin.right]
        part = synthesis(around, 128, margin)
        expected = whole[..., STRIDE * top : STRIDE * bottom, STRIDE * left : STRIDE * right]
        assert part.shape == expected.shape and np.abs(part - expected).max() < 1e-5


@pytest.mark.parametrize("blocks", [1, 2, 3, 6])
def test_the_border_is_enough(blocks: int):
    """The latents of a tile follow from its pixels and `border` latents' worth around it."""
    config = replace(sizes.TINY, encoder_blocks=blocks)
    analysis, border = Analysis(config, NumpyArrays(), build(config)[0]), STRIDE * config.border
    pixels = np.random.default_rng(2).random((1, 3, 2 * border + 48, 2 * border + 64), np.float32)
    changed = 1 - pixels
    inside = (..., slice(16, 32 + 2 * border), slice(16, 48 + 2 * border))  # a tile of 1 x 2 latents and its border
    changed[inside] = pixels[inside]
    tile = (..., slice(1 + border // 16, 2 + border // 16), slice(1 + border // 16, 3 + border // 16), slice(None))
    assert np.abs(analysis(pixels, 128)[tile] - analysis(changed, 128)[tile]).max() < 1e-4


def test_a_sketch_is_the_averaged_shortcut(tiny):
    y = np.random.default_rng(0).normal(0, 5, (1, 8, 6, tiny.channels)).astype(np.float32)
    ((payload, latents),) = tiny.encode(y, 4)
    for detail in (1, 2, 4):
        small = tiny.sketch([payload], 8, 6, 4, detail)
        assert small.shape == (1, 3, 8 * detail, 6 * detail)
