"""An open stream has what rasterio's datasets have, and reads as they do."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window as RasterioWindow

import rscodec
from rscodec.bitstreams.errors import InputError
from rscodec.raster.scene import Scene


@pytest.fixture
def pair(to_stream, tiny_weights, tmp_path):
    """pair(scene): the scene as an open dataset of rasterio and as an open stream."""
    opened = []

    def make(scene: Scene):
        scene.save(tmp_path / "a.tif")
        (tmp_path / "a.bin").write_bytes(to_stream(scene))
        opened[:] = rasterio.open(tmp_path / "a.tif"), rscodec.open(tmp_path / "a.bin", weights=tiny_weights)
        return opened

    yield make
    for one in opened:
        one.close()


def test_it_says_what_rasterio_says(pair, make_scene):
    scene = make_scene((150, 100), 4, "uint16", 0)
    scene.metadata |= {
        "tags": {"": {"SENSOR": "none"}, "EXTRA": {"a": "b"}},
        "band_tags": [{"": {"wave": "1"}}, {}, {}, {"": {"wave": "4"}}],
    }
    dataset, stream = pair(scene)
    for name in ("width", "height", "shape", "count", "crs", "transform", "bounds", "nodata", "descriptions"):
        assert getattr(stream, name) == getattr(dataset, name), name
    assert stream.dtype == dataset.dtypes[0] and stream.tags(ns="EXTRA") == dataset.tags(ns="EXTRA")
    assert stream.tags() == {"SENSOR": "none"} and stream.tags(4) == dataset.tags(4) and stream.tags(2) == {}
    assert stream.tags(ns="nothing") == {}
    with pytest.raises(InputError, match="has bands 1 to 4, not 5"):
        stream.tags(5)
    window = dataset.window(412010, 5317950, 412050, 5317990)
    assert stream.window(412010, 5317950, 412050, 5317990) == (10, 10, 40, 40)
    assert (window.col_off, window.row_off, window.width, window.height) == (10, 10, 40, 40)


def test_a_plain_scene_has_no_place_and_no_names(to_stream):
    with rscodec.open(to_stream(Scene(np.ones((2, 40, 30), "uint8")))) as stream:
        assert stream.crs is None and stream.transform.is_identity and stream.nodata is None
        assert stream.bounds == (0, 40, 30, 0) and stream.descriptions == (None, None) and stream.tags(1) == {}


def test_its_repr_can_be_read(pair, make_scene, to_stream):
    scene = make_scene((150, 100), 4, "uint16", 0)
    _, stream = pair(scene)
    assert repr(stream).startswith("<rscodec stream ") and repr(stream).endswith(
        f"a.bin: 150 x 100 pixels, 4 bands of uint16, EPSG:32633, nodata 0, quality 5, {stream.reader.end} bytes>"
    )
    with rscodec.open(to_stream(Scene(np.ones((1, 4, 3), "uint8")))) as held:
        assert "in memory: 3 x 4 pixels, 1 band of uint8, no CRS, no nodata value, " in repr(held)
    assert repr(scene) == "<rscodec scene: 150 x 100 pixels, 4 bands of uint16, EPSG:32633, nodata 0>"


def test_windows_and_bands_as_in_rasterio(pair, make_scene):
    _, stream = pair(make_scene((150, 100), 4, "uint16"))
    expected = stream.read((30, 20, 70, 60), (3,))
    found = stream.read(window=RasterioWindow(30, 20, 70, 60), bands=3)
    assert np.array_equal(found.pixels, expected.pixels) and found.metadata == expected.metadata
    assert found.pixels.shape == (1, 60, 70)


@pytest.mark.parametrize("shape", [(50, 75), (25, 37), (100, 150), (200, 300), (7, 11), (3, 25, 30)], ids=str)
def test_a_scene_of_another_shape(pair, make_scene, shape):
    _, stream = pair(make_scene((150, 100), 3, "uint8", 0))
    found = stream.read(out_shape=shape)
    height, width = shape[-2:]
    assert found.pixels.shape == found.mask.shape == (3, height, width)
    a, _, c, _, e, f = found.metadata["transform"]
    assert (c, f) == (412000, 5318000) and (a * width, e * height) == pytest.approx((150, -100))
    whole = stream.read().pixels.astype(float)
    assert abs(found.pixels[found.mask].mean() - whole[whole > 0].mean()) < 12


def test_a_window_of_another_shape_is_that_of_rasterio(pair, make_scene, tmp_path):
    _, stream = pair(make_scene((150, 100), 2, "int16", -5))
    stream.read().save(tmp_path / "back.tif")
    with rasterio.open(tmp_path / "back.tif") as back:
        window = RasterioWindow(10, 20, 90, 60)
        for shape in ((30, 45), (120, 180)):
            expected = back.read(window=window, out_shape=(2, *shape))
            assert np.array_equal(stream.read(window, out_shape=shape).pixels, expected)


def test_a_small_shape_decodes_little(pair, make_scene, monkeypatch):
    _, stream = pair(make_scene((150, 100)))
    monkeypatch.setattr("rscodec.stream.decoder.SceneDecoder.read", None)
    assert stream.read(out_shape=(10, 15)).pixels.shape == (3, 10, 15)


@pytest.mark.parametrize("shape", [5, (5,), (4, 5, 5), (5, 0), (5, 5.0), "55", (1, 1, 5, 5)], ids=str)
def test_wrong_shapes(pair, make_scene, shape):
    _, stream = pair(make_scene((150, 100)))
    with pytest.raises(InputError, match=r"out_shape is \(height, width\) or \(3, height, width\), not"):
        stream.read(out_shape=shape)
