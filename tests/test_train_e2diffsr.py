"""tools/train_e2diffsr.py: stage two from stage one, on from where it stopped, and exported, in a few steps each."""

from __future__ import annotations

import json

import pytest
import torch
from click import ClickException, UsageError

from rscodec.training import checkpoint
from tests.helpers.tools import load
from tests.helpers.trainers import landscapes, stages, write_shard


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    shard = write_shard(tmp_path_factory.mktemp("shard") / "shard.zip", landscapes(128))
    small = ("--large", 32, "--small", 16, "--batch", 1)
    return stages("train_e2diffsr", shard, tmp_path_factory.mktemp("runs"), *small)


def test_stage_two_goes_on_from_stage_one(stage, tmp_path, monkeypatch):
    one = stage("one", "--kl", 1e-5)
    assert checkpoint.load(one / "average.pt")["history"][0]["kl"] == 1e-5
    with pytest.raises(UsageError, match="average.pt"):
        stage("two", to="nowhere")
    two = stage("two", "--start", one / "average.pt", "--without", "distillation")
    stage("two", "--start", one / "average.pt", "--without", "distillation", steps=3)
    log = (two / "log.txt").read_text()
    assert "resumed at step 2" in log and "held out, x2.00" in log
    history = checkpoint.load(two / "average.pt")["history"]
    assert [(part["stage"], part["steps_taken"]) for part in history] == [("one", 2), ("two", 2), ("two", 1)]
    assert [part["steps"] for part in history] == [2, 2, 3]
    assert history[1]["without"] == ["distillation"] and "without" not in history[0]

    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path))  # no images: nothing is measured
    args = ["--run", two, "--model", "mine", "--out", tmp_path, "--images", 0]
    load("export_e2diffsr").main([str(arg) for arg in args], standalone_mode=False)
    manifest = json.loads((tmp_path / "mine.json").read_text())
    assert manifest["figures_command"] == "tools/export_e2diffsr.py --run two --model mine --images 0"
    noisy = stage("noisy", "--start", one / "average.pt", to="never-drawn")
    for run in (one, noisy):
        args[1], args[3] = run, f"{run.name}-1"
        with pytest.raises(ClickException, match="train stage two or drawn first"):
            load("export_e2diffsr").main([str(arg) for arg in args], standalone_mode=False)


def test_decoder_and_denoiser_learn_apart(stage):
    one = stage("one", to="first")
    noisy = stage("noisy", "--start", one / "average.pt")
    drawn = stage("drawn", "--start", noisy / "average.pt", "--diffusion-steps", 6)
    before, between, after = (checkpoint.load(run / "average.pt") for run in (one, noisy, drawn))
    assert (between["config"]["steps"], after["config"]["steps"]) == (4, 6)

    def changed(old: dict, new: dict) -> set[str]:
        pairs = ((key, old["module"][key], value) for key, value in new["module"].items())
        return {key.split(".")[1] for key, a, b in pairs if a.shape != b.shape or not torch.equal(a, b)}

    assert changed(before, between) - {"layers", "head"} == {"decoder", "branch", "csum", "spread"}
    assert changed(between, after) == {"condition_net", "denoiser"}


def test_the_twin_has_no_prior(stage):
    twin = stage("twin")
    assert "held out, x4.00: none" in (twin / "log.txt").read_text()
    assert all(torch.isfinite(value).all() for value in checkpoint.load(twin / "average.pt")["module"].values())
