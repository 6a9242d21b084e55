"""Types of option values, and the format that an output's name asks for."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from rscodec.cli.options import BandList, CreationOption, FiniteRange, Stretch, TileEdge, driver_for


@pytest.mark.parametrize(
    "text, bands", [("4,3,2", (4, 3, 2)), ("1-3", (1, 2, 3)), ("1-3,8", (1, 2, 3, 8)), ("7", (7,))]
)
def test_bands(text, bands):
    assert BandList().convert(text, None, None) == bands


@pytest.mark.parametrize("text", ["", "0", "1,1", "3-1", "a", "1-", "-2", "1,,2"])
def test_no_bands(text):
    with pytest.raises(click.BadParameter, match="is not a list of distinct bands"):
        BandList().convert(text, None, None)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "9", "x"])
def test_numbers_are_finite_and_in_range(text):
    assert FiniteRange(1, 8).convert("2.5", None, None) == 2.5
    with pytest.raises(click.BadParameter):
        FiniteRange(1, 8).convert(text, None, None)


@pytest.mark.parametrize("text", ["0", "100", "4096", "64.0"])
def test_tile_edges_are_multiples(text):
    assert TileEdge().convert("128", None, None) == 128
    with pytest.raises(click.BadParameter):
        TileEdge().convert(text, None, None)


def test_creation_options():
    assert CreationOption().convert("compress=DEFLATE", None, None) == ("COMPRESS", "DEFLATE")
    assert CreationOption().convert("A=b=c", None, None) == ("A", "b=c")
    for text in ("COMPRESS", "=x"):
        with pytest.raises(click.BadParameter, match="is not NAME=VALUE"):
            CreationOption().convert(text, None, None)


def test_stretches():
    assert Stretch().convert("2,98", None, None) == (2, 98) and Stretch().convert("none", None, None) == ()
    for text in ("", "2", "98,2", "nan,98", "2,98,99", "-1,50", "0,101"):
        with pytest.raises(click.BadParameter, match="is not two percentiles"):
            Stretch().convert(text, None, None)


def test_a_name_of_another_format_brings_a_note(capsys):
    for name, driver, told in (("a.tiff", "COG", ""), ("a.bin", None, "a.bin is a GTiff file; .tif"),
                               ("a.tif", "PNG", "a.tif is a PNG file; .png"), ("a", "COG", "")):  # fmt: skip
        driver_for(Path(name), driver)
        err = capsys.readouterr().err
        assert told in err and bool(err) == bool(told)


def test_the_name_of_an_output_chooses_its_format():
    assert driver_for(Path("a.PNG"), None) == "PNG" and driver_for(Path("a.tif"), None) == "GTiff"
    assert driver_for(Path("a.jp2"), "COG") == "COG"
    with pytest.raises(click.UsageError, match="a.jp2: .jp2 files are not written"):
        driver_for(Path("a.jp2"), None)
