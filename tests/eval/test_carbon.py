"""What compression does to a map of carbon, on a small county and by a model that needs no weights."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from rscodec.bitstreams.errors import OutputError
from rscodec.cli.main import main
from rscodec.eval import carbon, plots
from rscodec.eval.table import read

SMALL = carbon.county_east.__wrapped__


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("pyogrio")
    pytest.importorskip("sklearn")
    return SMALL(160)


@pytest.fixture(autouse=True)
def small_county(monkeypatch, small):
    monkeypatch.setattr(carbon, "county_east", lambda: small)


def test_only_the_test_region_is_judged(small):
    assert small.mask.shape == small.east.shape[1:] and small.mask.any() and not (small.mask & ~small.forest).any()
    assert (small.region[:, small.columns][small.mask] == carbon.county.TEST).all()
    assert small.mask.sum() == (np.isfinite(small.density) & (small.region == carbon.county.TEST)).sum()
    assert small.score(small.density[:, small.columns])["rmse"] == 0


def test_task_rate(small, tmp_path):
    result = carbon.task_rate((), ("jpeg2000+200/20/2", "bpg+51"), tmp_path, "ols", 1)
    rows = read(tmp_path / "carbon.csv", carbon.CarbonRow)
    points = result["curves"]["jpeg2000"]
    assert [point["parameter"] for point in points] == [200, 20, 2]
    assert all(a["rate_bpp_file"] < b["rate_bpp_file"] for a, b in pairwise(points))
    assert points[0]["ndvi_mae"] > points[1]["ndvi_mae"] > points[2]["ndvi_mae"] > 0
    assert abs(points[2]["added_percent"]) < 1 < abs(points[0]["added_percent"])
    clear = result["uncompressed"]["rmse_mg_ha"]
    assert points[0]["rmse_mg_ha"] == pytest.approx(clear * (1 + points[0]["added_percent"] / 100))
    assert {row.model for row in rows} == {result["model"]} == {"ols"} and result["weights"] == "" and len(rows) >= 3
    assert json.loads((tmp_path / "carbon.json").read_text()) == result
    with pytest.raises(OutputError, match="another `out`"):
        carbon.task_rate((), (), tmp_path, "ols", 1)


def row(codec: str, rate: float, added: float) -> carbon.CarbonRow:
    return carbon.CarbonRow(codec, "1", 1.0, rate, "ols", 80.0, 1.0, added, 0.01)


def test_rivals_are_compared_where_jpeg2000_adds_five_percent():
    rows = [row("jpeg2000", *point) for point in ((2.0, 1.0), (0.5, 20.0), (1.0, 9.0))]
    rows += [row("ours", *point) for point in ((0.5, 6.0), (1.5, 2.0), (2.5, 0.0))] + [row("late", 1.8, 0.0)]
    at = carbon.curves(rows)["at"]
    assert at["rate_bpp_file"] == pytest.approx(1.5)
    assert at["added_percent"] == pytest.approx({"jpeg2000": 5.0, "ours": 2.0})
    assert carbon.curves(rows[1:2])["at"]["rate_bpp_file"] is None


def test_judged_beside_baselines(small, monkeypatch):
    monkeypatch.setattr(carbon, "FITTED", ("ols",))
    found, maps = carbon.simulated(1)
    assert maps.keys() == found["models"].keys() and small.score(maps["ols"]) == found["models"]["ols"]
    assert found["county"]["simulated"] and {"ols", "ols-5x5"} <= set(found["models"])
    assert found["models"]["ols-5x5"]["rmse"] < 1


def test_the_commands(small, tmp_path, capfd, monkeypatch):
    code = main(
        [
            "eval",
            "carbon",
            "--codecs",
            "",
            "--anchors",
            "jpeg2000+100/3",
            "--model",
            "ols",
            "--out",
            str(tmp_path / "out"),
        ]
    )
    assert code == 0 and "jpeg2000" in capfd.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "carbon.csv",
        "carbon.json",
        "carbon.png",
        "carbon.svg",
    }
    monkeypatch.setattr(carbon, "FITTED", ("ols",))
    monkeypatch.setattr(plots, "MAP_ROW", 0)
    assert main(["carbon", "eval", "--simulated", "--json", "--maps", str(tmp_path / "maps.png")]) == 0
    assert (tmp_path / "maps.png").stat().st_size > 5000
    assert set(json.loads(capfd.readouterr().out)["models"]["ols"]) >= {"rmse", "mae", "ssim", "psnr"}
    monkeypatch.setattr(carbon, "simulated", None)  # what cannot be written is known before the work
    assert main(["carbon", "eval", "--simulated", "--maps", str(tmp_path / "nowhere" / "maps.png")]) == 7
    assert main(["carbon", "eval"]) == 2
