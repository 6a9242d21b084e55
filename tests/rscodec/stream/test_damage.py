"""Damaged tiles: stop at the first, or go on and know where they are."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import BadField, TileDamaged
from rscodec.raster.window import Window
from rscodec.stream.damage import Damage, as_tile
from rscodec.stream.geometry import Grid

GRID = Grid(150, 100, 64, 16)


def test_the_first_one_stops():
    with pytest.raises(TileDamaged):
        Damage(GRID, "stop").note(TileDamaged("broken", (0, 0, 0)))


def test_the_first_reason_is_kept_and_the_area_known():
    damage = Damage(GRID, "nodata")
    for words in ("first", "second"):
        damage.note(TileDamaged(words, (1, 2, 0)))
    assert damage.bad == {(1, 2, 0): "first"} and damage.tiles == {(1, 2)}
    expected = np.zeros((50, 60), bool)
    expected[24:, 38:] = True
    assert np.array_equal(damage.area(Window(90, 40, 60, 50)), expected)


def test_a_problem_is_said_of_its_tile():
    found = as_tile(BadField("odd"), (3, 4), 1)
    assert found.tile == (3, 4, 1) and "tile (3, 4): odd" in str(found) and as_tile(found, (0, 0)) is found
