"""`rscodec batch`: what it makes, what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """The tiny model under the name that the command line offers."""
    from tests.helpers import models, sizes

    return models.write(tmp_path_factory.mktemp("weights") / "small.safetensors", sizes.SHIPPED, sizes.TINY)


@pytest.fixture
def scenes(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        pixels, metadata = synthesize(64, seed=ord(name))
        Scene(pixels, None, metadata).save(f"{name}.tif")
    return tmp_path


def test_there_and_back(rscodec, scenes, weights):
    result = rscodec("batch", "encode", "*.tif", "--out", "out", "-q", "2", "--weights", weights)
    assert result.code == 0 and result.err == "" and result.out.startswith("out: 2 done, 0 kept, 0 failed, ")
    again = rscodec("batch", "encode", "*.tif", "--out", "out", "-q", "2", "--weights", weights, "--resume")
    assert again.code == 0 and "0 done, 2 kept" in again.out
    back = rscodec("batch", "decode", "out/*.bin", "--out", "back", "--format", "png", "--weights", weights, "--quiet")
    assert (back.code, back.out, back.err) == (0, "", "")
    assert {path.name for path in Path("back").iterdir()} >= {"a.png", "b.png", "decode-report.csv"}


def test_failures_are_listed_at_the_end_with_their_code(rscodec, scenes, weights):
    result = rscodec("batch", "encode", "a.tif", "nowhere.tif", "--out", "out", "--weights", weights)
    assert result.code == 3 and "1 done, 0 kept, 1 failed" in result.out
    first, last = result.err.splitlines()
    assert first.startswith("failed (3): ") and "nowhere.tif" in first and "1 of 2 scenes failed" in last


def test_a_failure_names_its_scene_once(rscodec, scenes, weights):
    Path("c.tif").write_text("no image")
    found = rscodec("batch", "encode", "c.tif", "nowhere.tif", "--out", "out", "--weights", weights).err.splitlines()
    assert [line.count(name) for line, name in zip(found, ("c.tif", "nowhere.tif"), strict=False)] == [1, 1]
    rscodec("batch", "encode", "a.tif", "--out", "out2", "--weights", weights)
    stream = bytearray(Path("out2/a.bin").read_bytes())
    stream[-1] ^= 1
    Path("bad.bin").write_bytes(stream)
    decode = rscodec("batch", "decode", "bad.bin", "--out", "back", "--weights", weights, "--on-error", "nodata")
    assert decode.err.splitlines()[0].count("bad.bin: left empty because of damage") == 1


def test_failures_of_several_kinds_are_1(rscodec, scenes, weights):
    Path("out").mkdir()
    Path("out/a.bin").touch()
    result = rscodec("batch", "encode", "a.tif", "nowhere.tif", "--out", "out", "--weights", weights)
    assert result.code == 1 and "failed (7)" in result.err and "failed (3)" in result.err


def test_json_is_the_report(rscodec, scenes, weights):
    result = rscodec("batch", "encode", "a.tif", "--out", "out", "--weights", weights, "--json")
    (row,) = json.loads(result.out)
    assert row["status"] == "done" and row["bytes"] == Path("out/a.bin").stat().st_size


@pytest.mark.parametrize("args, code", [
    (["*.png", "--out", "out"], 3), (["a.tif", "--out", "out", "--scheduler", "nonsense"], 3),
    (["a.tif", "--out", "out", "-q", "3", "--bpp", "1"], 2), (["a.tif"], 2), (["--out", "out"], 2),
    (["a.tif", "--out", "a.tif"], 7),
])  # fmt: skip
def test_what_cannot_be_is_one_line(rscodec, scenes, weights, args, code):
    result = rscodec("batch", "encode", *args, "--weights", weights)
    assert result.code == code and result.err.count("\n") == 1 and not Path("out").exists()


def test_a_file_in_the_place_of_dest_is_named(rscodec, scenes, weights):
    result = rscodec("batch", "encode", "a.tif", "--out", "b.tif", "--weights", weights)
    assert result.code == 7 and "b.tif: it is a file" in result.err


def test_encode_writes_a_stac_item(rscodec, scenes, weights):
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--weights", weights, "--stac", "a.json")
    assert result.code == 0 and result.err.startswith("note: ")
    item = json.loads(Path("a.json").read_text())
    assert item["id"] == "a" and item["assets"]["rscodec"]["file:size"] == Path("a.bin").stat().st_size


def test_a_wrong_item_is_known_before_the_work(rscodec, scenes, weights):
    Path("a.json").write_text("{}")
    result = rscodec("encode", "a.tif", "-o", "a.bin", "--weights", weights, "--stac", "a.json")
    assert result.code == 3 and "a.json" in result.err and not Path("a.bin").exists()


def test_items_name_the_scenes_and_then_the_streams(rscodec, scenes, weights):
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "one",
        "properties": {"datetime": None},
        "links": [],
        "assets": {"image": {"href": "a.tif", "roles": ["data"]}},
    }
    Path("one.json").write_text(json.dumps(item))
    assert rscodec("encode", "a.tif", "-o", "a.bin", "--weights", weights, "--stac", "one.json").code == 0
    assert rscodec("batch", "encode", "one.json", "--out", "out", "--weights", weights).code == 0
    assert rscodec("batch", "decode", "one.json", "--out", "back", "--weights", weights).code == 0
    assert Path("out/one.bin").exists() and Path("back/one.tif").exists()
