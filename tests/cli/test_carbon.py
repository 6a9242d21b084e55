"""`rscodec carbon`, from county to map."""

from __future__ import annotations

import pytest


def test_simulate(rscodec, tmp_path):
    folder = tmp_path / "county"
    result = rscodec("carbon", "simulate", "-o", folder, "--size", 64, "--seed", 2)
    assert result.code == 0 and result.err == "" and result.out.startswith(f"{folder}: 64 x 64 pixels of 16 m, ")
    first = (folder / "imagery.tif").read_bytes()
    again = rscodec("carbon", "simulate", "-o", folder, "--size", 64, "--seed", 2)
    assert again.code == 7 and "--overwrite" in again.err
    assert rscodec("carbon", "simulate", "-o", folder, "--size", 64, "--seed", 2, "--overwrite", "--quiet").out == ""
    assert (folder / "imagery.tif").read_bytes() == first


@pytest.mark.parametrize("args", [["--size", "63"], ["--seed", "-1"]], ids=" ".join)
def test_values_out_of_range_are_usage_errors(rscodec, tmp_path, args):
    result = rscodec("carbon", "simulate", "-o", tmp_path / "county", *args)
    assert result.code == 2 and args[0] in result.err
