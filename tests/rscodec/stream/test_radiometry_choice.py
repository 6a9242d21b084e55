"""Which way of showing its bands a scene is coded in: the cheapest of those that were tried on some squares."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.codec import rate
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.radiometry_choice import EDGE, RadiometryChoice, squares


@pytest.fixture(scope="module")
def shipped():
    return codec_for_encoding("s", None, "cpu")


def coded(scene: Scene, codec, quality: float, radiometry: Radiometry) -> tuple[float, np.ndarray]:
    """The cost of a scene in a radiometry (bits + lambda * squared error), and its pixels after decoding."""
    target, source = io.BytesIO(), SceneSource(scene)
    final = RadiometryChoice(replace(radiometry, deviations=()), source, codec)
    SceneEncoder(source, codec, choice=final).write(target, quality)
    decoder = SceneDecoder(StreamReader.from_bytes(target.getvalue()), codec)
    pixels, _ = decoder.read(decoder.grid.scene)
    error = 255 / radiometry.scale * (pixels.astype(float) - scene.pixels)
    return 8 * target.tell() + rate.weight(quality) * np.square(error).sum() / 3, pixels


def choice_of(scene: Scene, codec, **options) -> RadiometryChoice:
    return SceneEncoder(SceneSource(scene), codec, **options).choice


@pytest.mark.parametrize("quality", [4.0, 7.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_cheapest_way_is_chosen(shipped, make_scene, quality, seed):
    """A scene of one square, so the trial sees everything that a stream contains, except header and metadata."""
    land = make_scene((600, 300)).pixels[:, 40 * seed :]
    places = np.stack([land[band, :EDGE, EDGE * band : EDGE * (band + 1)] for band in range(3)]).astype(float)
    mix = np.random.default_rng(seed).dirichlet([0.5, 0.5, 0.5], 3)
    scene = Scene(np.rint(np.tensordot(mix, places, 1)).astype(np.uint8))
    choice = choice_of(scene, shipped)
    costs = [coded(scene, shipped, quality, way)[0] for way in choice.measured.ways(quality)]
    chosen, _ = coded(scene, shipped, quality, choice.at(quality))
    assert len(set(costs)) > 1
    assert chosen <= 1.01 * min(costs)  # a trial clips no pixels and has no header


def test_every_way_decodes(shipped, make_scene):
    scene = make_scene((160, 144))
    for way in choice_of(scene, shipped).measured.ways(8.0):
        _, pixels = coded(scene, shipped, 8, way)
        assert np.abs(pixels.astype(float) - scene.pixels).mean() < 3


def test_ways_to_try(tiny, make_scene):
    def kinds(scene: Scene, quality: float, **options) -> list[tuple[bool, int]]:
        return [(way.has_klt, way.groups) for way in choice_of(scene, tiny, **options).measured.ways(quality)]

    colour = make_scene((160, 144))
    assert kinds(colour, 4.0) == [(True, 1), (False, 1)]
    assert kinds(colour, 7.0)[:2] == [(True, 1), (False, 1)] and kinds(colour, 7.0)[2][1] > 1
    assert kinds(make_scene((160, 144), 3, "uint16"), 4.0) == [(True, 1)]
    assert kinds(make_scene((160, 144), 4), 4.0) == [(True, 2)]
    assert kinds(make_scene((160, 144), 1), 7.0) == [(False, 1)]
    assert all(klt for klt, _ in kinds(colour, 7.0, balance=True))


def test_a_final_radiometry_is_not_chosen_again(tiny, make_scene):
    scene = make_scene((160, 144))
    measured = choice_of(scene, tiny).measured
    final = replace(measured, alone=2, deviations=())
    choice = RadiometryChoice(final, SceneSource(scene), tiny)
    assert choice.at(1) is choice.at(4) is choice.at(6) is choice.at(8) is final


def test_one_trial_for_similar_qualities(shipped, make_scene):
    class Counted(SceneSource):
        reads = 0

        def read(self, window):
            self.reads += 1
            return super().read(window)

    source = Counted(make_scene((300, 200)))
    choice = SceneEncoder(source, shipped).choice
    before = source.reads
    for quality in (1, 1.4, 6, 5.6, 6.4):
        choice.at(quality)
    assert source.reads == before + 1
    assert choice.at(1) is choice.at(1.4) and choice.at(5.6) is choice.at(6.4) is not choice.at(1)


def test_invalid_pixels_do_not_count(shipped, make_scene):
    scene = make_scene((EDGE, EDGE), nodata=0)
    scene.pixels[:, 40:] = 0
    other = Scene(scene.pixels.copy(), None, scene.metadata)
    for one in (scene, other):
        assert choice_of(one, shipped).at(4).planes
    nothing = Scene(np.zeros((3, EDGE, EDGE), np.uint8), None, scene.metadata)
    choice_of(nothing, shipped).at(8)  # without a valid pixel, any way will do


def test_squares_are_inside_and_apart():
    for width, height in [(1, 1), (100, 900), (256, 256), (512, 512), (700, 3000)]:
        found = list(squares(width, height))
        assert len(set(found)) == len(found) == max(1, width // EDGE) * max(1, height // EDGE)
        assert all(square.right <= width and square.bottom <= height for square in found)


@pytest.mark.parametrize("edge", [1024, 2048, 4096, 20000])
def test_the_first_squares_are_spread_in_both_directions(edge):
    found = list(islice(squares(edge, edge), 8))
    for axis in (0, 1):
        quarters = {4 * square[axis] // edge for square in found}
        assert quarters == {0, 1, 2, 3}


def test_a_scene_and_its_mirror_image_are_shown_alike(shipped, make_scene):
    """Half of the scene is nodata, on the left or on the right: only squares with valid pixels vote."""
    land, nothing = np.tile(make_scene((EDGE, EDGE)).pixels, (1, 2, 1)), np.zeros((3, 2 * EDGE, EDGE), np.uint8)
    scenes = [Scene(np.dstack(halves), None, {"nodata": "0.0"}) for halves in ((nothing, land), (land, nothing))]
    ways = [choice_of(scene, shipped).at(8.0) for scene in scenes]
    assert ways[0].alone == ways[1].alone and ways[0].has_klt == ways[1].has_klt
