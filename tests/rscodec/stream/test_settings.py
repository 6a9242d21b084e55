"""Keywords become settings, and unknown ones are errors that list the known ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.output import OutputSettings
from rscodec.stream.settings import DecodeSettings, EncodeSettings, check_types, is_whole, settings_of, takes


def test_keywords_go_to_the_settings_that_have_them():
    how, output = settings_of({"on_error": "nodata", "bands": (1,), "device": "cuda"}, DecodeSettings, OutputSettings)
    assert how == DecodeSettings(device="cuda", on_error="nodata") and output == OutputSettings(bands=(1,))


def test_an_unknown_keyword_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="no setting quick; there are weights, device, on_error$"):
        settings_of({"quick": True}, DecodeSettings)


GOALS = [{"bpp": 1, "psnr": 30}, {"max_error": 1, "bpp": 1}, {"max_error": 1, "psnr": 30}, {"quality": 3, "bpp": 1}]


@pytest.mark.parametrize("goals", GOALS)
def test_goals_exclude_each_other(goals):
    with pytest.raises(InputError, match="exclude"):
        EncodeSettings(**goals)


def test_a_largest_error_and_a_quality_go_together():
    assert not EncodeSettings(max_error=1, quality=4).has_target and EncodeSettings(bpp=1).has_target


@dataclass
class Typed:
    """Fields of every type that is checked, and one that is not."""

    number: float | None = None
    whole: int = 1
    yes: bool = True
    place: str | Path = "a"
    more: dict | None = None
    call: Callable | None = None


@pytest.mark.parametrize("good", [
    {}, {"number": 1, "whole": np.int16(3), "yes": np.bool_(0)}, {"number": np.float32(1), "place": Path("a")},
    {"more": {}, "call": 5},
])  # fmt: skip
def test_values_of_their_type(good):
    check_types(Typed(**good))


@pytest.mark.parametrize("bad, words", [
    ({"number": "1"}, "`number='1'`: give a number or None"), ({"number": True}, "`number=True`"),
    ({"whole": 1.0}, "`whole=1.0`: give a whole number$"), ({"whole": None}, "whole=None"), ({"yes": 1}, "True or"),
    ({"place": b"a"}, "give a string or a path$"), ({"more": []}, "give a dictionary or None"),
])  # fmt: skip
def test_values_of_another_type(bad, words):
    with pytest.raises(InputError, match=words):
        check_types(Typed(**bad))


def test_a_signature_names_the_fields():
    @takes(DecodeSettings)
    def function(source, device: int = 5, *, size=None, **settings):
        return settings

    assert str(signature(function)) == (
        "(source, device: 'int' = 5, *, size=None, weights: 'str | Path | None' = None, on_error: 'str' = 'stop')"
    )
    assert function(1, on_error="x") == {"on_error": "x"}


def test_whole_numbers():
    assert is_whole(3) and is_whole(np.int16(3))
    assert not any(map(is_whole, (3.0, True, "3", None, np.float32(3))))
