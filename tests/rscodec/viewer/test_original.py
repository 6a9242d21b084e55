"""Blocks of a raster: averages of its valid pixels, and their classes."""

from __future__ import annotations

import numpy as np
import pytest

import rscodec
from rscodec.viewer.original import COARSEST, Original


@pytest.mark.parametrize("name", ["rgb", "ten"])
def test_blocks_of_an_original_are_its_averages(scenes, name):
    scene = rscodec.Scene.load(scenes / f"{name}.tif")
    original = Original(scenes / f"{name}.tif")
    assert {factor for factor, _, _ in original.blocks()} == {2**n for n in range(7)}
    for factor, row, col in original.blocks():
        edge = 256 * max(2, factor)
        part = slice(None), slice(row * edge, (row + 1) * edge), slice(col * edge, (col + 1) * edge)
        pixels, valid = scene.pixels[part], scene.mask[part]
        count, height, width = pixels.shape[0], -(-pixels.shape[1] // factor), -(-pixels.shape[2] // factor)
        data = original.block(factor, row, col)
        found = np.frombuffer(data, pixels.dtype, count * height * width).reshape(count, height, width)
        classes = np.frombuffer(data[found.nbytes :], np.uint8).reshape(-1, height, width)
        assert len(classes) == original.describe()["planes"] == (10 if name == "ten" else 0)
        square = slice(None), slice(0, factor), slice(0, factor)  # the first one, counted by hand
        for band in range(count):
            good = pixels[square][band][valid[square][band]]
            assert found[band, 0, 0] == (np.rint(good.mean()) if good.size else 0)
            assert len(classes) == 0 or (classes[band, 0, 0] == 0) == (2 * good.size >= pixels[square][band].size)
    assert original.block(3, 0, 0) is original.block(1, 9, 0) is original.block(2 * COARSEST, 0, 0) is None
