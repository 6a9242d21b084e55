"""The smooth fill of invalid pixels, and how they come back."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.raster.fill import fill_invalid
from rscodec.raster.validity import MASKED, NAN, NODATA, VALID, classify, native, protect_nodata
from rscodec.synthetic.sample import synthesize


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("size", [(64, 64), (61, 33), (1, 7), (1, 1)])
def test_valid_pixels_stay_and_holes_are_within_their_range(dtype: str, size: tuple[int, int]):
    pixels = synthesize(size, 2, dtype)[0]
    invalid = np.random.default_rng(0).random((1, size[1], size[0])) < 0.4
    invalid[0, 0, 0] = False
    spoiled = np.where(invalid, np.array(0 if dtype == "uint8" else -1).astype(dtype), pixels)
    filled = fill_invalid(spoiled, invalid)
    keep = np.broadcast_to(~invalid, pixels.shape)
    assert filled.dtype == pixels.dtype and np.array_equal(filled[keep], pixels[keep])
    for band, known in zip(filled, keep, strict=True):
        assert band.min() >= band[known].min() and band.max() <= band[known].max()


def test_a_ramp_is_continued_smoothly():
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (1, 64, 64))
    invalid = np.zeros((1, 64, 64), bool)
    invalid[:, 20:44, 20:44] = True
    filled = fill_invalid(np.where(invalid, np.float32(np.nan), ramp), invalid)
    assert np.abs(filled - ramp).max() < 0.15
    assert np.abs(np.diff(filled, axis=2)).max() < 0.1


@pytest.mark.parametrize("slopes", [(0.02, 0), (0, 0.02), (0.01, -0.02)])
def test_a_slope_goes_on_beyond_the_rim(slopes):
    """Means of known pixels alone are off by 0.08 and more."""
    rows, cols = np.indices((96, 96))
    relief = (slopes[0] * rows + slopes[1] * cols)[None]
    invalid = (np.abs(rows - 48) + np.abs(cols - 48) > 40)[None]
    off = np.abs(fill_invalid(np.where(invalid, 0, relief), invalid) - relief)[0]
    beyond = np.abs(rows - 48) + np.abs(cols - 48) - 40
    relief = relief[0]
    inside = (relief > relief[~invalid[0]].min() + 0.1) & (relief < relief[~invalid[0]].max() - 0.1)
    assert off[inside & (beyond > 0) & (beyond <= 4)].max() < 0.04


def test_nothing_known_becomes_zero_and_nothing_to_fill_stays():
    pixels = np.full((2, 5, 9), np.nan, np.float32)
    assert (fill_invalid(pixels, np.ones((1, 5, 9), bool)) == 0).all()
    pixels = synthesize(16, 2, "uint16")[0]
    assert np.array_equal(fill_invalid(pixels, np.zeros((1, 16, 16), bool)), pixels)


def test_bands_may_have_holes_of_their_own():
    pixels = np.stack([np.full((8, 8), 10), np.full((8, 8), 20)]).astype(np.uint8)
    invalid = np.zeros((2, 8, 8), bool)
    invalid[1, 2:5] = True
    pixels[1, 2:5] = 255
    filled = fill_invalid(pixels, invalid)
    assert (filled[0] == 10).all() and (filled[1] == 20).all()


def test_classes():
    pixels = np.array([[[1, np.nan, -9999, 5, -9999]]], np.float32)
    mask = np.array([[255, 255, 255, 0, 0]], np.uint8)
    assert classify(pixels, -9999.0).ravel().tolist() == [VALID, NAN, NODATA, VALID, NODATA]
    assert classify(pixels, -9999.0, mask).ravel().tolist() == [VALID, NAN, NODATA, MASKED, MASKED]
    assert classify(pixels, float("nan")).ravel().tolist() == [VALID, NAN, VALID, VALID, VALID]


def test_infinity_is_an_error_unless_it_is_nodata():
    pixels = np.array([[[1, np.inf]]], np.float32)
    with pytest.raises(InputError, match="infinite"):
        classify(pixels)
    assert classify(pixels, np.inf).ravel().tolist() == [VALID, NODATA]
    with pytest.raises(InputError, match="infinite"):
        classify(-pixels, np.inf)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint8", 0.0),
        ("uint8", 255.0),
        ("uint16", 0.0),
        ("uint16", 65535.0),
        ("int16", -32768.0),
        ("int16", -9999.0),
        ("float32", 0.0),
        ("float32", -9999.0),
        ("float32", -3.4028234663852886e38),
        ("float32", np.inf),
        ("float64", -9999.0),
        ("float64", 1e300),
        ("float32", np.nan),
        ("float64", 0.1),
    ],
)
def test_invalid_pixels_come_back_and_valid_ones_stay_valid(dtype: str, nodata: float):
    value = native(nodata, dtype)
    pixels = np.ones((1, 1, 4), dtype)
    pixels[0, 0, 1:3] = value
    classes = classify(pixels, nodata)
    decoded = np.full_like(pixels, 1 if np.isnan(nodata) else value)
    back = protect_nodata(decoded, classes, nodata)
    assert np.array_equal(classify(back, nodata), classes)
    assert np.array_equal(back[0, 0, 1:3], pixels[0, 0, 1:3], equal_nan=True)
    if np.issubdtype(dtype, np.integer):
        assert abs(int(back[0, 0, 0]) - int(value)) == 1


def test_masked_pixels_become_nodata_or_zero():
    decoded = np.full((2, 1, 2), 9, np.uint8)
    classes = np.array([[[VALID, MASKED]]], np.uint8)
    assert protect_nodata(decoded, classes, None)[:, 0].tolist() == [[9, 0], [9, 0]]
    assert protect_nodata(decoded, classes, 7.0)[:, 0].tolist() == [[9, 7], [9, 7]]
    assert np.array_equal(protect_nodata(decoded, None, 3.0), decoded)


def test_a_nodata_value_that_no_pixel_can_have_marks_nothing():
    assert native(-9999.0, "uint8") is None and native(0.5, "uint16") is None and native(1e300, "float32") is None
    pixels = np.zeros((1, 2, 2), np.uint8)
    assert not classify(pixels, -9999.0).any()
    assert np.array_equal(protect_nodata(pixels, None, -9999.0), pixels)
