"""The place of wavelets is found in what JPEG2000 made of a picture, wherever that was cut, and windows begin there."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.enhancers.base import EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene
from rscodec.enhancers.wavelets import LEAST, wavelet_origin
from rscodec.generative.picture import SourcePicture
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.synthetic.sample import synthesize
from rscodec.training.pairs import through_jpeg2000
from tests.helpers.enhancers import Told

CUTS = (0, 0), (1, 0), (6, 3), (5, 8), (13, 7)


@pytest.fixture(scope="module")
def decoded() -> np.ndarray:
    return through_jpeg2000(synthesize(256)[0], 0.1)


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_they_are_found_wherever_a_part_was_cut(decoded, cut):
    grey = decoded.mean(0)[cut[0] :, cut[1] :]
    assert wavelet_origin(grey) == (-cut[0] % 8, -cut[1] % 8)


def test_what_has_none_is_taken_to_begin_at_0():
    assert wavelet_origin(np.random.default_rng(0).normal(0, 1, (128, 96))) == (0, 0)
    assert wavelet_origin(np.zeros((200, 200))) == wavelet_origin(np.ones((200, 200))) == (0, 0)


def test_too_few_pixels_say_nothing(decoded):
    cut = decoded.mean(0)[5:, 3:]
    assert wavelet_origin(cut[:LEAST, :LEAST]) == (3, 5)
    assert wavelet_origin(cut[: LEAST - 1, :LEAST]) == wavelet_origin(cut[:5]) == (0, 0)


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_windows_begin_where_they_do(decoded, cut):
    """Of pixels that know their place: every window sees the wavelets at 0, and answers land where they belong."""
    told = Told(lambda pixels, *_: (pixels > 0.5) * (40 / 255))
    told.takes = "raster"
    pixels = np.ascontiguousarray(decoded[:, cut[0] :, cut[1] :])
    picture = SourcePicture(SceneSource(Scene(pixels)))
    scene = EnhancedScene(picture, told, EnhanceSettings("any"), {})
    assert scene.before == (cut[0] % 8, cut[1] % 8)
    found = scene.read(picture.scene)[0]
    assert np.array_equal(found, np.minimum(pixels + 40 * (pixels > 127), 255))
    part = Window(17, 9, 40, 30)
    assert np.array_equal(scene.read(part)[0], found[:, 9:39, 17:57])
    padded = np.pad(pixels, ((0, 0), (cut[0] % 8, 0), (cut[1] % 8, 0)), mode="symmetric")
    first = padded[:, : told.window, : told.window]
    assert any(np.array_equal(seen, first / np.float32(255)) for seen, *_ in told.calls)
