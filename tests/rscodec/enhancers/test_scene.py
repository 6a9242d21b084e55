"""From windows to a scene: what an enhancer is given, and what becomes of its answer; this one is told what to say."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.enhancers.base import EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene
from rscodec.generative.picture import DecodedPicture, SourcePicture
from rscodec.raster.metadata_schema import stream_metadata
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from tests.helpers.enhancers import OVERLAP, WINDOW, Told


def enhanced(scene: Scene, enhancer: Told, **settings) -> np.ndarray:
    picture = SourcePicture(SceneSource(scene))
    found = EnhancedScene(picture, enhancer, EnhanceSettings("any", **settings), {}, 2.5)
    return found.read(picture.scene)[0]


def grey(height=40, width=90, value=100, dtype="uint8") -> Scene:
    return Scene(np.full((3, height, width), value, dtype))


def test_one_answer_everywhere_is_one_change_everywhere():
    assert (enhanced(grey(), Told(lambda *_: 20 / 255)) == 120).all()


def test_there_is_no_seam_between_windows_that_disagree():
    """Each window brightens by another random amount of up to 100 levels; neighbours differ by a gentle slope."""
    told = Told(lambda pixels, quality, seed: np.random.default_rng(seed).uniform(0, 100 / 255))
    found = enhanced(grey(100, 200), told).astype(float)
    assert np.ptp(found) > 30
    for axis in (1, 2):
        assert np.abs(np.diff(found, axis=axis)).max() <= 100 * 2 / OVERLAP


def test_an_enhancer_sees_quality_and_other_seeds_in_other_windows():
    told = Told(lambda *_: 0)
    enhanced(grey(), told, seed=5)
    again = Told(lambda *_: 0)
    enhanced(grey(), again, seed=6)
    seeds = [[seed for _, _, seed in each.calls] for each in (told, again)]
    assert all(quality == 2.5 for _, quality, _ in told.calls)
    assert len(set(seeds[0])) == len(seeds[0]) > 1 and not set(seeds[0]) & set(seeds[1])


def test_small_scenes_are_mirrored_and_holes_filled():
    told = Told(lambda *_: 0)
    ramp = np.broadcast_to(np.arange(10, 20, dtype=np.uint8), (3, 4, 10)).copy()
    ramp[:, 0, 0] = 0
    enhanced(Scene(ramp, None, {"nodata": "0.0"}), told)
    ((pixels, _, _),) = told.calls
    assert pixels.shape == (3, WINDOW, WINDOW) and pixels.dtype == np.float32
    assert 10 / 255 <= pixels.min() and pixels.max() <= 19 / 255 + 1e-6
    assert np.array_equal(pixels[:, :4, 10:20], pixels[:, :4, 9::-1])


def test_wide_numbers_are_brought_near_0_to_1():
    told = Told(lambda *_: 0.1)
    pixels = np.random.default_rng(0).uniform(2000, 3000, (3, 40, 40)).astype(np.uint16)
    pixels[0, 0, 0] = 4500
    found = enhanced(Scene(pixels), told)
    seen = np.concatenate([call[0].ravel() for call in told.calls])
    assert -0.5 <= seen.min() and seen.max() <= 1.5 and 0.2 < np.median(seen) < 0.8
    change = found.astype(int) - pixels
    assert (change[0] == change[2]).all() and 90 <= change[1, 5, 5] <= 110


def test_with_one_band_the_three_channels_agree():
    told = Told(lambda pixels, *_: np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1) * np.ones_like(pixels))
    found = enhanced(Scene(np.full((1, 8, 8), 100, np.uint8)), told)
    assert (found == 151).all()


@pytest.mark.parametrize("height, width", [(1100, 100), (1050, 1100)])
def test_read_in_pieces_every_window_is_computed_once(height, width):
    told = Told(lambda *_: 0.1)
    picture = SourcePicture(SceneSource(grey(height, width)))
    scene = EnhancedScene(picture, told, EnhanceSettings("any"), {}, 2.5)
    for piece in scene.pieces(picture.scene):
        scene.read(piece)
    seeds = [seed for _, _, seed in told.calls]
    assert len(seeds) == len(set(seeds))


@pytest.mark.parametrize("colours, count, dtype, bands, guessed", [
    (None, 3, "uint8", (0, 1, 2), False),  # so says its format
    (None, 3, "uint16", (0, 1, 2), True),
    (None, 4, "uint8", (0, 1, 2), True),
    (None, 2, "uint8", (0, 1), True),  # such as SAR
    (None, 1, "float32", (0,), True),  # such as heights
    (["alpha", "gray", "undefined", "undefined"], 4, "uint8", (1, 2, 3), True),
    (["blue", "green", "red", "undefined"], 4, "uint8", (2, 1, 0), False),
    (["alpha"], 1, "uint8", (), False),
])  # fmt: skip
def test_which_bands_are_the_colours(colours, count, dtype, bands, guessed):
    metadata = {"colorinterp": colours} if colours else {}
    picture = SourcePicture(SceneSource(Scene(np.zeros((count, 8, 8), dtype), None, metadata)))
    scene = EnhancedScene(picture, Told(lambda *_: 0), EnhanceSettings("any"), {})
    assert (scene.bands, scene.guessed) == (bands, guessed)


def test_tags_count_the_bands_of_the_output():
    pixels = np.zeros((5, 8, 8), np.uint8)
    metadata = {"colorinterp": ["undefined", "red", "green", "blue", "undefined"], "tags": {"": {"a": "b"}, "X": {}}}
    picture = SourcePicture(SceneSource(Scene(pixels, None, metadata)))
    scene = EnhancedScene(picture, Told(lambda *_: 0), EnhanceSettings("any"), {"seed": 4})
    tags = scene.mark(metadata, [2, 4, 1])["tags"]
    assert tags == {"": {"a": "b", "synthetic": "yes", "synthetic_bands": "1,3", "synthetic_seed": "4"}, "X": {}}
    assert scene.mark(metadata, [0, 4]) is metadata


def test_a_stream_has_the_units_of_its_scene(make_scene, to_stream, to_decoder):
    """Three bands of a stream look to an enhancer as those of the raster do, whether or not a KLT was between."""
    for bands in (3, 5):
        scene = make_scene(bands=bands, dtype="uint16")
        decoder = to_decoder(to_stream(scene))
        picture = DecodedPicture(decoder, stream_metadata(decoder.reader))
        told = Told(lambda *_: 0)
        EnhancedScene(picture, told, EnhanceSettings("any"), {}, 5).read(Window(0, 0, 90, 90))
        seen = np.concatenate([call[0].ravel() for call in told.calls])
        assert 0.1 < np.median(seen) < 0.9 and 0.1 < np.ptp(seen) < 2


def test_a_damaged_tile_is_not_painted_over(make_scene, to_stream, to_decoder, flip):
    decoder = to_decoder(flip(to_stream(make_scene()), 1, 1, 0), on_error="nodata")
    picture = DecodedPicture(decoder, stream_metadata(decoder.reader))
    found, _ = EnhancedScene(picture, Told(lambda *_: 0.2), EnhanceSettings("any"), {}, 5).read(picture.scene)
    assert (found[:, 64:128, 64:128] == 0).all() and (found[:, :64, :64] > 0).all()
