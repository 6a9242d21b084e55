"""Rounding with a dead zone: more zeros, fewer bits, the same decoder."""

from __future__ import annotations

import io

import numpy as np
import pytest

from rscodec.codec.dead_zone import nearer_zero
from rscodec.codec.entropy import SCALES
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find
from rscodec.models.weights import codec_for_encoding, ships
from rscodec.raster.pixel_source import SceneSource
from rscodec.stream.encoder import encoder_for
from rscodec.stream.settings import EncodeSettings

QUALITY = 5


def test_a_dead_zone_makes_more_zeros(tiny, make_scene):
    y = tiny.analyse(make_scene((256, 256)).pixels[None].astype(np.float32) / 255, QUALITY)
    ((payload, latents),) = tiny.encode(y, QUALITY)
    ((plain, _),) = tiny.encode(y, QUALITY, refined=True)
    assert len(payload) < len(plain)
    assert np.array_equal(tiny.decode([payload], 16, 16, QUALITY)[0], latents)


@pytest.mark.skipif(not ships(find(CODECS, DEFAULT_CODEC)), reason="no weights are in this package")
@pytest.mark.parametrize("quality", [1, 3, 8])
@pytest.mark.parametrize("bands, dtype", [(3, "uint8"), (4, "uint16"), (1, "float32")])
def test_a_dead_zone_saves_bits_of_every_scene(make_scene, bands, dtype, quality, monkeypatch):
    """With weights that are trained: those of the tiny model hardly know what to expect."""
    source, sizes = SceneSource(make_scene((128, 128), bands, dtype)), []
    for move in (nearer_zero, lambda residual, index: residual):
        monkeypatch.setattr("rscodec.codec.portable.nearer_zero", move)
        target = io.BytesIO()
        encoder_for(source, EncodeSettings(), codec_for_encoding(DEFAULT_CODEC)).write(target, quality)
        sizes.append(len(target.getvalue()))
    assert sizes[0] < sizes[1]


def test_the_dead_zone_is_wider_where_a_zero_saves_more():
    edge, indexes = np.full(SCALES - 1, 0.51, np.float32), np.arange(1, SCALES)
    nearer = nearer_zero(edge, indexes)
    assert (np.diff(nearer) > -1e-6).all() and nearer[0] < 0.5 < nearer[-1]
    assert np.array_equal(nearer_zero(-edge, indexes), -nearer)
