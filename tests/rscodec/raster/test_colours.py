"""Which bands are red, green and blue: by description, by colour interpretation, by choice."""

from __future__ import annotations

import pytest

from rscodec.raster.colours import band_colours, named_colours

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
