"""Scenes as pictures: what is red, green and blue, and the scale on which generated pixels are made."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.generative.picture import band_colours, named_colours, plain_units
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.statistics import Statistics
from rscodec.synthetic.sample import synthesize

NONE = ["gray", "undefined", "undefined", "undefined"]
BGR = ["blue", "green", "red", "undefined"]


@pytest.mark.parametrize("colours, coded, chosen, bands", [
    (NONE, (0, 1, 2, 3), (), ()),
    (BGR, (0, 1, 2, 3), (), (2, 1, 0)),
    (["red", "green", "alpha"], (0, 1), (), ()),
    (["alpha"], (), (), ()),
    (NONE, (0, 1, 2, 3), (3, 2, 1, 0), (3, 2, 1)),
    (["alpha", *NONE], (1, 2, 3, 4), (4, 0, 2, 3), (4, 2, 3)),
    (NONE, (0, 1, 2, 3), (3, 2), ()),
    (BGR, (0, 1, 2, 3), (3, 1, 2), (2, 1, 0)),
])  # fmt: skip
def test_which_bands_are_said_to_be_the_colours(colours, coded, chosen, bands):
    assert named_colours(colours, coded, chosen) == bands


@pytest.mark.parametrize("descriptions, colorinterp, colours", [
    (["Blue", "green", " red", "nir"], NONE, ("blue", "green", "red", "")),
    (["B02", "B03", "B04", "B08"], None, ("blue", "green", "red", "")),
    (["blue", "green", "red", "nir"], ["red", "green", "blue", "undefined"], ("blue", "green", "red", "")),
    ([None, "near infrared", "red", "red"], BGR, tuple(BGR)),
    (None, None, ("gray", "undefined", "undefined", "undefined")),
])  # fmt: skip
def test_descriptions_come_before_colour_interpretation(descriptions, colorinterp, colours):
    metadata = {"descriptions": descriptions, "colorinterp": colorinterp}
    assert band_colours({key: value for key, value in metadata.items() if value}, 4, "uint16") == colours


@pytest.mark.parametrize("balance", [False, True])
def test_colours_fill_their_units_whether_bands_are_balanced_or_not(balance: bool):
    pixels = synthesize(96, 4, "uint16")[0]
    pixels[3] = np.minimum(pixels[3].astype(int) * 6, 65535)
    statistics = Statistics("uint16", 4)
    statistics.add(pixels)
    units = plain_units(statistics.radiometry(4, balance=balance), (0, 1, 2))
    shown = units.forward(pixels[:3])
    assert abs(shown.mean() - 0.5) < 0.1
    if balance:  # near infrared, whose range is six times as large, no longer sets the scale
        assert shown.std() > 2 * plain_units(statistics.radiometry(4), (0, 1, 2)).forward(pixels[:3]).std()


def test_eight_bits_are_their_own_units():
    assert plain_units(Radiometry("uint8", 4, weights=(1.0, 2.0, 3.0, 4.0)), (0, 1)) == Radiometry.default("uint8", 2)
