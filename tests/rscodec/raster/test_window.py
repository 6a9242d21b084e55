"""Rectangles: what they select, cover and refuse."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.raster.window import Window

SCENE = Window(0, 0, 30, 20)


def test_within_selects_from_an_array_of_another_window():
    whole, part = Window(4, 2, 10, 8), Window(6, 3, 5, 4)
    pixels = np.arange(80).reshape(8, 10)
    rows, cols = part.within(whole)
    assert np.array_equal(pixels[rows, cols], pixels[1:5, 2:7])


def test_overlap_moved_and_grown():
    assert Window(2, 3, 10, 10).overlap(Window(8, 1, 10, 5)) == Window(8, 3, 4, 3)
    assert Window(2, 3, 4, 5).moved(1, -2) == Window(0, 4, 4, 5)
    assert Window(2, 18, 4, 2).grown(3, SCENE) == Window(0, 15, 9, 5)


@pytest.mark.parametrize("window", [(-1, 0, 3, 3), (0, 0, 31, 1), (29, 19, 1, 2), (5, 5, 0, 1), (40, 40, 1, 1)])
def test_what_is_not_inside_is_refused(window):
    SCENE.check_inside(SCENE)
    with pytest.raises(InputError, match="is not inside a.bin, which has 30 x 20 pixels"):
        Window(*window).check_inside(SCENE, "a.bin")
