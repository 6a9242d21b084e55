"""A codec that has grown computes what the smaller one did, and can learn in its new channels."""

from dataclasses import replace

import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.codec.config import CONFIGS
from rscodec.networks.entropy import split
from rscodec.networks.model import Codec
from rscodec.training.grow import divided, grow
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


def test_divided_groups_predict_anchors_as_before():
    """The anchors of a part see what those of the whole group saw, until the part learns more from the others."""
    small = build().eval()
    parts = (1, TINY.groups[0] - 1, *TINY.groups[1:-1], TINY.groups[-1] - 2, 2)
    large = divided(small, parts).eval()
    latents = (16 * torch.randn(1, 6, 5, TINY.latents, generator=torch.Generator().manual_seed(3))).round()
    z, level = torch.ones(1, 2, 2, TINY.hyper), small.level(torch.tensor([3.0]))

    def anchors(codec: Codec) -> torch.Tensor:
        walk, said = codec.entropy.walk(z, level, 6, 5), []
        known = next(walk)
        try:
            while True:
                if known.anchors:
                    said.append(torch.stack([known.mu, known.index]))
                known = walk.send(split(latents)[not known.anchors][..., known.channels])
        except StopIteration:
            return torch.cat(said, -1)

    with torch.no_grad():
        before, after = anchors(small), anchors(large)
    assert after.shape == before.shape and before.std() > 0
    assert torch.allclose(before, after, atol=1e-3)


def test_a_codec_grows_and_divides_at_once():
    groups = (*TINY.groups[:-1], TINY.groups[-1] - 3, 3)
    large = Codec(replace(LARGER, groups=groups)).eval()
    small = build().eval()
    grow(small, large)
    with torch.no_grad():
        before, after = (codec(pictures(), torch.tensor([2.3, 7.0])) for codec in (small, large))
    assert torch.allclose(before.bits, after.bits, rtol=0.3)
    assert large.entropy.groups[-1].mix.weight[: TINY.features, -3:].abs().max() == 0


@pytest.mark.parametrize(
    "other", [dict(groups=(TINY.groups[0] + 1, *TINY.groups[1:])), dict(hyper=8), dict(decoder_blocks=1), dict(width=8)]
)
def test_other_latents_and_smaller_codecs_are_refused(other):
    with pytest.raises(InputError, match=f"{next(iter(other))} .* grows in width and depth"):
        grow(build(), Codec(replace(LARGER, **other)))


def test_the_models_of_the_table_grow_from_one_another():
    grow(Codec(CONFIGS["s"]), Codec(CONFIGS["m"]))
