"""Super-resolution is measured against what was shrunk; bicubic needs no weights."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.cli.eval import sr as command
from rscodec.cli.main import main
from rscodec.eval import datasets, sr, sr_report
from rscodec.eval.features import Features
from rscodec.eval.table import read
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize
from tests.helpers import upsamplers


@pytest.fixture
def images(tmp_path) -> list[datasets.Image]:
    (tmp_path / "set").mkdir()
    for number in range(2):
        Scene(synthesize((70, 50), 4, "uint8", None, number)[0]).save(tmp_path / "set" / f"{number}.tif")
    return datasets.images([str(tmp_path / "set")])


@pytest.fixture(autouse=True)
def no_metric_weights(monkeypatch):
    monkeypatch.setattr(sr, "unavailable", lambda: {"lpips": "not here", "niqe": "not here"})


@pytest.mark.parametrize(
    "scale, small, large",
    [
        (1, (50, 70), (50, 70)),
        (2.6, (19, 26), (49, 68)),
        (8, (6, 8), (48, 64)),
    ],
)
def test_what_is_upsampled_is_the_original_shrunk(images, scale, small, large):
    scene = Scene.load(images[0].path)
    found, original = sr.pair(scene, scale)
    assert found.pixels.shape[1:] == small and original.shape[1:] == large
    wanted = F.interpolate(torch.from_numpy(original)[None].double(), small, mode="bicubic", antialias=True)[0].numpy()
    assert np.abs(found.pixels - wanted.clip(0, 255)).max() <= 0.501


def test_a_row_for_each_image_scale_and_model(images, tmp_path):
    model = str(upsamplers.write(tmp_path / "m.safetensors"))
    summary = sr.sr(images, (1.0, 2.6), ("bicubic", model), tmp_path / "out").summary
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
    with pytest.raises(OutputError, match="another `out`"):
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
    with pytest.raises(InputError, match="`scale=2`: slimdiff-test-1 upsamples by 4 or 8"):
        sr.sr(images, (4.0, 2.0), ("bicubic", model), tmp_path / "out")
    assert not (tmp_path / "out" / "sr.csv").exists()
    summary = sr.sr(images, (4.0,), ("bicubic", model), tmp_path / "out", degradation="degraded").summary
    assert summary["degradation"] == "degraded" and len(summary["sets"]["set"][model]) == 1
    assert {row.degradation for row in read(tmp_path / "out" / "sr.csv", sr.SrRow)} == {"degraded"}


def test_a_cut_off_run_goes_on(images, tmp_path, monkeypatch):
    whole = sr.sr(images, (2.0, 3.0), ("bicubic",), tmp_path / "whole")
    text = (tmp_path / "whole" / "sr.csv").read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sr.csv").write_bytes(text[: int(len(text) * 0.7)])  # killed while writing a line
    kept, measured, real = len(read(tmp_path / "out" / "sr.csv", sr.SrRow)), [], sr.row_of
    monkeypatch.setattr(sr, "row_of", lambda *point: measured.append(point) or real(*point))
    resumed = sr.sr(images, (2.0, 3.0), ("bicubic",), tmp_path / "out", resume=True)
    assert 0 < kept and len(measured) == 4 - kept
    assert sorted(row.key for row in resumed.rows) == sorted(row.key for row in whole.rows)
    fewer = sr.sr(images, (2.0,), ("bicubic",), tmp_path / "out", resume=True)
    assert len(measured) == 4 - kept and {row.scale for row in fewer.rows} == {2.0}


def test_other_weights_are_another_measurement(images, tmp_path):
    for model in ("e2diff-test-1", "e2diff-test-2"):
        path = upsamplers.write(tmp_path / "m.safetensors", model)
        sr.sr(images[:1], (2.0,), (str(path),), tmp_path / "out", resume=True)
    assert len({row.weights for row in read(tmp_path / "out" / "sr.csv", sr.SrRow)}) == 2


def test_another_degradation_is_another_measurement_with_its_own_report(images, tmp_path):
    pages = []
    for degradation in sr.DEGRADATIONS:
        result = sr.sr(images[:1], (4.0,), ("bicubic",), tmp_path, degradation=degradation, resume=True)
        assert [row.degradation for row in result.rows] == [degradation]
        page = sr_report.write_sr_report(result, tmp_path, 1).read_text()
        pages.append(json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]))
    plain, degraded = pages
    assert "without aliasing" in plain["preface"] and "noise" in degraded["preface"]
    (before,), (after,) = plain["pictures"], degraded["pictures"]
    assert before["original"] == after["original"] and before["choices"] != after["choices"]


def test_the_same_file_by_another_name_is_degraded_in_another_way(images):
    other = datasets.Image("set/other", images[0].path)
    one, two = (sr.pair_of(image, 4, "degraded")[0].pixels for image in (images[0], other))
    assert (one != two).any()
    assert np.array_equal(one, sr.pair_of(images[0], 4, "degraded")[0].pixels)


def test_the_deterministic_part_is_a_model_of_its_own(images, tmp_path):
    model = str(upsamplers.write(tmp_path / "m.safetensors"))
    small, _ = sr.pair_of(images[0], 2.6)
    whole, plain, bicubic = (
        sr.upsampled(small, 2.6, sr.upsampler(name, "cpu")) for name in (model, f"{model}:deterministic", "bicubic")
    )
    assert (whole != plain).any() and (plain != bicubic).any()
    rows = sr.sr(images, (2.6,), (model, f"{model}:deterministic"), tmp_path / "out").rows
    assert [row.model.endswith(":deterministic") for row in rows] == [False, True] * 2
    with pytest.raises(InputError, match="unknown name 'bicubic'"):
        sr.sr(images, (2.6,), ("bicubic:deterministic",), tmp_path / "out2")


def test_loading_a_model_takes_no_time(images, tmp_path, monkeypatch):
    model, clock, real = str(upsamplers.write(tmp_path / "m.safetensors")), [0.0], sr.upsampler_for

    def slow(*args):
        clock[0] += 100
        return real(*args)

    monkeypatch.setattr(sr, "upsampler_for", slow)
    monkeypatch.setattr(sr.time, "perf_counter", lambda: clock[0])
    (row,) = sr.sr(images[:1], (2.0,), (model,), tmp_path / "out").rows
    assert clock[0] >= 100 and row.seconds == 0


def test_gains_are_beside_bicubic_where_that_was_measured(tmp_path):
    def row(model, psnr_db, lpips):
        return sr.SrRow("set/a", model, "", "bicubic", 4.0, 8, 8, 32, 32, psnr_db, psnr_db, None, lpips, None, 1.0)

    rows = [row("bicubic", 20.0, 0.5), row("x", 21.0, 0.2), row("bicubic", 24.0, 0.3), row("x", 22.0, 0.2)]
    models = sr.summarise(rows, Features(tmp_path))["set"]
    assert (models["x"][0]["psnr_db_gain"], models["x"][0]["lpips_ratio"]) == (-0.5, pytest.approx(0.5))
    assert (models["bicubic"][0]["psnr_db_gain"], models["bicubic"][0]["lpips_ratio"]) == (0, 1)
    alone = sr.summarise([row("x", 21.0, 0.2)], Features(tmp_path))["set"]["x"][0]
    assert alone["psnr_db_gain"] is alone["lpips_ratio"] is None


def test_more_bands_are_read_as_the_first_three(images):
    assert len(Scene.load(images[0].path).pixels) == 4
    _, original = sr.pair_of(images[0], 2.0)
    assert np.array_equal(original, Scene.load(images[0].path).pixels[:3])


def test_the_report_shows_every_model_beside_the_original(images, tmp_path, monkeypatch):
    model = str(upsamplers.write(tmp_path / "m.safetensors"))
    result = sr.sr(images, (2.6, 4.0), ("bicubic", model), tmp_path / "out")
    page = sr_report.write_sr_report(result, tmp_path / "out", 1).read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|url\(|@import|fetch\(""", page) and "{{" not in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    (picture,) = data["pictures"]
    assert [choice["label"] for choice in picture["choices"]] == ["4"]
    assert [view["codec"] for view in picture["choices"][0]["views"]] == ["bicubic", model]
    assert len({picture["original"], *(view["png"] for view in picture["choices"][0]["views"])}) == 3
    assert data["sets"]["set"]["curves"][model]["dashed"] and len(data["sets"]["set"]["tables"][0]["rows"]) == 4
    monkeypatch.setattr(sr_report, "upsampled", None)  # pictures come from the folder where they are kept
    assert sr_report.write_sr_report(result, tmp_path / "out", 1).read_text() == page


def test_images_that_cannot_be_measured(tmp_path):
    with pytest.raises(InputError, match="uint16"):
        sr.pair(Scene(np.zeros((3, 9, 9), np.uint16)), 2)
    with pytest.raises(InputError, match="nothing left"):
        sr.pair(Scene(np.zeros((3, 9, 3), np.uint8)), 4)


def test_unfit_images_are_skipped_by_name(images, tmp_path):
    pixels = Scene.load(images[0].path, (1, 2, 3)).pixels
    Scene(pixels[:1]).save(tmp_path / "set" / "grey.tif")
    Scene(pixels[:, :, :3]).save(tmp_path / "set" / "small.tif")
    empty = pixels.copy()
    empty[:, :9] = 0
    Scene(empty, metadata={"nodata": "0.0"}).save(tmp_path / "set" / "nodata.tif")
    result = sr.sr(datasets.images([str(tmp_path / "set")]), (2.0, 4.0), ("bicubic",), tmp_path / "out")
    assert {row.image for row in result.rows} == set(result.images) == {image.name for image in images}
    skipped = result.summary["skipped"]
    assert "three bands of uint8, not 1" in skipped["set/grey.tif"]
    assert "nothing left at a scale of 4" in skipped["set/small.tif"]
    assert "invalid pixels" in skipped["set/nodata.tif"]
    none = sr.sr(datasets.images([str(tmp_path / "set" / "grey.tif")]), (2.0,), ("bicubic",), tmp_path / "none")
    assert not none.rows and sr_report.write_sr_report(none, tmp_path / "none", 1).exists()


def test_the_command_offers_every_degradation():
    (option,) = (option for option in command.params if option.name == "degradation")
    assert tuple(option.type.choices) == sr.DEGRADATIONS


def test_the_command_writes_table_and_curves(images, tmp_path, capfd):
    words = ["eval", "sr", str(tmp_path / "set"), "--scales", "2,4", "--out", str(tmp_path / "out")]
    code = main(words)
    out = capfd.readouterr().out
    assert code == 0 and "bicubic" in out and "skipped lpips: not here" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sr.csv", "sr.json", "originals.json", "scales_set.png", "scales_set.svg", "report.html", "pictures",
    }  # fmt: skip
    assert main(words) == 7 and main([*words, "--resume", "--quiet"]) == 0
    assert main(["eval", "sr", str(tmp_path / "set"), "--scales", "0.5", "--out", str(tmp_path / "b")]) == 2
