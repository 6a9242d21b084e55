"""`rscodec carbon`, from county to map."""

from __future__ import annotations

import json

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


def test_prepare(rscodec, tmp_path):
    pytest.importorskip("pyogrio")
    folder = tmp_path / "county"
    rscodec("carbon", "simulate", "-o", folder, "--size", 64)
    command = [
        "carbon",
        "prepare",
        folder / "imagery.tif",
        "--stands",
        folder / "forest.geojson",
        "--heights",
        folder / "canopy_height.tif",
    ]
    made = rscodec(*command, "-o", tmp_path / "out")
    assert made.code == 0 and made.err == "" and made.out.startswith(f"{tmp_path / 'out'}: carbon of ")
    assert rscodec(*command, "-o", tmp_path / "out").code == 7
    again = json.loads(rscodec(*command, "-o", tmp_path / "out", "--overwrite", "--json").out)
    assert again["notes"] == [] and f"{again['stands']} stands in {again['pixels']} pixels" in made.out
    wrong = rscodec(*command, "-o", tmp_path / "other", "--volume", "timber")
    assert wrong.code == 3 and "no column 'timber'" in wrong.err and not (tmp_path / "other").exists()


def test_train_and_predict(rscodec, tmp_path):
    pytest.importorskip("pyogrio")
    county, run = tmp_path / "county", tmp_path / "run"
    rscodec("carbon", "simulate", "-o", county, "--size", 64)
    rscodec(
        "carbon",
        "prepare",
        county / "imagery.tif",
        "--stands",
        county / "forest.geojson",
        "--heights",
        county / "canopy_height.tif",
        "-o",
        county / "target",
    )
    trained = rscodec(
        "carbon",
        "train",
        county / "imagery.tif",
        "--target",
        county / "target",
        "--model",
        "unet",
        "--run",
        run,
        "--steps",
        2,
        "--batch",
        1,
        "--crop",
        32,
        "--threads",
        1,
    )
    assert trained.code == 0 and '"trained_on": "simulated by rscodec' in trained.out
    command = [
        "carbon",
        "predict",
        county / "imagery.tif",
        "--model",
        run / "weights.safetensors",
        "--stands",
        county / "forest.geojson",
    ]
    made = rscodec(*command, "-o", tmp_path / "map")
    assert made.code == 0 and "training data: simulated by rscodec carbon simulate" in made.out
    again = json.loads(rscodec(*command, "-o", tmp_path / "map", "--overwrite", "--json").out)
    assert again["maps"] == 1 and len(again["totals"]) > 3 and again["far"] < 3
    assert rscodec(*command, "-o", tmp_path / "map").code == 7
    few = rscodec(*command, "-o", tmp_path / "few", "--bands", "1-3")
    assert few.code == 3 and "--bands" in few.err
    nowhere = rscodec("carbon", "train", county / "imagery.tif", "--target", county, "--run", tmp_path / "r")
    assert nowhere.code == 3 and "density.tif" in nowhere.err
