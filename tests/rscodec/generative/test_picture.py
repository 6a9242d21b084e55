"""Scenes as pictures: what is red, green and blue, and the scale on which generated pixels are made."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.generative.picture import plain_units
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.statistics import Statistics
from rscodec.synthetic.sample import synthesize


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
