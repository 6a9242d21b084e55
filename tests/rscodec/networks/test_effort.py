"""Effort: the same decoder, latents that cost less, and nothing that depends on how they were found."""

from __future__ import annotations

import io

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.codec import rate
from rscodec.codec.base import MOST_EFFORT, Aim
from rscodec.codec.portable import PortableCodec
from rscodec.networks import effort
from rscodec.raster.pixel_source import SceneSource
from rscodec.stream.encoder import SceneEncoder, encoder_for
from rscodec.stream.rate_search import quality_for_bpp
from rscodec.stream.settings import EncodeSettings
from tests.helpers.sizes import TILE

QUALITY = 5


@pytest.fixture(scope="module")
def encode(tiny):
    def make(scene, level: int, quality: float = QUALITY) -> bytes:
        target = io.BytesIO()
        SceneEncoder(SceneSource(scene), tiny, TILE, effort=level).write(target, quality)
        return target.getvalue()

    return make


@pytest.fixture(scope="module")
def cost(encode, to_decoder):
    """cost(scene, effort): bits of the file and the weighted error of its valid pixels. Decoding checks the latents."""

    def measure(scene, level: int) -> float:
        data = encode(scene, level)
        decoder = to_decoder(data)
        pixels, classes = decoder.read(decoder.grid.scene)
        assert np.array_equal(pixels[~scene.mask], scene.pixels[~scene.mask])
        error = (pixels.astype(float) - scene.pixels) / decoder.radiometry.scale * 255
        weight = rate.weight(QUALITY) / 3
        return 8 * len(data) + weight * np.square(error[scene.mask]).sum()

    return measure


@pytest.fixture(scope="module")
def tile(tiny, make_scene) -> tuple[np.ndarray, np.ndarray]:
    """Channels and y of a tile."""
    channels = make_scene((TILE, TILE)).pixels[None].astype(np.float32) / 255
    return channels, tiny.analyse(channels, QUALITY)


def aim(channels: np.ndarray, weight: np.ndarray | None = None) -> list[Aim]:
    return [Aim(one, np.ones(one.shape[1:]) if weight is None else weight, np.eye(3)) for one in channels]


WHOLE = slice(0, TILE // 16), slice(0, TILE // 16)


def test_without_effort_nothing_searches(make_scene, encode, to_stream, tiny, monkeypatch):
    monkeypatch.setattr(PortableCodec, "refine", None)
    assert encode(make_scene((100, 90)), 0) == to_stream(make_scene((100, 90)), QUALITY)


def test_with_effort_there_is_no_dead_zone(make_scene, encode, tiny, monkeypatch):
    monkeypatch.setattr("rscodec.codec.portable.nearer_zero", None)
    assert encode(make_scene((100, 90), bands=1), 1)  # several bands would be tried at effort 0 first


@pytest.mark.parametrize("level", [1, 2, 5, 8])
def test_effort_costs_less(make_scene, cost, level):
    scene = make_scene((TILE - 10, TILE))
    assert cost(scene, level) < cost(scene, 0)


def test_more_effort_costs_still_less(make_scene, cost):
    scene = make_scene((TILE, TILE))
    assert cost(scene, 5) < cost(scene, 2)


@pytest.mark.parametrize("bands, dtype, nodata", [(5, "uint16", 0), (1, "float32", -9999), (2, "uint8", None)])
def test_any_scene(make_scene, cost, bands, dtype, nodata):
    scene = make_scene((90, 70), bands, dtype, nodata)
    assert cost(scene, 3) < cost(scene, 0)


def test_pixels_that_do_not_count_change_nothing(tiny, tile):
    channels, y = tile
    weight = np.ones((TILE, TILE))
    weight[10:40, :30] = 0
    wild = np.where(weight, channels, 7).astype(np.float32)
    found, other = (tiny.refine(y, WHOLE, aim(seen, weight), QUALITY, 3) for seen in (channels, wild))
    assert np.array_equal(found, other)
    assert not np.array_equal(found, tiny.refine(y, WHOLE, aim(channels), QUALITY, 3))


def test_a_search_that_goes_astray_ends_where_it_began(tiny, tile, monkeypatch):
    channels, y = tile
    monkeypatch.setattr(effort, "STEP", 100.0)
    assert np.array_equal(tiny.refine(y, WHOLE, aim(channels), QUALITY, 2), y)


def test_the_same_bytes_again_and_in_any_order(make_scene, tiny):
    encoder = SceneEncoder(SceneSource(make_scene((150, 100))), tiny, TILE, effort=2)
    blocks = list(encoder.grid.blocks(2))
    forth, back = (list(encoder.tiles(QUALITY, order)) for order in (blocks, blocks[::-1]))
    assert sorted(forth, key=lambda one: one[:2]) == sorted(back, key=lambda one: one[:2])


def test_the_rate_that_was_asked_for(make_scene, tiny):
    scene, sizes = make_scene((TILE, TILE)), []
    for level in (0, 2):
        encoder = SceneEncoder(SceneSource(scene), tiny, TILE, effort=level)
        found, target = quality_for_bpp(encoder, 2.0), io.BytesIO()
        encoder.write(target, found.quality)
        sizes.append(len(target.getvalue()))
        assert 8 * sizes[-1] / TILE**2 == pytest.approx(found.reached) and found.reached <= 2.0


@pytest.mark.parametrize("level", [-1, MOST_EFFORT + 1, 2.5])
def test_efforts_that_do_not_exist(level):
    with pytest.raises(InputError, match="`effort=.*from 0 to 9"):
        EncodeSettings(effort=level)


def test_a_search_without_torch(make_scene, tiny, monkeypatch):
    monkeypatch.setattr(tiny, "most_effort", 0)
    with pytest.raises(InputError, match="`effort=1`: vec-1 searches with torch"):
        encoder_for(SceneSource(make_scene()), EncodeSettings(effort=1), tiny)
