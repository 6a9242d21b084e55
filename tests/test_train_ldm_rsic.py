"""tools/train_ldm_rsic.py: both stages on JPEG2000, on from where it stopped, and on our codec, in a few steps each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click import ClickException, UsageError
from safetensors.torch import load_file

from rscodec.enhancers.ldm_rsic import LdmConfig
from rscodec.models.weights import codec_for_encoding
from rscodec.synthetic.sample import synthesize
from rscodec.training import checkpoint, ldm
from tests.helpers.tools import load
from tests.helpers.trainers import landscapes, stages, write_shard


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    shard = write_shard(tmp_path_factory.mktemp("shard") / "shard.zip", landscapes(256))
    small = ("--window", 32, "--batch", 1)
    return stages("train_ldm_rsic", shard, tmp_path_factory.mktemp("runs"), *small)


def test_stage_two_on_jpeg2000_goes_on_from_stage_one(stage):
    one = stage("one", "--jpeg2000")
    with pytest.raises(UsageError, match="average.pt"):
        stage("two", "--jpeg2000", to="nowhere")
    with pytest.raises(UsageError, match="out of crops of 240"):
        stage("one", "--jpeg2000", "--window", 256, to="nowhere")
    two = stage("two", "--jpeg2000", "--start", one / "average.pt", "--together", 2)
    saved = checkpoint.load(two / "average.pt")
    assert saved["config"]["takes"] == "raster"
    assert [(part["stage"], part["together"]) for part in saved["history"]] == [("one", 1), ("two", 2)]
    assert [part["steps_taken"] for part in saved["history"]] == [2, 2]
    log = (two / "log.txt").read_text()
    assert all(f"held out, bpp {rate}: none" in log for rate in (0.1, 0.2, 0.4, 0.8, 1.6))

    before = saved["module"]
    stage("two", "--jpeg2000", "--start", one / "average.pt", "--together", 2, steps=3)
    assert "resumed at step 2" in (two / "log.txt").read_text()
    after = checkpoint.load(two / "average.pt")["module"]
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("net.lrm."))


def test_pairs_of_our_codec(stage):
    twin = stage("twin", to="twin")
    first = json.loads((twin / "log.txt").read_text().splitlines()[0].split(" ", 2)[2])
    assert first["decoded_by"] == codec_for_encoding("s").weights_hash.hex()
    assert checkpoint.load(twin / "average.pt")["config"]["takes"] == "stream"
    assert "held out, q 8: none" in (twin / "log.txt").read_text()


def test_realism_goes_on_from_weights_that_ship(stage, monkeypatch):
    monkeypatch.setattr(ldm, "perceptual", lambda made, original: (made - original).abs().flatten(1).mean(1) + 1)
    shipped = Path("rscodec/weights/ldm-rsic-2.safetensors").resolve()
    options = ("--realism", "--check", 0, "--window", 128)
    one = stage("one", "--start", shipped, *options, steps=4, to="real")
    saved = checkpoint.load(one / "average.pt")
    assert saved["config"]["realism"] and len(saved["history"]) > 1
    heard = saved["module"]["net.compression.0.weight"]
    assert heard.shape == (16, 2) and heard[:, 1].any()
    drawn = stage("drawn", "--start", one / "average.pt", *options, to="real-drawn")
    after = checkpoint.load(drawn / "average.pt")["module"]
    assert torch.equal(saved["module"]["net.men.stem.weight"], after["net.men.stem.weight"])
    assert not torch.equal(saved["module"]["net.denoiser.enter.weight"], after["net.denoiser.enter.weight"])
    with pytest.raises(UsageError, match="--realism is for streams"):
        stage("two", "--start", one / "average.pt", *options, to="nowhere")


def test_realism_goes_on_from_a_run_without_it(stage, monkeypatch):
    monkeypatch.setattr(ldm, "perceptual", lambda made, original: (made - original).abs().flatten(1).mean(1) + 1)
    plain = stage("one", to="plain")
    saved = checkpoint.load(plain / "average.pt")
    both, _ = load("train_ldm_rsic").begin("one", plain / "average.pt", LdmConfig(realism=True))
    before = saved["module"]["net.compression.0.weight"]
    assert torch.equal(both.net.compression[0].weight, torch.cat([before, torch.zeros_like(before)], 1))
    for name in ("one", "drawn"):
        real = stage(name, "--start", plain / "average.pt", "--realism", "--together", 2, to=f"plain-{name}")
        after = checkpoint.load(real / "average.pt")
        assert after["config"] == saved["config"] | {"realism": True}


@pytest.mark.parametrize("name, options, words", [
    ("two", ["--start", "rscodec/weights/ldm-rsic-2.safetensors"], "lacks the LRM"),
    ("drawn", ["--start", "rscodec/weights/ldm-rsic-2.safetensors", "--realism"], "lacks the LRM"),
    ("drawn", ["--start", "rscodec/weights/ldm-rsic-2.safetensors"], "needs --realism"),
])  # fmt: skip
def test_starts_that_cannot_be(stage, name, options, words):
    with pytest.raises(UsageError, match=words):
        stage(name, *options, to="nowhere")


def test_runs_without_a_denoiser_are_not_exported(stage, tmp_path):
    for name, folder in (("one", "plain"), ("twin", "twin")):
        args = ["--run", stage(name, to=folder), "--model", name, "--out", tmp_path]
        with pytest.raises(ClickException, match=f"ends with stage {name}"):
            load("export_ldm_rsic").main([str(arg) for arg in args], standalone_mode=False)


def test_what_ships_may_change_more(stage, tmp_path, monkeypatch):
    one = stage("one", "--jpeg2000", to="raster")
    trained = stage("two", "--jpeg2000", "--start", one / "average.pt", to="shipped") / "average.pt"
    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path))  # no images: nothing is measured
    args = ["--run", trained.parent, "--model", "mine", "--times", 2, "--out", tmp_path]
    load("export_ldm_rsic").main([str(arg) for arg in args], standalone_mode=False)
    shipped, module = load_file(tmp_path / "mine.safetensors"), checkpoint.load(trained)["module"]
    for name in ("weight", "bias"):
        expected = (2 * module[f"net.men.head.{name}"]).half()
        assert expected.any() and torch.equal(shipped[f"men.head.{name}"], expected)
    assert torch.equal(shipped["men.stem.weight"], module["net.men.stem.weight"].half())


def test_windows_are_put_together_as_they_were_taken_apart():
    script, pixels = load("compare_ldm_rsic"), synthesize((128, 96))[0]
    parts = script.windows(pixels, 32)
    assert parts.shape == (12, 3, 32, 32)
    assert np.array_equal(script.together(parts, *pixels.shape[1:]), pixels)
    row, col = pixels.shape[1] // 32 - 1, pixels.shape[2] // 32 - 1
    assert np.allclose(255 * parts[-1], pixels[:, 32 * row :, 32 * col :])
