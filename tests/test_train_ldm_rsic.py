"""tools/train_ldm_rsic.py: both stages on JPEG2000, on from where it stopped, and on our codec, in a few steps each."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click import UsageError
from PIL import Image
from safetensors.torch import load_file

from rscodec.models.weights import codec_for_encoding
from rscodec.synthetic.sample import synthesize
from rscodec.training import checkpoint
from tests.helpers.tools import load


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("shard") / "shard.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for seed in range(3):
            buffer = io.BytesIO()
            Image.fromarray(synthesize(256, seed=seed)[0].transpose(1, 2, 0)).save(buffer, "PNG")
            archive.writestr(f"{seed}.png", buffer.getvalue())
    return path


@pytest.fixture(scope="module")
def stage(shard, tmp_path_factory):
    """Runs a stage for some steps; returns its folder."""
    folder = tmp_path_factory.mktemp("runs")

    def run(name: str, *args, steps: int = 2, to: str | None = None) -> Path:
        args = [
            "--shard",
            shard,
            "--stage",
            name,
            "--run",
            folder / (to or name),
            "--window",
            32,
            "--batch",
            1,
            "--steps",
            steps,
            "--decay",
            1,
            "--check",
            1,
            "--device",
            "cpu",
            *args,
        ]
        threads = torch.get_num_threads()
        load("train_ldm_rsic").main([str(arg) for arg in args], standalone_mode=False)
        torch.set_num_threads(threads)
        return folder / (to or name)

    return run


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
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("lrm."))


def test_pairs_of_our_codec(stage):
    twin = stage("twin", to="twin")
    first = json.loads((twin / "log.txt").read_text().splitlines()[0].split(" ", 2)[2])
    assert first["decoded_by"] == codec_for_encoding("s").weights_hash.hex()
    assert checkpoint.load(twin / "average.pt")["config"]["takes"] == "stream"
    assert "held out, q 8: none" in (twin / "log.txt").read_text()


def test_what_ships_may_change_more(stage, tmp_path, monkeypatch):
    trained = stage("one", "--jpeg2000") / "average.pt"
    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path))  # no images: nothing is measured
    args = ["--run", trained.parent, "--model", "mine", "--times", 2, "--out", tmp_path]
    load("export_ldm_rsic").main([str(arg) for arg in args], standalone_mode=False)
    shipped, module = load_file(tmp_path / "mine.safetensors"), checkpoint.load(trained)["module"]
    for name in ("weight", "bias"):
        expected = (2 * module[f"men.head.{name}"]).half()
        assert expected.any() and torch.equal(shipped[f"men.head.{name}"], expected)
    assert torch.equal(shipped["men.stem.weight"], module["men.stem.weight"].half())


def test_windows_are_put_together_as_they_were_taken_apart():
    script, pixels = load("compare_ldm_rsic"), synthesize((128, 96))[0]
    parts = script.windows(pixels, 32)
    assert parts.shape == (12, 3, 32, 32)
    assert np.array_equal(script.together(parts, *pixels.shape[1:]), pixels)
    row, col = pixels.shape[1] // 32 - 1, pixels.shape[2] // 32 - 1
    assert np.allclose(255 * parts[-1], pixels[:, 32 * row :, 32 * col :])
