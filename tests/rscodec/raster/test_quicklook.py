"""Pictures that any viewer shows, of every type and number of bands."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

import rscodec
from rscodec.bitstreams.errors import InputError, LimitExceeded, OutputError
from rscodec.bitstreams.wire import DTYPES
from rscodec.raster.quicklook import guessed_bands, quicklook, shown_bands
from rscodec.raster.scene import Scene

RED_LAST = {"colorinterp": ["blue", "green", "red", "undefined"]}
ALPHA_FIRST = {"colorinterp": ["alpha", "gray", "undefined", "undefined"]}


@pytest.mark.parametrize(
    "metadata, count, dtype, bands",
    [
        ({}, 1, "int16", (1,)),
        ({}, 2, "uint8", (1,)),
        ({}, 3, "uint8", (1, 2, 3)),
        ({}, 13, "int16", (1, 2, 3)),
        (RED_LAST, 4, "uint16", (3, 2, 1)),
        ({"descriptions": ["B02", "B03", "B04", "B08"]}, 4, "uint16", (3, 2, 1)),
        (ALPHA_FIRST, 4, "uint16", (2, 3, 4)),
        ({"colorinterp": ["gray", "alpha"]}, 2, "uint8", (1,)),
        ({"colorinterp": ["alpha"]}, 1, "uint8", (1,)),
    ],
)
def test_which_bands_are_shown(metadata, count, dtype, bands):
    assert shown_bands(metadata, count, dtype) == bands


def test_bands_that_are_guessed_are_told():
    for metadata, count, told in (
        ({}, 1, ()),
        ({}, 2, ()),
        ({}, 13, (1, 2, 3)),
        (RED_LAST, 4, ()),
        (ALPHA_FIRST, 4, (2, 3, 4)),
    ):
        assert guessed_bands(metadata, count, "uint16") == told


def ramp(dtype: str, bands: int = 1) -> Scene:
    """Values from -50 to 49 or from 0 to 99, in rows."""
    values = np.arange(100).reshape(10, 10) - (0 if dtype.startswith("u") else 50)
    return Scene(np.repeat(values[None].astype(dtype), bands, 0))


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_the_percentiles_become_0_and_255(dtype):
    (picture,) = quicklook(ramp(dtype), (10, 90)).pixels
    assert picture.dtype == np.uint8 and (np.diff(picture.ravel().astype(int)) >= 0).all()
    assert (picture.ravel()[:10] == 0).all() and (picture.ravel()[90:] == 255).all()
    assert (picture.ravel()[11:89] > 0).all() and (picture.ravel()[11:89] < 255).all()


def test_a_constant_band_is_a_picture():
    assert (quicklook(Scene(np.full((1, 4, 4), 7, "int16"))).pixels == 0).all()


def test_invalid_pixels_are_transparent_and_do_not_count():
    scene = ramp("float32", 3)
    scene.pixels[1, 0, :5], scene.pixels[:, 9] = np.nan, 1e9
    scene.classes = np.zeros((3, 10, 10), np.uint8)
    scene.classes[1, 0, :5], scene.classes[:, 9] = 1, 1
    made = quicklook(scene, (0, 100))
    assert made.pixels.shape == (4, 10, 10) and made.metadata["colorinterp"] == ["red", "green", "blue", "alpha"]
    assert (made.pixels[3] == 0).sum() == 15 and made.pixels[0].max() == 255 and (made.pixels[:, 9] == 0).all()
    nothing = quicklook(Scene(scene.pixels[:1], np.ones((1, 10, 10), np.uint8)))
    assert nothing.pixels.shape == (2, 10, 10) and not nothing.pixels.any()


def test_alpha_is_transparency():
    scene = ramp("uint16", 2)
    scene.metadata = {"colorinterp": ["gray", "alpha"]}
    made = quicklook(scene)
    assert made.metadata["colorinterp"] == ["gray", "alpha"] and (made.pixels[1] == 0).sum() == 1


@pytest.mark.parametrize("bands", [(1, 2), (1, 2, 3, 4)])
def test_a_picture_has_one_band_or_three(bands):
    with pytest.raises(InputError, match="shows one band or three, not .: choose them with `bands`"):
        quicklook(ramp("uint8", 4), bands=bands)
    assert len(quicklook(ramp("uint8", 4), bands=(4, 2, 1)).pixels) == 3


@pytest.mark.parametrize("stretch", [(98, 2), (5, 5), (-1, 50), (0, 101), (float("nan"), 5)])
def test_percentiles_are_in_order(stretch):
    with pytest.raises(InputError, match="`stretch=.*two percentiles"):
        quicklook(ramp("uint8"), stretch)


@pytest.fixture
def look(make_scene, to_stream, tiny_weights, tmp_path):
    """look(count, dtype, nodata, **settings): a PNG of 50 pixels, and what is in it."""

    def make(count: int, dtype: str, nodata: float | None = None, **settings):
        (tmp_path / "a.bin").write_bytes(to_stream(make_scene((200, 150), count, dtype, nodata)))
        options = {"stretch": (2, 98), "driver": "PNG", "weights": tiny_weights, "overwrite": True} | settings
        report = rscodec.preview_file(tmp_path / "a.bin", tmp_path / "a.png", 50, **options)
        with rasterio.open(tmp_path / "a.png") as picture:
            return report, picture.read(), picture.profile

    return make


@pytest.mark.parametrize("dtype", DTYPES.values())
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 13])
def test_a_scene_of_any_type_and_bands_is_a_png(look, bands, dtype):
    report, pixels, profile = look(bands, dtype)
    assert profile["driver"] == "PNG" and profile["dtype"] == "uint8" and profile["crs"].to_epsg() == 32633
    assert pixels.shape == (report.bands, report.height, report.width) == (1 if bands < 3 else 3, 38, 50)
    assert all(band.min() == 0 and band.max() == 255 for band in pixels)


def test_the_report_tells_bands_that_are_guessed(to_stream, tiny_weights, tmp_path):
    (tmp_path / "a.bin").write_bytes(to_stream(Scene(np.arange(4 * 64 * 64, dtype="uint16").reshape(4, 64, 64))))
    options = {"stretch": (2, 98), "driver": "PNG", "weights": tiny_weights, "overwrite": True}
    report = rscodec.preview_file(tmp_path / "a.bin", tmp_path / "a.png", 50, **options)
    assert report.guessed == (1, 2, 3)
    assert not rscodec.preview_file(tmp_path / "a.bin", tmp_path / "a.png", 50, bands=(4, 3, 2), **options).guessed


def test_nodata_of_a_scene_is_transparent_in_a_png(look):
    _, pixels, _ = look(4, "int16", -9999, bands=(4,))
    assert pixels.shape == (2, 38, 50) and set(np.unique(pixels[1])) == {0, 255}


def test_what_is_wrong_is_said_before_anything_is_decoded(look, monkeypatch, tmp_path):
    look(2, "uint8")
    monkeypatch.setattr("rscodec.api.OpenScene.preview", None)
    with pytest.raises(OutputError, match="exists"):
        look(2, "uint8", overwrite=False)
    with pytest.raises(InputError, match="has bands 1 to 2, not 3"):
        look(2, "uint8", bands=(3,))
    with pytest.raises(InputError, match="`stretch=5,4`"):
        look(2, "uint8", stretch=(5, 4))


def test_a_limit_of_pixels(look):
    with pytest.raises(LimitExceeded, match="max_pixels"):
        look(3, "uint8", max_pixels=50 * 38)
