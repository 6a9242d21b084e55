"""STAC items of streams: what the specification asks for is there, and what an item said stays."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

import rscodec
from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.integrations.stac import MEDIA_TYPE, read_item, write_item
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize


@pytest.fixture
def encode(tmp_path, tiny_weights):
    """encode(dtype, metadata changes) -> the stream of a small scene."""

    def make(dtype: str = "uint16", nodata: float | None = None, **changes) -> Path:
        pixels, metadata = synthesize((96, 64), 3, dtype, nodata)
        Scene(pixels, None, metadata | changes).save(tmp_path / "scene.tif")
        rscodec.encode_file(tmp_path / "scene.tif", tmp_path / "scene.bin", model="vec", weights=tiny_weights)
        return tmp_path / "scene.bin"

    return make


def described(path: Path, stream: Path) -> dict:
    write_item(path, read_item(path), stream)
    return json.loads(path.read_text())


def check_item(item: dict) -> None:
    """The required fields of the item specification 1.0 and 1.1, and the form of those that the extensions define."""
    assert item["type"] == "Feature" and re.fullmatch(r"1\.[01]\.\d", item["stac_version"])
    assert isinstance(item["id"], str) and item["id"]
    assert isinstance(item["links"], list) and isinstance(item["assets"], dict)
    assert "geometry" in item and ("bbox" in item) == (item["geometry"] is not None)
    datetime.fromisoformat(item["properties"]["datetime"].replace("Z", "+00:00"))
    assert len(set(item["stac_extensions"])) == len(item["stac_extensions"])
    for asset in item["assets"].values():
        assert isinstance(asset["href"], str)
        for prefix, extension in (
            ("file:", "file"),
            ("proj:", "projection"),
            ("raster:", "raster"),
            ("processing:", "processing"),
        ):
            used = any(key.startswith(prefix) for key in asset)
            assert not used or any(f"/{extension}/" in url for url in item["stac_extensions"])
        assert re.fullmatch("1220[0-9a-f]{64}", asset.get("file:checksum", "1220" + 64 * "0"))


def test_a_new_item_has_all_that_an_item_needs(encode, tmp_path):
    stream = encode(tags={"": {"TIFFTAG_DATETIME": "2024:06:01 10:20:30"}})
    item = described(tmp_path / "item.json", stream)
    check_item(item)
    assert item["id"] == "scene" and item["properties"]["datetime"] == "2024-06-01T10:20:30Z"
    west, south, east, north = item["bbox"]
    assert -180 <= west < east <= 180 and -90 <= south < north <= 90
    assert item["geometry"]["type"] == "Polygon"


def test_the_asset_tells_of_the_file(encode, tmp_path):
    stream = encode(nodata=0.0, units=["DN", None, None], scales=[0.0001] * 3)
    asset = described(tmp_path / "item.json", stream)["assets"]["rscodec"]
    data = stream.read_bytes()
    assert asset["href"] == "./scene.bin" and asset["type"] == MEDIA_TYPE and asset["roles"] == ["data"]
    assert asset["file:size"] == len(data) and asset["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()
    assert "vec-1" in asset["processing:lineage"] and "quality 3" in asset["processing:lineage"]
    assert asset["proj:shape"] == [64, 96] and asset["proj:code"].startswith("EPSG:")
    first, *others = asset["raster:bands"]
    assert len(others) == 2 and "unit" not in others[0]
    assert (first["data_type"], first["nodata"], first["unit"], first["scale"]) == ("uint16", 0.0, "DN", 0.0001)


def test_nodata_that_json_cannot_say_is_text(encode, tmp_path):
    bands = described(tmp_path / "item.json", encode("float32", float("nan")))["assets"]["rscodec"]["raster:bands"]
    assert bands[0]["nodata"] == "nan"


def test_an_existing_item_keeps_everything_else(encode, tmp_path):
    before = {
        "type": "Feature", "stac_version": "1.0.0", "id": "S2A_1", "collection": "s2", "geometry": None,
        "stac_extensions": ["https://stac-extensions.github.io/file/v1.0.0/schema.json", "https://other/schema.json"],
        "properties": {"datetime": "2020-01-01T00:00:00Z", "eo:cloud_cover": 3, "processing:lineage": "L2A"},
        "links": [{"rel": "self", "href": "https://host/é"}],
        "assets": {"B02": {"href": "./B02.tif", "custom": [1]}, "rscodec": {"href": "old", "title": "small"}},
    }  # fmt: skip
    (tmp_path / "item.json").write_text(json.dumps(before))
    item = described(tmp_path / "item.json", encode())
    check_item(item)
    assert {key: item[key] for key in before if key not in ("assets", "stac_extensions")} == {
        key: before[key] for key in before if key not in ("assets", "stac_extensions")
    }
    assert item["assets"]["B02"] == before["assets"]["B02"]
    assert item["assets"]["rscodec"]["href"] == "./scene.bin" and item["assets"]["rscodec"]["title"] == "small"
    assert item["stac_extensions"][:2] == before["stac_extensions"]
    assert sum("/file/" in url for url in item["stac_extensions"]) == 1


def test_writing_twice_changes_nothing_more(encode, tmp_path):
    stream, path = encode(), tmp_path / "item.json"
    once = described(path, stream)
    assert described(path, stream) == once


def test_an_item_elsewhere_finds_its_stream(encode, tmp_path):
    (tmp_path / "items").mkdir()
    assert described(tmp_path / "items" / "a.json", encode())["assets"]["rscodec"]["href"] == "../scene.bin"


def test_a_guess_is_told(encode, tmp_path):
    (note,) = write_item(tmp_path / "item.json", None, encode(tags={}))
    assert "datetime" in note


def test_a_scene_without_a_place_has_no_geometry(tmp_path, tiny_weights):
    (tmp_path / "plain.bin").write_bytes(rscodec.encode(synthesize(64)[0], model="vec", weights=tiny_weights))
    notes = write_item(tmp_path / "item.json", None, tmp_path / "plain.bin")
    item = json.loads((tmp_path / "item.json").read_text())
    check_item(item)
    assert "geometry" in notes[0]
    assert item["geometry"] is None and "bbox" not in item


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"type": "Catalog"}',
        '{"type": "Feature", "stac_version": "1.0.0", "assets": {"rscodec": "a.bin"}}',
        '{"type": "Feature", "stac_version": "0.9.0"}',
        '{"type": "Feature", "stac_version": "1.0.0", "stac_extensions": null}',
        '{"type": "Feature", "stac_version": "1.0.0", "stac_extensions": [1]}',
    ],
)
def test_what_is_no_item_is_named_and_stays(tmp_path, content):
    (tmp_path / "item.json").write_text(content)
    with pytest.raises(InputError, match="item.json"):
        read_item(tmp_path / "item.json")
    assert (tmp_path / "item.json").read_text() == content


def test_an_item_that_cannot_be_written_is_known_in_time(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        read_item(tmp_path / "nowhere" / "item.json")


FIRST = "https://stac-extensions.github.io/projection/v1.1.0/schema.json"


@pytest.mark.parametrize("crs, code", [("EPSG:32633", 32633), ("ESRI:54009", None)])
def test_an_item_of_the_first_projection_extension_has_an_epsg_code(encode, tmp_path, crs, code):
    """That version has no proj:code, which the second version introduced."""
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": None, "links": [], "assets": {}}
    item |= {"stac_extensions": [FIRST], "properties": {"datetime": "2020-01-01T00:00:00Z", "proj:epsg": 4326}}
    item["assets"] = {"rscodec": {"href": "old", "proj:code": "EPSG:3857"}}
    (tmp_path / "item.json").write_text(json.dumps(item))
    found = described(tmp_path / "item.json", encode(crs=crs))
    check_item(found)
    asset = found["assets"]["rscodec"]
    assert found["stac_extensions"].count(FIRST) == 1 and found["properties"] == item["properties"]
    assert asset["proj:epsg"] == code and "proj:code" not in asset
    assert ("proj:wkt2" in asset) == (code is None) and asset.get("proj:wkt2", "PROJCRS").startswith("PROJCRS")


@pytest.mark.parametrize(
    "crs, metres", [("EPSG:32633", 0.5), ("EPSG:2263", 0.5 * 1200 / 3937), ("EPSG:4326", None)], ids=str
)
def test_the_resolution_is_in_metres(encode, tmp_path, crs, metres):
    stream = encode(crs=crs, transform=[0.5, 0.0, 10.0, 0.0, -0.5, 50.0])
    (band, *_) = described(tmp_path / "item.json", stream)["assets"]["rscodec"]["raster:bands"]
    assert band.get("spatial_resolution") == (metres and pytest.approx(metres))
