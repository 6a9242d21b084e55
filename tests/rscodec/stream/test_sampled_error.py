"""The error on a sample of tiles."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.metrics.pixels import Difference
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.sampled_error import MOST_TILES, middle, sampled_error


def measure(scene: Scene, data: bytes, tiny):
    return sampled_error(StreamReader.from_bytes(data), tiny, SceneSource(scene))


@pytest.mark.parametrize("bands, dtype, nodata", [(3, "uint8", None), (1, "int16", -5), (5, "float32", np.nan)])
def test_of_a_small_scene_it_is_the_error(make_scene, to_stream, to_decoder, tiny, bands, dtype, nodata):
    scene = make_scene((60, 50), bands, dtype, nodata)
    data = to_stream(scene)
    decoded, _ = to_decoder(data).read(Window(0, 0, 60, 50))
    whole = Difference(dtype)
    whole.add(scene.pixels, decoded, Scene(scene.pixels, SceneSource(scene).read(Window(0, 0, 60, 50))[1]).mask)
    found = measure(scene, data, tiny)
    assert (
        found == (pytest.approx(whole.psnr_db), pytest.approx(whole.mse**0.5), whole.largest, 1, 1)
        and found.largest > 0
    )


def test_a_large_scene_costs_a_few_tiles_that_have_pixels(make_scene, to_stream, tiny, monkeypatch):
    scene = make_scene((640, 640), nodata=0)
    scene.pixels[:, :500] = 0
    data, read = to_stream(scene), []
    whole = SceneDecoder.read
    monkeypatch.setattr(SceneDecoder, "read", lambda self, window: read.append(window) or whole(self, window))
    found = measure(scene, data, tiny)
    assert found.tiles == len(read) == MOST_TILES and found.of == 100
    assert all(window.bottom > 500 for window in read) and len(set(read)) == MOST_TILES


def test_the_sample_is_spread_over_rows_and_columns(make_scene, to_stream, tiny, monkeypatch):
    scene = make_scene((512, 512))
    data, read = to_stream(scene), []
    whole = SceneDecoder.read
    monkeypatch.setattr(SceneDecoder, "read", lambda self, window: read.append(window) or whole(self, window))
    measure(scene, data, tiny)
    assert len({window.col for window in read}) == len({window.row for window in read}) == MOST_TILES


def test_a_scene_without_valid_pixels_has_none(to_stream, tiny):
    scene = Scene(np.zeros((1, 70, 70), "uint8"), metadata={"nodata": "0.0"})
    assert measure(scene, to_stream(scene), tiny) is None


def test_the_middle_of_a_tile():
    assert middle(Window(512, 0, 512, 512)) == (640, 128, 256, 256)
    assert middle(Window(512, 512, 100, 300)) == (512, 534, 100, 256)
