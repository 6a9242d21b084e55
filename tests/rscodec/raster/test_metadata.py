"""Metadata as a dictionary: exact through JSON, moved by a crop, selected by band, compared key by key."""

from __future__ import annotations

import json
import socket

import pytest
from rasterio.crs import CRS
from rasterio.errors import CRSError

from rscodec.raster.metadata import (
    Metadata,
    alpha_bands,
    crop_metadata,
    default_colours,
    description,
    differences,
    is_number,
    nodata_value,
    not_kept,
    parse_crs,
    scale_metadata,
    select_bands,
)

RICH = {
    "crs": "EPSG:32633",
    "transform": [0.1, 0.02, 500000.3, 0.02, -0.1, 5000000.7],
    "gcps": [[0.5, 1.5, 10.25, 50.5, 3.0, "1", ""], [8.0, 9.0, 11.0, 51.0, 0.0, "2", "church"]],
    "gcps_crs": "EPSG:4326",
    "rpcs": {"LINE_OFF": "100.5", "SAMP_OFF": "200", "LINE_NUM_COEFF": "1 0.1 2e-05"},
    "nodata": "nan",
    "tags": {"": {"A": "1"}, "NS": {"b": "c"}},
    "band_tags": [{}, {"": {"STATISTICS_MEAN": "4", "note": "kept"}}, {"": {"STATISTICS_MEAN": "4"}}, {}],
    "descriptions": [None, "green", "red", None],
    "colorinterp": ["blue", "green", "red", "alpha"],
    "scales": [0.1, 1.0, 1.0, 1.0],
    "masked": True,
}


def test_json_keeps_everything():
    assert json.loads(json.dumps(RICH)) == RICH
    assert str(nodata_value(RICH)) == "nan" and nodata_value({}) is None


def test_no_difference_to_itself_and_one_line_for_each_key():
    here = description(10, 20, 4, "uint8", RICH)
    assert differences(here, here) == []
    for key in here:
        other = {name: value for name, value in here.items() if name != key}
        lines = differences(here, other)
        assert len(lines) == 1 and lines[0].startswith(f"{key}: ")
    assert len(differences(here, {})) == len(here)


def test_one_difference_does_not_hide_another():
    a = description(10, 20, 1, "uint8", {"nodata": "0.0", "crs": "EPSG:4326"})
    b = description(10, 21, 1, "uint8", {"nodata": "1.0", "crs": "EPSG:32633"})
    assert [line.split(":")[0] for line in differences(a, b)] == ["crs", "height", "nodata"]


def test_the_same_crs_in_other_words_is_no_difference():
    wkt = CRS.from_epsg(32633).to_wkt()
    assert differences({"crs": "EPSG:32633"}, {"crs": wkt}) == []
    assert len(differences({"crs": "EPSG:32634"}, {"crs": wkt})) == 1


BOUND = CRS.from_proj4(
    "+proj=tmerc +lon_0=15 +k=0.9996 +x_0=500000 +ellps=bessel +units=m +no_defs "
    "+towgs84=577.326,90.129,463.919,5.137,1.474,5.297,2.4232"
).to_wkt(version="WKT2_2019")


@pytest.mark.parametrize(
    "text, other",
    [
        (BOUND, BOUND.replace("1.0000024232", "1.00000242329")),
        (BOUND, BOUND.replace('"X-axis rotation",5.137', '"X-axis rotation",5.1370000005')),
        (BOUND, BOUND.replace("299.1528128", "299.1528129")),
        ('LOCAL_CS["site",UNIT["unknown",1]]', 'LOCAL_CS["site",UNIT["metre",1]]'),
    ],
    ids=["scale", "rotation", "ellipsoid", "unit"],
)
def test_a_crs_with_other_numbers_or_units_is_another(text: str, other: str):
    assert text != other and len(differences({"crs": text}, {"crs": other})) == 1
    assert not differences({"crs": text}, {"crs": text.replace('["Greenwich"', '[ "Greenwich"')})


def test_a_crs_is_no_file_and_no_address(tmp_path, monkeypatch):
    """GDAL would open it."""
    (tmp_path / "x.prj").write_text(CRS.from_epsg(32633).to_wkt())
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/crs"
        for text in ("x.prj", str(tmp_path / "x.prj"), f"ESRI::{tmp_path}/x.prj", address, f"/vsicurl/{address}"):
            with pytest.raises(CRSError, match="neither a code"):
                parse_crs(text)
        with pytest.raises(BlockingIOError):
            server.accept()
    codes = "EPSG:32633", "OGC:CRS84", "EPSG:32633+5773", "urn:ogc:def:crs:EPSG::32633", "WGS84", "IGNF:LAMB93"
    for text in (*codes, "+proj=longlat +datum=WGS84", "+proj=utm +zone=33", BOUND, CRS.from_epsg(32633).to_wkt()):
        assert parse_crs(text) == CRS.from_user_input(text)


def test_rpcs_are_compared_as_numbers():
    same = {"rpcs": {**RICH["rpcs"], "LINE_OFF": "100.50", "LINE_NUM_COEFF": "1.0 1e-1 0.00002"}}
    other = {"rpcs": {**RICH["rpcs"], "LINE_NUM_COEFF": "1 0.1 3e-05"}}
    fewer = {"rpcs": {"LINE_OFF": "100.5"}}
    assert differences({"rpcs": RICH["rpcs"]}, same) == []
    assert len(differences({"rpcs": RICH["rpcs"]}, other)) == 1
    assert len(differences({"rpcs": RICH["rpcs"]}, fewer)) == 1


@pytest.mark.parametrize(
    "text, other, same",
    [("-9999", "-9999.0", True), ("nan", "NaN", True), ("1e3", "1000.0", True), ("nan", "0", False), ("1", "2", False)],
)
def test_nodata_is_compared_as_a_number(text: str, other: str, same: bool):
    assert (differences({"nodata": text}, {"nodata": other}) == []) is same


def test_numbers_are_those_of_the_format():
    for text in ("-9999", "+1.", ".5", "1e-7", "1E400", "nan", "-Infinity", "INF", " 3\t"):
        assert is_number(text) and float(text) is not None
    for text in ("", "1_0", "\uff11\uff12", "0x1p3", "1e", ".", "\u00a03", "1 2", "nano", "--1"):
        assert not is_number(text)


def test_an_image_may_have_a_mask_and_tags_of_its_own_but_not_lose_or_change_others():
    assert not_kept(RICH, RICH) == [] == not_kept({}, {"masked": True, "tags": {"": {"MADE_BY": "GDAL"}}})
    more = {"": {"A": "1", "B": "2"}, "NS": {"b": "c"}, "OTHER": {"d": "e"}}
    assert not_kept(RICH, {**RICH, "tags": more}) == []
    fewer = {"tags": {"": {"A": "1"}}, "band_tags": [{}] * 4, "units": ["m"] * 4, "nodata": "0.0"}
    assert not_kept(RICH, {**RICH, **fewer}) == ["band_tags", "nodata", "tags", "units"]
    assert not_kept(RICH, {}) == sorted(RICH)


def test_geolocation_arrays_stay_where_they_are_on_the_ground():
    """A pixel reads the element (pixel - OFFSET) / STEP of its arrays, before and after."""
    tags = {"X_DATASET": "lon.tif", "PIXEL_OFFSET": "2", "PIXEL_STEP": "5", "LINE_OFFSET": "1.5"}
    whole: Metadata = {"tags": {"": {"A": "1"}, "GEOLOCATION": tags}}

    def element(metadata: Metadata, axis: str, pixel: float) -> float:
        found = metadata["tags"]["GEOLOCATION"]
        assert found["X_DATASET"] == "lon.tif" and metadata["tags"][""] == {"A": "1"}
        return (pixel - float(found.get(f"{axis}_OFFSET", 0))) / float(found.get(f"{axis}_STEP", 1))

    cropped, small = crop_metadata(whole, 100, 60, 5, 5), scale_metadata(whole, 4, 2)
    assert element(cropped, "PIXEL", 3) == element(whole, "PIXEL", 103)
    assert element(cropped, "LINE", 3) == element(whole, "LINE", 63)
    assert element(small, "PIXEL", 7) == element(whole, "PIXEL", 28)
    assert element(small, "LINE", 7) == element(whole, "LINE", 14)
    odd: Metadata = {"tags": {"GEOLOCATION": {"PIXEL_OFFSET": "two"}}}
    assert crop_metadata(odd, 1, 1, 5, 5) == odd


def test_long_values_are_shortened():
    line = differences({"tags": {"": {"k": "x" * 1000}}}, {}, ("a.tif", "b.tif"))[0]
    assert len(line) < 250 and line.endswith("... in a.tif, nothing in b.tif")


def test_crop_moves_the_georeference():
    cropped = crop_metadata(RICH, 30, 40, 5, 6)
    a, b, c, d, e, f = RICH["transform"]
    assert cropped["transform"] == pytest.approx([a, b, c + 30 * a + 40 * b, d, e, f + 30 * d + 40 * e])
    assert cropped["gcps"][1] == [-32.0, -21.0, 11.0, 51.0, 0.0, "2", "church"]
    assert float(cropped["rpcs"]["LINE_OFF"]) == 60.5 and float(cropped["rpcs"]["SAMP_OFF"]) == 170
    assert cropped["rpcs"]["LINE_NUM_COEFF"] == RICH["rpcs"]["LINE_NUM_COEFF"]
    assert cropped["band_tags"] == [{}, {"": {"note": "kept"}}, {}, {}]
    assert cropped["tags"] == RICH["tags"] and RICH["gcps"][1][0] == 8.0
    assert crop_metadata({}, 1, 2, 3, 4) == {}


def test_selected_bands_keep_what_is_theirs():
    chosen = select_bands(RICH, (2, 1), 4, "uint8")
    assert chosen["descriptions"] == ["red", "green"] and chosen["colorinterp"] == ["red", "green"]
    assert chosen["band_tags"] == [RICH["band_tags"][2], RICH["band_tags"][1]]
    assert "scales" not in chosen and chosen["crs"] == "EPSG:32633" and chosen["masked"]
    assert select_bands(RICH, (3,), 4, "uint8")["colorinterp"] == ["alpha"]
    assert select_bands({"colorinterp": ["red", "green", "blue", "alpha"]}, (0, 1, 2), 4, "uint8") == {}
    assert select_bands({}, (0,), 3, "uint8") == {"colorinterp": ["red"]}
    assert select_bands({}, (2, 0), 4, "uint16") == {}


def test_alpha_and_default_colours():
    assert alpha_bands(RICH) == (3,) and alpha_bands({}) == ()
    assert default_colours(3, "uint8") == ["red", "green", "blue"]
    assert default_colours(3, "uint16") == ["gray", "undefined", "undefined"]
    assert default_colours(1, "uint8") == ["gray"]
