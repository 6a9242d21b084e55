"""Published points: rows like any others, of known images, and judged as an anchor is."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import replace

import pytest

from rscodec.eval import published, rd, report
from rscodec.eval.bd import deltas
from rscodec.eval.datasets import LISTS
from rscodec.eval.summary import all_deltas, curves_of, summarise

FILES = sorted((published.Path(published.__file__).parent / "baselines").glob("points_*.json"))
IMAGE = "test/naip/santa_monica_2018_1.tif"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_points_say_where_they_are_from_and_are_of_known_images(path):
    source = json.loads(path.read_text())
    assert source["codec"].endswith(", published)") and source["origin"] and "{parameter}" in source["command"]
    assert datetime.date.fromisoformat(source["recorded"])
    known = {
        f"{listed['name']}/{file}"
        for one in LISTS.glob("*.json")
        for listed in [json.loads(one.read_text())]
        for file in names_of(listed)
    }
    assert source["images"].keys() <= known
    for measured in source["images"].values():
        rates, psnrs, similarities = zip(*sorted(point[1:] for point in measured), strict=True)
        assert len(set(rates)) >= 4 and list(psnrs) == sorted(psnrs) and list(similarities) == sorted(similarities)


def names_of(listed: dict) -> list[str]:
    """None for public data sets, which list no files."""
    return [file["path"] for file in listed.get("files", ())]


def test_rows_are_those_of_the_images_asked_for():
    rows = published.points([IMAGE, "test/naip/unknown.tif"], (1, 2, 3))
    assert {row.image for row in rows} == {IMAGE} and {row.kind for row in rows} == {published.KIND}
    first = max(rows, key=lambda row: row.parameter)
    assert first.rate_bpp_file == 8 * first.bytes_file / 256**2
    assert first.mse == pytest.approx(255**2 / 10 ** (first.psnr_db / 10))


def test_other_bands_have_no_points():
    assert not published.points([IMAGE], (1, 2, 3, 4)) and not published.points([IMAGE], None)


def test_codecs_are_compared_with_published_points():
    rows = published.points([IMAGE], (1, 2, 3))
    ours = [replace(row, codec="rscodec:s", kind="codec", rate_bpp_file=0.9 * row.rate_bpp_file) for row in rows]
    found = [delta for delta in all_deltas(ours + rows) if delta.metric == "psnr_db"]
    assert [(delta.codec, delta.anchor) for delta in found] == [("rscodec:s", rows[0].codec)]
    assert found[0].bd_rate_percent == pytest.approx(-10) and found[0].images == 1
    assert deltas(curves_of(ours + rows, "psnr_db"), rows[0].codec, "rscodec:s", "psnr_db").bd_rate_percent > 0


def test_the_report_shows_published_points(tmp_path):
    rows = published.points([IMAGE], (1, 2, 3))
    summary = summarise(rows) | {"skipped": {}}
    page = report.write_report(rd.Result(summary, rows, {}, {}, (1, 2, 3)), tmp_path, 0).read_text()
    text = re.search('<script[^>]*id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1]
    data = json.loads(text)
    (shown,) = data["sets"].values()
    assert list(shown["curves"]) == list(data["colours"]) == [rows[0].codec]
    assert {table["id"]: len(table["rows"]) for table in shown["tables"]} == {"deltas": 0, "times": 0, "who": 1}
