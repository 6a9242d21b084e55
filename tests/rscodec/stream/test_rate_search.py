"""Finding the quality for a rate or a PSNR: met, and not by more than a wire step."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import QUALITY_STEPS
from rscodec.metrics.pixels import Difference
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.stream import rate_search as search
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.tile_payload import FLAT, valid_pixels
from tests.helpers.sizes import TILE


@pytest.fixture(scope="module")
def scene(make_scene) -> Scene:
    return make_scene((150, 100))


def encoder(scene: Scene, codec) -> SceneEncoder:
    return SceneEncoder(SceneSource(scene), codec, TILE)


def bpp(data: bytes) -> float:
    header = StreamReader.from_bytes(data).header
    return 8 * len(data) / (header.width * header.height)


def psnr(scene: Scene, decoder) -> float:
    difference = Difference(str(scene.pixels.dtype))
    pixels, classes = decoder.read(decoder.grid.scene)
    difference.add(scene.pixels, pixels, valid_pixels(classes, pixels.shape[1:], len(pixels)))
    return difference.psnr_db


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_highest_quality_within_a_rate(scene, to_stream, tiny, share):
    low, high = (bpp(to_stream(scene, quality)) for quality in (1, 8))
    target = low + share * (high - low)
    quality, reached = search.quality_for_bpp(encoder(scene, tiny), target)
    assert reached == pytest.approx(bpp(to_stream(scene, quality)))
    assert bpp(to_stream(scene, quality)) <= target < bpp(to_stream(scene, quality + 1 / QUALITY_STEPS))


@pytest.mark.parametrize("target", [26, 27.5])
def test_the_lowest_quality_that_reaches_a_psnr(scene, to_stream, to_decoder, tiny, target):
    quality, seen = search.quality_for_psnr(encoder(scene, tiny), target)
    reached = psnr(scene, to_decoder(to_stream(scene, quality)))
    missed = psnr(scene, to_decoder(to_stream(scene, quality - 1 / QUALITY_STEPS)))
    assert seen == pytest.approx(reached, abs=0.02)
    assert missed < target + 0.02 and reached >= target - 0.02  # windows of the search may round another way


def test_targets_out_of_reach_give_the_end_that_is_nearest(scene, tiny):
    whole = encoder(scene, tiny)
    assert search.quality_for_bpp(whole, 99).quality == search.quality_for_psnr(whole, 99).quality == 8
    assert search.quality_for_psnr(whole, 1).quality == search.quality_for_bpp(whole, 1e-6).quality == 1
    assert 20 < search.quality_for_psnr(whole, 99).reached < 99 and search.quality_for_bpp(whole, 1e-6).reached > 1e-6


def test_a_large_scene_is_judged_by_a_sample(make_scene, tiny, monkeypatch):
    """As many tiles as the sample has, spread over the scene."""
    monkeypatch.setattr(search, "SAMPLE_TILES", 8)
    source = SceneSource(make_scene((8 * TILE, 5 * TILE)))
    parts = [part.source for part in search.sample(SceneEncoder(source, tiny, TILE))]
    windows = [(part.window.col, part.window.row) for part in parts]
    assert len(set(windows)) == 8 and {part.width for part in parts} == {TILE}
    assert all(len({window[axis] for window in windows}) > 3 for axis in (0, 1))
    pixels, _ = parts[2].read(Window(3, 4, 10, 8))
    col, row = windows[2]
    assert np.array_equal(pixels, source.read(Window(col + 3, row + 4, 10, 8))[0])


def test_tiles_of_nodata_do_not_decide(make_scene, to_stream, to_decoder, tiny, monkeypatch):
    """A collar at the left: the sample has the same share of such tiles as the scene."""
    monkeypatch.setattr(search, "SAMPLE_TILES", 12)
    scene = make_scene((4 * TILE, 12 * TILE), nodata=0)
    scene.pixels[:, :, : 2 * TILE] = 0
    data = to_stream(scene, 4)
    assert abs(search.quality_for_bpp(encoder(scene, tiny), bpp(data)).quality - 4) < 0.7
    assert abs(search.quality_for_psnr(encoder(scene, tiny), psnr(scene, to_decoder(data))).quality - 4) < 0.7


def test_an_absurd_target_gives_the_highest_quality(scene, tiny):
    assert search.quality_for_psnr(encoder(scene, tiny), 1e308).quality == 8


def test_a_sample_is_coded_as_a_part_of_its_scene(make_scene, to_stream, to_decoder, tiny, monkeypatch):
    """Dark and bright tiles have one scale, and the metadata are there once, so the sample speaks for the scene."""
    monkeypatch.setattr(search, "SAMPLE_TILES", 12)
    scene = make_scene((448, 448), 1, "uint16")
    scene.pixels[:, :, :224] //= 16
    scene.metadata["tags"] = {"": {"NOTE": np.random.default_rng(0).bytes(1500).hex()}}
    data = to_stream(scene, 4)
    assert abs(search.quality_for_bpp(encoder(scene, tiny), bpp(data)).quality - 4) < 0.5
    assert abs(search.quality_for_psnr(encoder(scene, tiny), psnr(scene, to_decoder(data))).quality - 4) < 0.5


def test_more_bands_need_fewer_tiles(make_scene, tiny):
    size = (7 * TILE, TILE)
    assert len(search.sample(encoder(make_scene(size, 3), tiny))) == 1
    assert len(search.sample(encoder(make_scene(size, 16), tiny))) == search.FEWEST_TILES


def test_the_peak_of_floats_is_that_of_the_whole_scene(make_scene, to_stream, to_decoder, tiny, monkeypatch):
    monkeypatch.setattr(search, "FEWEST_TILES", 2)
    monkeypatch.setattr(search, "SAMPLE_TILES", 2)
    scene = make_scene((3 * TILE, TILE), 1, "float32")
    scene.pixels[0, 30, 2 * TILE + 30] = 3 * scene.pixels.max()  # in a tile that is not looked at
    target = psnr(scene, to_decoder(to_stream(scene, 4)))
    assert search.quality_for_psnr(encoder(scene, tiny), target).reached == pytest.approx(target, abs=1)


@pytest.mark.parametrize("search_for, target", [(search.quality_for_psnr, 25), (search.quality_for_bpp, 0.5)])
def test_a_search_tells_its_tries(scene, tiny, search_for, target):
    told = []
    search_for(encoder(scene, tiny), target, lambda *now: told.append(now))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {total for _, total in told[:-1]} == {search.MOST_TRIES} and told[-1] == (len(told), len(told))


CURVES = {
    "straight": lambda q: 23 + 2.3 * q,
    "saturated": lambda q: 56 - 36 / (q + 2),
    "steep": lambda q: q**6 / 1000,
    "a step": lambda q: float(q > 5.3),
    "flat, then a pole": lambda q: 1 / (8.01 - q),
}


@pytest.mark.parametrize("name", CURVES)
def test_any_rising_curve_is_searched_in_the_tries_that_are_told(name):
    curve, tries = CURVES[name], []
    for wire in range(33, 257, 7):
        target = curve(wire / 32) - 1e-9
        tried = search.crossing(curve, target, search.DB_PER_QUALITY, None)
        reached = min(wire for wire, value in tried.items() if value >= target)
        assert reached == min(q for q in range(32, 257) if curve(q / 32) >= target)
        tries.append(len(tried))
    assert max(tries) <= search.MOST_TRIES and (np.mean(tries) < 5.5 or name not in ("straight", "saturated"))


@pytest.mark.parametrize("highest", [1.0, 3.75, 8.0])
def test_no_quality_above_the_highest_is_tried(highest, scene, tiny):
    one = encoder(scene, tiny)
    one.highest = highest
    assert search.quality_for_psnr(one, 200).quality == highest
    assert search.quality_for_bpp(one, 200).quality == highest


def test_a_search_decodes_nothing_that_it_has_just_encoded(scene, tiny, monkeypatch):
    expected = search.quality_for_psnr(encoder(scene, tiny), 25)
    monkeypatch.setattr(tiny, "decode", None)
    assert search.quality_for_psnr(encoder(scene, tiny), 25) == expected


@pytest.mark.parametrize("bands, dtype", [(3, "uint8"), (5, "uint16")])
def test_flat_tiles_beside_others_are_judged_as_they_decode(make_scene, to_stream, to_decoder, tiny, bands, dtype):
    """The payload of flat tiles is none that the codec wrote, so the search must know it without having seen it."""
    scene = make_scene((3 * TILE, 2 * TILE), bands, dtype)
    scene.pixels[:, TILE:] = np.rint(scene.pixels[:, :TILE].mean((1, 2), keepdims=True))
    quality, seen = search.quality_for_psnr(encoder(scene, tiny), 30)
    reader = StreamReader.from_bytes(data := to_stream(scene, quality))
    payloads = [reader.payload(*tile, 0) for tile in np.ndindex(reader.grid)]
    assert 1 < payloads.count(FLAT) < len(payloads)
    assert seen == pytest.approx(psnr(scene, to_decoder(data)), abs=0.02)


def test_psnr_is_over_valid_pixels(make_scene, to_stream, to_decoder, tiny):
    scene = make_scene((130, 130), 3, "uint16", 0)
    target = psnr(scene, to_decoder(to_stream(scene, 4)))
    assert abs(search.quality_for_psnr(encoder(scene, tiny), target - 0.001).quality - 4) <= 2 / QUALITY_STEPS


def test_lossless_bands_have_no_psnr(tiny):
    scene = Scene(np.zeros((1, 20, 20), np.uint8), None, {"colorinterp": ["alpha"]})
    with pytest.raises(InputError, match="no PSNR"):
        search.quality_for_psnr(encoder(scene, tiny), 30)
