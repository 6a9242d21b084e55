"""The notebook docs/tour.ipynb runs from top to bottom."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import pytest

pytest.importorskip("xarray")


def cells(root) -> list[dict]:
    return json.loads((root / "docs" / "tour.ipynb").read_text(encoding="utf-8"))["cells"]


def test_the_tour_runs_and_its_bounds_hold(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    names: dict = {"__name__": "__main__"}
    for cell in cells(root):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    printed = capsys.readouterr().out
    for limit in (5, 2, 0):
        found = next(line for line in printed.splitlines() if line.startswith(f"max_error={limit}:"))
        assert int(found.split()[-1]) <= limit
    assert names["psnr"](names["enhanced"]) > names["psnr"](names["plain"])


def test_the_tour_shows_its_results(root):
    assert all(cell["outputs"] for cell in cells(root)[3:] if cell["cell_type"] == "code")
