"""Keywords become settings, and unknown ones are errors that list the known ones."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.output import OutputSettings
from rscodec.stream.settings import DecodeSettings, EncodeSettings, is_whole, settings_of


def test_keywords_go_to_the_settings_that_have_them():
    how, output = settings_of({"on_error": "nodata", "bands": (1,), "device": "cuda"}, DecodeSettings, OutputSettings)
    assert how == DecodeSettings(device="cuda", on_error="nodata") and output == OutputSettings(bands=(1,))


def test_an_unknown_keyword_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="no setting quick; there are weights, device, on_error$"):
        settings_of({"quick": True}, DecodeSettings)


@pytest.mark.parametrize("goals", [{"bpp": 1, "psnr": 30}, {"max_error": 1, "bpp": 1}, {"max_error": 1, "psnr": 30}])
def test_goals_exclude_each_other(goals):
    with pytest.raises(InputError, match="exclude"):
        EncodeSettings(**goals)


def test_a_largest_error_and_a_quality_go_together():
    assert not EncodeSettings(max_error=1, quality=4).has_target and EncodeSettings(bpp=1).has_target


def test_whole_numbers():
    assert is_whole(3) and is_whole(np.int16(3))
    assert not any(map(is_whole, (3.0, True, "3", None, np.float32(3))))
