"""From windows to a scene: what an upsampler is given, and what becomes of its answer; this one is told what to say."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.generative.interpolated import InterpolatedPicture
from rscodec.generative.picture import SourcePicture
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.upsamplers.base import UpscaleSettings
from rscodec.upsamplers.scene import UpscaledScene
from tests.helpers.upsamplers import OVERLAP, WINDOW, Told


def upscaled(scene: Scene, told: Told, scale: float = 3.0, seed: int = 0) -> UpscaledScene:
    return UpscaledScene(SourcePicture(SceneSource(scene)), told, UpscaleSettings("any", scale, seed), {})


def pixels_of(*args, **settings) -> np.ndarray:
    scene = upscaled(*args, **settings)
    return scene.read(scene.target)[0]


def grey(height=40, width=90, value=100) -> Scene:
    return Scene(np.full((3, height, width), value, np.uint8))


def test_one_answer_everywhere_is_one_change_everywhere():
    assert (pixels_of(grey(), Told(lambda *_: 20 / 255), 2.3) == 120).all()


def test_nothing_to_add_is_bicubic(make_scene):
    scene = make_scene((50, 40))
    base = InterpolatedPicture(SourcePicture(SceneSource(scene)), 130, 104)
    assert np.array_equal(pixels_of(scene, Told(lambda *_: 0), 2.6), base.read(base.scene)[0])


@pytest.mark.parametrize("scale", [1.0, 2.6, 5.0])
def test_coordinates_are_those_of_the_pixels_that_are_asked_for(scale):
    """The answer is a ramp of the coordinates of the source: the scene becomes one."""
    starts = {}

    def ramp(pixels, rows, cols, scale, seed):
        start = round(255 * float(pixels[0, 0, 0]))  # each pixel of the source says its column
        starts[start] = True
        return np.broadcast_to((start + cols) / 255, (3, len(rows), len(cols)))

    source = np.broadcast_to(np.arange(90, dtype=np.uint8), (3, 20, 90)).copy()
    found = pixels_of(Scene(source), Told(ramp), scale).astype(float)
    wanted = (np.arange(found.shape[2]) + 0.5) * 90 / found.shape[2] - 0.5
    assert len(starts) > 1
    assert np.abs(found - 2 * wanted)[:, :, 10:-10].max() <= 1.01


def test_there_is_no_seam_between_windows_that_disagree():
    """Each window brightens by another random amount of up to 100 levels; neighbours differ by a gentle slope."""
    told = Told(lambda *args: np.random.default_rng(args[-1]).uniform(0, 100 / 255))
    found = pixels_of(grey(60, 100), told, 4).astype(float)
    assert np.ptp(found) > 30
    for axis in (1, 2):
        assert np.abs(np.diff(found, axis=axis)).max() <= 100 * 2 / (4 * OVERLAP) + 1


def test_small_scenes_are_mirrored_into_small_windows():
    told = Told(lambda *_: 0)
    pixels_of(Scene(np.arange(30, dtype=np.uint8).reshape(1, 5, 6)), told, 2)
    ((pixels, rows, cols, scale, _),) = told.calls
    assert pixels.shape == (3, 16, 16) and scale == 2 and (len(rows), len(cols)) == (32, 32)
    assert np.array_equal(pixels[:, :5, 6:12], pixels[:, :5, 5::-1])


def test_seeds_differ_by_window_and_by_seed():
    seeds = []
    for seed in (5, 6):
        told = Told(lambda *_: 0)
        pixels_of(grey(), told, seed=seed)
        seeds.append([call[-1] for call in told.calls])
    assert len(set(seeds[0])) == len(seeds[0]) > 1 and not set(seeds[0]) & set(seeds[1])


def test_an_upsampler_without_a_deterministic_part_says_so():
    with pytest.raises(InputError, match="told has no deterministic part"):
        Told(lambda *_: 0).deterministic()


@pytest.mark.parametrize("width, count", [(30, 3), (160, 6)])
def test_read_in_pieces_every_window_is_computed_once(width, count):
    told = Told(lambda *_: 0.1)
    scene = upscaled(grey(180, width), told, 8)
    pieces = scene.pieces(scene.target)
    assert len(pieces) == count
    for piece in pieces:
        scene.read(piece)
    assert len(told.calls) == len({call[-1] for call in told.calls}) and told.calls[0][0].shape == (3, WINDOW, WINDOW)


@pytest.mark.parametrize("height, width, wanted", [(20, 20, 0), (20, 90, 4), (400, 300, 9)])
def test_the_scene_is_surveyed_once_by_windows_spread_over_it(height, width, wanted):
    told = Told(lambda *_: 0)
    told.samples = 9
    rows, cols = np.indices((height, width)) // 2
    scene = upscaled(Scene(np.stack([rows, cols, rows * 0]).astype(np.uint8)), told)
    for piece in scene.pieces(scene.target):
        scene.read(piece)
    assert told.known == ("surveyed" if wanted else None) and len(told.surveys) == bool(wanted)
    if wanted:
        windows = told.surveys[0][0]
        assert len(windows) == wanted and told.surveys[0][1] == 3
        corners = 2 * 255 * np.array([window[:2, 0, 0] for window in windows])
        assert np.ptp(corners[:, 1]) > width / 2 and (height < WINDOW or np.ptp(corners[:, 0]) > height / 2)
