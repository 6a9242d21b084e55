"""Interpolation is what Pillow and torch call bicubic, at any coordinate, and as a matrix the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rscodec.raster.resample import Taps, centres, linear, nearest, shrink


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).random((2, 23, 31))


def by_torch(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    found = F.interpolate(torch.from_numpy(image)[None], size, mode="bicubic", antialias=True)
    return found[0].numpy()


@pytest.mark.parametrize("size", [(23, 31), (46, 62), (60, 81), (184, 248), (24, 35)])
def test_enlarging_is_bicubic(image, size):
    found = image
    for axis, target in enumerate(size, 1):
        length = image.shape[axis]
        found = Taps.at(centres(0, target, length, target), length).along(found, axis)
    assert np.allclose(found, by_torch(image, size), atol=1e-6)


@pytest.mark.parametrize("size", [(23, 31), (11, 15), (8, 12), (3, 4), (1, 1)])
def test_shrinking_is_without_aliasing(image, size):
    assert np.allclose(shrink(image, *size), by_torch(image, size), atol=1e-6)


def test_a_part_is_the_same_to_the_last_bit(image):
    whole = Taps.at(centres(0, 107, 31, 107), 31).along(image, 2)
    taps = Taps.at(centres(40, 60, 31, 107), 31)
    first, last = taps.span
    assert np.array_equal(taps.along(image[:, :, first:last], 2, first), whole[:, :, 40:60])


def test_linear_is_between_two():
    taps = Taps.at(np.array([-0.5, 0.0, 0.25, 2.5, 3.4]), 4, linear)
    assert np.allclose(taps.along(np.arange(4.0), 0), [0, 0, 0.25, 2.5, 3])


def test_the_matrix_does_the_same(image):
    taps = Taps.at(centres(0, 50, 31, 50), 31)
    assert np.allclose(image @ taps.matrix(31).T, taps.along(image, 2), atol=1e-5)


def test_nearest_takes_the_pixel_under_each_centre():
    pixels = np.arange(12).reshape(1, 3, 4)
    assert nearest(pixels, (3, 4), (3, 4)).tolist() == pixels.tolist()
    assert nearest(pixels, (3, 4), (1, 2)).tolist() == [[[5, 7]]]
    assert nearest(pixels, (2.5, 3.5), (2, 2)).tolist() == [[[0, 2], [4, 6]]]
    assert nearest(pixels, (3, 4), (6, 8))[0, ::2, ::2].tolist() == pixels[0].tolist()
