"""The synthetic scene: the same for a seed, of any size and type, and like the Earth in what codecs care about."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.synthetic.landscape import Landscape
from rscodec.synthetic.noise import View, fractal, hashed, smooth
from rscodec.synthetic.sample import BANDS, synthesize


def test_a_seed_names_a_scene():
    a, metadata = synthesize(96, seed=3)
    assert a.shape == (3, 96, 96) and a.dtype == np.uint8
    assert metadata["crs"] == "EPSG:32633" and len(metadata["transform"]) == 6
    assert np.array_equal(a, synthesize(96, seed=3)[0])
    assert not np.array_equal(a, synthesize(96, seed=4)[0])


def test_a_larger_scene_contains_the_smaller_one():
    large = synthesize((600, 90), 4, "uint16")[0]
    assert np.array_equal(large[:, :50, :40], synthesize((40, 50), 4, "uint16")[0])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 2, 4, 16])
def test_any_type_and_number_of_bands(bands: int, dtype: str):
    pixels, metadata = synthesize((33, 21), bands, dtype)
    assert pixels.shape == (bands, 21, 33) and pixels.dtype == dtype and np.isfinite(pixels).all()
    assert len(set(metadata.get("descriptions", []))) == (bands if bands > 3 else 0)
    assert pixels.std() > 0


def test_bands_are_sorted_by_wavelength():
    names = synthesize(8, 10, "uint16")[1]["descriptions"]
    wavelengths = [dict(BANDS)[name] for name in names]
    assert wavelengths == sorted(wavelengths) and len(BANDS) == 16


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0.0), ("int16", -9999.0), ("float32", float("nan"))])
def test_collar_of_nodata(dtype: str, nodata: float):
    pixels, metadata = synthesize(128, 2, dtype, nodata)
    empty = np.isnan(pixels) if np.isnan(nodata) else pixels == nodata
    assert 0.2 < empty.mean() < 0.5 and np.array_equal(empty[0], empty[1])
    assert empty[:, 0, 0].all() and not empty[:, 48:80, 48:80].any()
    assert metadata["nodata"] == repr(nodata)


def test_the_default_scene_shows_everything():
    land = Landscape(View(0, 0, 512, 512), [665], 42)
    river = land.river() > 0
    for part in (land.homes, land.farm, land.forest, river):
        assert part.mean() > 0.03


def test_looks_like_a_photograph_to_a_codec():
    """Smooth enough to compress, rich enough to be hard, with plants that are bright in the near infrared."""
    pixels = synthesize(256, 4, seed=42)[0].astype(float)
    red, green, blue, infrared = pixels
    assert 0.75 < np.corrcoef(red[:, 1:].ravel(), red[:, :-1].ravel())[0, 1] < 0.99
    assert 15 < pixels.std((1, 2)).min() and pixels.std((1, 2)).max() < 80
    size = len(zlib.compress(synthesize(256)[0].tobytes()))
    assert 0.6 < size / (3 * 256 * 256) < 0.97
    assert np.corrcoef(red.ravel(), green.ravel())[0, 1] > 0.7
    assert infrared.mean() > red.mean()


@pytest.mark.parametrize("dtype, nodata", [("uint8", -9999), ("uint16", 0.5), ("int16", np.nan), ("float32", 1e300)])
def test_a_nodata_value_that_no_pixel_can_have(dtype: str, nodata: float):
    with pytest.raises(InputError, match=f"not a possible {dtype} value"):
        synthesize(32, 1, dtype, nodata)


def test_noise_is_seamless_normal_and_without_memory():
    whole = fractal(View(-40, 10, 300, 200), 5, 64, 4)
    assert np.allclose(whole[20:70, 60:160], fractal(View(20, 30, 100, 50), 5, 64, 4), atol=1e-5)
    field = smooth(View(0, 0, 1000, 1000), 1, 7.0)
    assert abs(field.mean()) < 0.1 and 0.85 < field.std() < 1.15
    white = hashed(9, np.arange(300)[None], np.arange(-150, 150)[:, None])
    assert 0 <= white.min() and white.max() < 1 and abs(white.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(white[1:].ravel(), white[:-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(white[:, 1:].ravel(), white[:, :-1].ravel())[0, 1]) < 0.02
    assert not np.array_equal(hashed(9, np.arange(5)), hashed(10, np.arange(5)))
