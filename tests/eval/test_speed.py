"""Times are paired, and what is printed is what was timed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rscodec.cli.main import main
from rscodec.eval.speed import Run, summarise
from rscodec.raster.scene import Scene


class Timed:
    name, version, parameters = "timed", "1", (1, 2, 3)


def test_ratios_are_taken_within_a_repeat():
    first = [Run(1, 2), Run(10, 20), Run(3, 6)]  # the machine was busy in the second repeat
    mine = [Run(2, 1), Run(20, 10), Run(6, 3)]
    found = summarise(Timed(), mine, first, 12.0)
    assert (found.encode_time_ratio, found.decode_time_ratio) == (2, 0.5)
    assert (found.encode_mpx_s, found.decode_mpx_s) == (2, 4)
    assert (found.parameter, found.repeats) == (2, 3)


def test_the_command_times_and_skips(tmp_path, capsys):
    pytest.importorskip("PIL")
    Scene(np.arange(3 * 40 * 50, dtype=np.uint8).reshape(3, 40, 50)).save(tmp_path / "a.tif")
    words = ["--codecs", "jpeg", "--anchors", "jpeg2000-klt", "--repeats", "1", "--json"]
    assert main(["eval", "speed", str(tmp_path / "a.tif"), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["codec"] for row in found["rows"]] == ["jpeg"]
    assert found["rows"][0]["encode_time_ratio"] == 1 and found["rows"][0]["decode_mpx_s"] > 0
    assert "more than three bands" in found["skipped"]["jpeg2000-klt"]


def test_the_whole_of_rd_from_the_command_line(tmp_path, capsys):
    rng = np.random.default_rng(0)
    Scene(rng.integers(0, 255, (3, 40, 50)).astype(np.uint8)).save(tmp_path / "a.tif")
    words = [
        "eval",
        "rd",
        str(tmp_path / "a.tif"),
        "--codecs",
        "",
        "--anchors",
        "jpeg+20/50/80,jpeg2000+20/10/5",
        "--out",
        str(tmp_path / "out"),
        "--pictures",
        "1",
    ]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "BD-rate %" in out and "report.html" in out
    assert {"results.csv", "bd.json", "report.html"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert main(words) == 7
    assert main([*words, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sets"]
