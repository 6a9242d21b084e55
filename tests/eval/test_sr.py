"""Super-resolution is measured against what was shrunk; bicubic needs no weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bitstreams.errors import InputError, OutputError
from cli.eval import sr as command
from cli.main import main
from eval import datasets, sr
from eval.table import read
from rscodec.sample import synthesize
from rscodec.scene import Scene
from tests import upsamplers


@pytest.fixture
def images(tmp_path) -> list[datasets.Image]:
    (tmp_path / "set").mkdir()
    for number in range(2):
        Scene(synthesize((70, 50), 4, "uint8", None, number)[0]).save(tmp_path / "set" / f"{number}.tif")
    return datasets.images([str(tmp_path / "set")])


@pytest.fixture(autouse=True)
def no_metric_weights(monkeypatch):
    monkeypatch.setattr(sr, "unavailable", lambda: {"lpips": "not here", "niqe": "not here"})


@pytest.mark.parametrize("scale, small, large", [
    (1, (50, 70), (50, 70)), (2.6, (19, 26), (49, 68)), (8, (6, 8), (48, 64)),
])
def test_what_is_upsampled_is_the_original_shrunk(images, scale, small, large):
    scene = Scene.load(images[0].path)
    found, original = sr.pair(scene, scale)
    assert found.pixels.shape[1:] == small and original.shape[1:] == large
    wanted = F.interpolate(torch.from_numpy(original)[None].double(), small, mode="bicubic", antialias=True)[0].numpy()
    assert np.abs(found.pixels - wanted.clip(0, 255)).max() <= 0.501


def test_a_row_for_each_image_scale_and_model(images, tmp_path):
    model = str(upsamplers.write(tmp_path / "m.safetensors"))
    summary = sr.sr(images, (1.0, 2.6), ("bicubic", model), tmp_path / "out")
    rows = read(tmp_path / "out" / "sr.csv", sr.SrRow)
    assert len(rows) == 2 * 2 * 2 and {row.scale for row in rows} == {1.0, 2.6}
    assert all(row.lpips is row.niqe is None and row.seconds > 0 for row in rows)
    assert [bool(row.weights) for row in rows] == [False, True] * 4
    same = [row.psnr_db for row in rows if row.model == "bicubic" and row.scale == 1]
    assert same == [float("inf")] * 2
    points = summary["sets"]["set"]["bicubic"]
    wanted = np.mean([row.psnr_db for row in rows if row.model == "bicubic" and row.scale == 2.6])
    assert points[0]["psnr_db"] is None and points[1]["psnr_db"] == pytest.approx(wanted)
    assert json.loads((tmp_path / "out" / "sr.json").read_text()) == summary
    with pytest.raises(OutputError, match="another --out"):
        sr.sr(images, (2.0,), ("bicubic",), tmp_path / "out")


def test_degraded_images_are_the_same_each_time_and_others_by_name_and_scale(images):
    scene = Scene.load(images[0].path)
    one, again, other = (sr.pair(scene, 4, "degraded", name)[0].pixels for name in ("a", "a", "b"))
    plain, original = sr.pair(scene, 4)
    assert np.array_equal(one, again) and not np.array_equal(one, other) and one.shape == plain.pixels.shape
    assert np.array_equal(sr.pair(scene, 4, "degraded", "a")[1], original)
    assert 2 < np.abs(one.astype(float) - plain.pixels).mean() < 40


def test_a_model_that_does_not_know_a_scale_is_refused_before_anything_is_measured(images, tmp_path):
    model = str(upsamplers.write_slim(tmp_path / "m.safetensors"))
    with pytest.raises(InputError, match="--scale 2: slimdiff-test-1 upsamples by 4 or 8"):
        sr.sr(images, (4.0, 2.0), ("bicubic", model), tmp_path / "out")
    assert not (tmp_path / "out" / "sr.csv").exists()
    summary = sr.sr(images, (4.0,), ("bicubic", model), tmp_path / "out", degradation="degraded")
    assert summary["degradation"] == "degraded" and len(summary["sets"]["set"][model]) == 1
    assert {row.degradation for row in read(tmp_path / "out" / "sr.csv", sr.SrRow)} == {"degraded"}


def test_images_that_cannot_be_measured(tmp_path):
    with pytest.raises(InputError, match="uint16"):
        sr.pair(Scene(np.zeros((3, 9, 9), np.uint16)), 2)
    with pytest.raises(InputError, match="nothing left"):
        sr.pair(Scene(np.zeros((3, 9, 3), np.uint8)), 4)


def test_the_command_offers_every_degradation():
    (option,) = (option for option in command.params if option.name == "degradation")
    assert tuple(option.type.choices) == sr.DEGRADATIONS


def test_the_command_writes_table_and_curves(images, tmp_path, capfd):
    code = main(["eval", "sr", str(tmp_path / "set"), "--scales", "2,4", "--out", str(tmp_path / "out")])
    out = capfd.readouterr().out
    assert code == 0 and "bicubic" in out and "skipped lpips: not here" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"sr.csv", "sr.json", "scales_set.png",
                                                                    "scales_set.svg"}
    assert main(["eval", "sr", str(tmp_path / "set"), "--scales", "0.5", "--out", str(tmp_path / "b")]) == 2
