"""A run that is cut off goes on where it was; what it says is what was measured."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError, OutputError, ToolFailed, ToolMissing
from rscodec.eval import anchors, contenders, datasets, rd, spectral, table
from rscodec.raster.scene import Scene
from tests.eval.conftest import Offset
from tests.helpers import models


class Other(Offset):
    name = "other"
    offsets = (2, 2, 2, 2)


class Missing(Offset):
    def __init__(self):
        raise ToolMissing("missing: install it")


class Choosy(Offset):
    name = "choosy"

    def refuses(self, bands: int, dtype: str) -> str | None:
        return "takes nothing"


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    rows = tuple(
        anchors.Row(name, f"tests.eval.test_rd:{name.capitalize()}", "")
        for name in ("offset", "other", "missing", "choosy")
    )
    monkeypatch.setattr(anchors, "ANCHORS", rows)
    for cached in (rd.load, rd._contender, rd._ceiling_db):
        cached.cache_clear()


@pytest.fixture
def images(tmp_path) -> list[datasets.Image]:
    rng = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    for number in range(2):
        Scene(rng.integers(40, 200, (4, 20, 30)).astype(np.uint8)).save(tmp_path / "set" / f"{number}.tif")
    return datasets.images([str(tmp_path / "set")])


def run(images, out, **settings):
    return rd.rd(images, ["offset"], ["other", "missing", "choosy"], out, **settings)


def test_a_row_a_point_and_skips_by_name(images, tmp_path):
    result = run(images, tmp_path / "out")
    assert len(result.rows) == 2 * 2 * 4
    assert all(row.bands == 3 and row.rate_bpp_file == 8 * row.bytes_file / 600 for row in result.rows)
    assert result.summary["skipped"]["missing"] == "missing: install it"
    assert result.summary["skipped"]["choosy on set/0.tif"] == "takes nothing"
    assert json.loads((tmp_path / "out" / "bd.json").read_text()) == result.summary
    (one,) = result.summary["sets"].values()
    first = one["curves"]["offset"]["points"][0]
    assert (first["rate_bpp_file"], first["images"]) == (800 / 600, 2)
    assert first["psnr_db_image_mean"] == pytest.approx(10 * math.log10(255**2 / (50 / 3)))


class Failing(Offset):
    name = "failing"

    def encode(self, pixels, parameter):
        if parameter == 2:
            raise ToolFailed("the tool ended with 1")
        return super().encode(pixels, parameter)


def test_a_tool_that_fails_once_costs_one_point(images, tmp_path, monkeypatch):
    row = anchors.Row("failing", "tests.eval.test_rd:Failing", "")
    monkeypatch.setattr(anchors, "ANCHORS", (*anchors.ANCHORS, row))
    result = rd.rd(images, [], ["failing"], tmp_path / "out")
    assert len(result.rows) == 2 * (len(Offset.parameters) - 1)
    assert result.summary["skipped"]["failing, 2, on set/0.tif"] == "the tool ended with 1"


def test_another_picture_of_the_same_name_is_not_resumed(images, tmp_path):
    run(images, tmp_path / "out")
    Scene(np.zeros((4, 20, 30), np.uint8)).save(images[0].path, overwrite=True)
    rd.load.cache_clear()
    with pytest.raises(InputError, match="results of another set/0.tif, bands 1 2 3; give another `out`"):
        run(images, tmp_path / "out", resume=True)


def test_a_figure_that_is_missing_is_explained(images, tmp_path):
    found = run(images, tmp_path / "out").summary
    assert all(delta["bd_rate_percent"] is None for one in found["sets"].values() for delta in one["deltas"])
    why = {name: reason for name, reason in found["skipped"].items() if name.startswith("BD")}
    assert why.keys() == {f"BD of other against offset in {metric}" for metric in ("psnr_db", "ms_ssim_db")}
    assert "fewer than 3 points" in why["BD of other against offset in psnr_db"]


def test_rows_of_another_version_are_left_out(images, tmp_path, monkeypatch):
    first = run(images, tmp_path / "out").rows
    monkeypatch.setattr(Offset, "version", "another")
    rd._contender.cache_clear()
    again = run(images, tmp_path / "out", resume=True).rows
    assert len(again) == len(first) and {row.version for row in again} == {"another"}


def test_weights_have_names_of_their_own(images, tmp_path, tiny_weights):
    copies = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "there/a.safetensors")]
    copies[2].parent.mkdir()
    for copy in copies[:2]:
        copy.write_bytes(tiny_weights.read_bytes())
    models.write(copies[2], seed=1)
    found, _ = rd.line_up([f"rscodec:vec@{copy}" for copy in copies[:2]])
    assert [one.name for one in found.values()] == ["rscodec:vec@a", "rscodec:vec@b"]
    with pytest.raises(InputError, match="another codec also has the name rscodec:vec@a"):
        rd.line_up([f"rscodec:vec@{copy}" for copy in copies])


def test_without_a_finite_quality_there_are_no_curves(images, tmp_path, monkeypatch):
    from rscodec.eval.plots import write_curves

    monkeypatch.setattr(Offset, "decode", lambda self, data, shape, dtype: Scene.load(images[0].path, (1, 2, 3)).pixels)
    found = rd.rd(images[:1], [], ["offset"], tmp_path / "out")
    assert found.rows[0].mse == 0 and write_curves(found.summary, tmp_path / "out") == []


def test_other_bands_are_other_rows(images, tmp_path):
    first = run(images, tmp_path / "out", bands=(1, 2, 3)).rows
    other = run(images, tmp_path / "out", bands=(3, 2, 1), resume=True).rows
    assert len(first) == len(other) == 16 and {row.bands_asked for row in other} == {"3 2 1"}
    assert [row.psnr_db_bands for row in run(images, tmp_path / "out", resume=True).rows] == [
        row.psnr_db_bands for row in first
    ]


def test_an_image_without_a_valid_pixel_is_left_out_by_name(images, tmp_path):
    Scene(np.zeros((4, 20, 30), np.uint8), None, {"nodata": "0.0"}).save(tmp_path / "set" / "9.tif")
    result = run(datasets.images([str(tmp_path / "set")]), tmp_path / "out")
    assert len(result.rows) == 16 and result.summary["skipped"]["set/9.tif"] == "it has no valid pixel"


def test_images_of_one_name_are_refused(images, tmp_path):
    (tmp_path / "other" / "set").mkdir(parents=True)
    Scene.load(images[0].path).save(tmp_path / "other" / "set" / "0.tif")
    with pytest.raises(InputError, match="both have the name set/0.tif"):
        datasets.images([str(tmp_path / "set"), str(tmp_path / "other" / "set")])


def test_all_bands(images, tmp_path):
    assert {row.bands for row in run(images, tmp_path / "out", bands=None).rows} == {4}


def test_a_listed_name_of_a_band_is_one(images, tmp_path):
    """Where the file has none; then there is an NDVI, whichever bands are taken, in whatever order."""
    reason = run(images, tmp_path / "nameless", bands=None).summary["skipped"]["ndvi_mae"]
    assert "set/0.tif and 1 more" in reason
    named = [dataclasses.replace(image, bands=("blue", "green", "red", "nir")) for image in images]
    for bands, red, infrared in [(None, 2, 3), ((4, 3, 2, 1), 1, 0)]:
        scene = rd.load(images[0].path, bands, named[0].bands)
        assert spectral.red_and_infrared(scene.metadata, 4) == (red, infrared)
        result = run(named, tmp_path / str(bands), bands=bands)
        assert all(row.ndvi_mae > 0 for row in result.rows) and "ndvi_mae" not in result.summary["skipped"]
    assert all(row.ndvi_mae is None for row in run(named, tmp_path / "three").rows)
    scene = Scene.load(images[0].path)
    Scene(scene.pixels, None, {"descriptions": list("abcd")}).save(tmp_path / "own.tif")
    assert rd.load(tmp_path / "own.tif", None, named[0].bands).metadata["descriptions"] == list("abcd")


def test_a_cut_off_run_goes_on(images, tmp_path, monkeypatch):
    whole = run(images, tmp_path / "whole")
    path = tmp_path / "out" / "results.csv"
    path.parent.mkdir()
    text = (tmp_path / "whole" / "results.csv").read_bytes()
    path.write_bytes(text[: int(len(text) * 0.6)])  # killed while writing a line
    kept = len(table.read(path))
    with pytest.raises(OutputError, match="`resume=True`"):
        run(images, tmp_path / "out")
    measured = []
    real = rd.row_of
    monkeypatch.setattr(rd, "row_of", lambda *point: measured.append(point) or real(*point))
    resumed = run(images, tmp_path / "out", resume=True)
    assert 0 < kept and len(measured) == 16 - kept
    assert sorted(row.key for row in resumed.rows) == sorted(row.key for row in whole.rows)
    measured.clear()
    run(images, tmp_path / "out", resume=True)
    assert not measured


def test_rows_survive_the_table(images, tmp_path):
    for row in run(images, tmp_path / "out").rows:
        assert row.lpips is None or row.lpips > 0
        assert type(row.bands) is int and type(row.mse) is float and row.ms_ssim is None


def test_another_table_is_not_overwritten(tmp_path):
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="does not have the columns"):
        table.read(tmp_path / "results.csv")


def test_operating_points_in_a_specification():
    assert contenders.contender("offset+1/2.5").parameters == (1, 2.5)
    with pytest.raises(InputError, match="numbers"):
        contenders.contender("offset+a")
    with pytest.raises(InputError, match="there are offset"):
        contenders.contender("nothing")
    assert contenders.contender("rscodec:s+1/2.5").parameters == (1, 2.5)
    with pytest.raises(InputError, match="from 1 to 8"):
        contenders.contender("rscodec:s+4/9")


def test_nothing_to_measure_and_nowhere_to_write(images, tmp_path):
    with pytest.raises(InputError, match="name a codec or an anchor"):
        rd.rd(images, [], [], tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write .*results.csv"):
        rd.rd(images, [], ["offset"], tmp_path / "file" / "out")


def test_a_file_that_is_not_the_listed_one(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"a")
    listing = datasets.listing("x/y", tmp_path, "here", "none")
    assert datasets.checked(tmp_path / "a.png", listing["files"][0]) == tmp_path / "a.png"
    (tmp_path / "a.png").write_bytes(b"b")
    with pytest.raises(InputError, match="SHA-256"):
        datasets.checked(tmp_path / "a.png", listing["files"][0])
    with pytest.raises(InputError, match="missing"):
        datasets.checked(tmp_path / "b.png", listing["files"][0])
    monkeypatch.delenv("RSCODEC_DATA", raising=False)
    with pytest.raises(InputError, match="RSCODEC_DATA"):
        datasets.images(["test/naip"])
    with pytest.raises(InputError, match="test/ucmerced"):
        datasets.images(["no/such"])


def test_one_file_of_a_data_set(tmp_path, monkeypatch):
    lists, folder = tmp_path / "lists", tmp_path / "test" / "few"
    lists.mkdir()
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(name.encode())
    (lists / "test_few.json").write_text(json.dumps(datasets.listing("test/few", folder, "here", "none")))
    monkeypatch.setattr(datasets, "LISTS", lists)
    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path))
    assert [image.name for image in datasets.images(["test/few"])] == ["test/few/a.png", "test/few/b.png"]
    assert datasets.images(["test/few/b.png"]) == [datasets.Image("test/few/b.png", folder / "b.png")]
    with pytest.raises(InputError, match="test/few has no file c.png"):
        datasets.images(["test/few/c.png"])


def test_a_public_data_set_needs_all_its_files(tmp_path, monkeypatch):
    lists, folder = tmp_path / "lists", tmp_path / "Public"
    lists.mkdir()
    (folder / "Airport").mkdir(parents=True)
    (folder / "Airport" / "airport_1.jpg").touch()
    listing = {"name": "Public", "origin": "its site", "licence": "free", "pattern": "*/*.jpg", "count": 2}
    (lists / "Public.json").write_text(json.dumps(listing))
    monkeypatch.setattr(datasets, "LISTS", lists)
    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"1 files \*/\*.jpg where Public has 2; origin: its site"):
        datasets.images(["Public"])
    (folder / "Airport" / "airport_2.jpg").touch()
    assert [image.name for image in datasets.images(["Public"])] == [
        "Public/Airport/airport_1.jpg",
        "Public/Airport/airport_2.jpg",
    ]


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in datasets.known() if name.startswith("test/")])
def test_the_data_is_what_the_lists_say(name, real_data):
    real_data(name)
    assert datasets.dataset(name)


def test_alpha_is_left_out_with_a_note(tmp_path):
    pixels = np.random.default_rng(0).integers(40, 200, (4, 20, 30)).astype(np.uint8)
    (tmp_path / "set").mkdir()
    Scene(pixels, metadata={"colorinterp": ["red", "green", "blue", "alpha"]}).save(tmp_path / "set" / "rgba.tif")
    Scene(pixels[:1], metadata={"colorinterp": ["alpha"]}).save(tmp_path / "set" / "only.tif")
    images = datasets.images([str(tmp_path / "set")])
    for bands in (None, (1, 2, 3, 4)):
        found = rd.rd(images, ["offset"], ["other"], tmp_path / f"out {bands}", bands=bands)
        assert {(row.image, row.bands) for row in found.rows} == {("set/rgba.tif", 3)}
        assert found.summary["skipped"]["alpha of set/rgba.tif"] == "codecs are compared on the other bands"
        assert found.summary["skipped"]["set/only.tif"] == "it has no band but alpha"
    assert "alpha of set/rgba.tif" not in rd.rd(images, ["offset"], ["other"], tmp_path / "out").summary["skipped"]
