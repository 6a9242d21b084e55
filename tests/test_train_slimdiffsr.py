"""tools/train_slimdiffsr.py from nothing to a student, and on from where it stopped, in a few steps each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click import ClickException, UsageError
from PIL import Image
from safetensors import safe_open

from rscodec.training import checkpoint
from rscodec.training.slimdiff_teacher import FULL
from tests.helpers.tools import load
from tests.helpers.trainers import ramps, stages, write_shard


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    shard = write_shard(tmp_path_factory.mktemp("shard") / "shard.zip", ramps(140, 130, 3))
    small = ("--config", "tiny", "--batch", 2, "--crop", 128, "--perceptual", 0)
    return stages("train_slimdiffsr", shard, tmp_path_factory.mktemp("runs"), *small, steps=3)


@pytest.fixture(scope="module")
def runs(stage) -> dict[str, Path]:
    """All stages, each from the one before."""
    found: dict[str, Path] = {}
    for name in ("autoencoder", "diffusion", "uncertainty", "teacher", "student"):
        before = ["--start", [*found.values()][-1] / "average.pt"] if found else []
        found[name] = stage(name, *before)
    return found


@pytest.mark.parametrize("name", ["autoencoder", "diffusion", "uncertainty", "teacher", "student"])
def test_every_stage_runs_and_says_how_good_it_is(runs, name):
    log = (runs[name] / "log.txt").read_text()
    assert "held out, x4: bicubic psnr" in log and "held out, x8: bicubic psnr" in log and f", {name} psnr" in log
    history = checkpoint.load(runs[name] / "average.pt")["history"]
    assert history[-1]["stage"] == name and [sitting["stage"] for sitting in history] == list(runs)[: len(history)]


def test_what_a_stage_does_not_train_stays(runs):
    states = {name: checkpoint.load(run / "average.pt")["module"] for name, run in runs.items()}
    kept = ("diffusion", "uncertainty", "net.unet."), ("uncertainty", "teacher", "net.estimator.")
    for before, after, part in kept:
        same = [key for key in states[after] if key.startswith(part)]
        assert same and all(torch.equal(states[before][key], states[after][key]) for key in same)
    spread = "net.autoencoder.spread"
    assert (states["autoencoder"][spread] == 1).all()
    assert torch.equal(states["diffusion"][spread], states["teacher"][spread])
    assert not [key for key in states["student"] if "autoencoder" in key]


def test_an_interrupted_stage_goes_on_as_if_it_had_not_been(runs, stage):
    start = ["--start", runs["teacher"] / "average.pt"]
    whole = stage("student", *start, steps=4, to="whole")
    stage("student", *start, "--minutes", 1e-9, steps=4, to="parts")  # one step
    assert checkpoint.load(whole.parent / "parts" / "checkpoint.pt")["step"] == 1
    parts = stage("student", *start, steps=4, to="parts")
    one, other = (checkpoint.load(run / "average.pt")["module"] for run in (whole, parts))
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_stage_does_not_go_on_in_the_folder_of_another(runs, stage):
    with pytest.raises(ClickException, match="autoencoder was begun with another --stage"):
        stage("diffusion", "--start", runs["autoencoder"] / "average.pt", to="autoencoder")


def test_ablations(stage):
    without = [part for switch in ("qgam", "pruning", "tiny") for part in ("--without", switch)]
    alone = stage("student", *without, steps=1, to="alone")
    saved = checkpoint.load(alone / "average.pt")
    config = saved["config"]
    assert config["qgam"] is config["fused"] is False and (config["fsc"], config["dsc"]) == (True, True)
    assert (len(config["widths"]), config["width"], len(saved["history"])) == (4, FULL.width, 1)


def test_stages_that_cannot_begin(stage):
    with pytest.raises(UsageError, match="--stage diffusion continues the stage before"):
        stage("diffusion", to="never")
    with pytest.raises(UsageError, match="sd21:PATH, and only from --stage uncertainty on"):
        stage("autoencoder", "--teacher", "sd21:x", to="never")


def test_the_student_is_exported_with_its_figures(runs, tmp_path, monkeypatch):
    script = load("export_slimdiffsr")
    data = tmp_path / "data" / "test" / "ucmerced"
    data.mkdir(parents=True)
    picture = np.add.outer(np.arange(64), np.arange(64))[..., None].repeat(3, 2).astype(np.uint8)
    Image.fromarray(picture).save(data / "a.png")
    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("rscodec.eval.sr.unavailable", lambda: {"lpips": "not here", "niqe": "not here"})
    args = ["--run", runs["student"], "--model", "slimdiff-1", "--out", tmp_path]
    script.main([str(arg) for arg in args], standalone_mode=False)
    with safe_open(tmp_path / "slimdiff-1.safetensors", "pt") as file:
        assert "unet.bottom.first.low.weight" in file.keys() and "adapter.weight" not in file.keys()
    manifest = json.loads((tmp_path / "slimdiff-1.json").read_text())
    figures = manifest["figures"]["degraded"]["test/ucmerced"]
    assert [point["scale"] for point in figures["ours"]] == [4.0, 8.0] and figures["bicubic"][0]["psnr_db"] > 0
    assert [sitting["stage"] for sitting in manifest["history"]] == list(runs)


def test_a_student_that_ships_is_trained_further_from_pictures(stage):
    shipped = Path("rscodec/weights/slimdiff-1.safetensors")
    again = checkpoint.load(stage("student", "--start", shipped, steps=1, to="again") / "average.pt")
    with safe_open(shipped, "pt") as file:
        kept = {name: file.get_tensor(name).float() for name in file.keys()}
    state = checkpoint.part(again["module"], "net.net.")
    change = max(float((state[name] - value).abs().max()) for name, value in kept.items())
    assert state.keys() == kept.keys() and 0 < change < 1e-4  # one step of the warm-up
    assert again["history"][:-1] == json.loads(shipped.with_suffix(".json").read_text())["history"]
    with pytest.raises(UsageError, match="keeps its parts"):
        stage("student", "--start", shipped, "--without", "qgam", to="never")


def test_the_student_of_a_run_is_trained_further_too(runs, stage):
    before = runs["student"] / "average.pt"
    again = checkpoint.load(stage("student", "--start", before, steps=1, to="student again") / "average.pt")
    one, other = (checkpoint.part(found["module"], "net.net.") for found in (checkpoint.load(before), again))
    assert one.keys() == other.keys() and 0 < max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-4
