"""A codec that has grown computes what the smaller one did, and can learn in its new channels."""

from dataclasses import replace

import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.codec.config import CONFIGS
from rscodec.networks.model import Codec
from rscodec.training.grow import grow
from tests.helpers.models import build
from tests.helpers.sizes import TINY

LARGER = replace(
    TINY,
    width=20,
    encoder_blocks=3,
    decoder_blocks=3,
    tail=12,
    features=24,
    narrow=12,
    tail_blocks=2,
    detail=8,
    detail_blocks=1,
)


def pictures() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.nn.functional.avg_pool2d(torch.rand(2, 3, 72, 104, generator=generator), 9, 1)


def test_the_same_bits_and_pixels():
    small, large = build().eval(), Codec(LARGER).eval()
    grow(small, large)
    quality = torch.tensor([2.3, 7.0])
    with torch.no_grad():
        before, after = small(pictures(), quality), large(pictures(), quality)
    assert torch.allclose(before.bits, after.bits, rtol=1e-5)
    assert torch.allclose(before.pixels, after.pixels, atol=1e-5)


def test_what_is_new_learns():
    large = Codec(LARGER)
    grow(build(), large)
    coded = large(pictures(), torch.tensor([2.3, 7.0]))
    (coded.bits.mean() + 1e4 * (coded.pixels - pictures()).square().mean()).backward()
    for weight, old in (
        (large.synthesis.head.weight, TINY.tail),
        (large.analysis.head.weight, 4 * TINY.width),
        (large.entropy.groups[1].anchor_mu.weight, TINY.features),
    ):
        assert weight.detach()[:, old:].abs().max() == 0 < weight.grad[:, old:].abs().max()


@pytest.mark.parametrize("other", [dict(groups=(6, 12, 24)), dict(hyper=8), dict(decoder_blocks=1), dict(width=8)])
def test_other_latents_and_smaller_codecs_are_refused(other):
    with pytest.raises(InputError, match=f"{next(iter(other))} .* grows in width and depth only"):
        grow(build(), Codec(replace(LARGER, **other)))


def test_the_models_of_the_table_grow_from_one_another():
    grow(Codec(CONFIGS["s"]), Codec(CONFIGS["m"]))
