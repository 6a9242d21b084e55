"""Published figures are facts with a source and a date."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

import rscodec.eval as package

FOLDER = Path(package.__file__).parent / "baselines"
FILES = sorted(path for path in FOLDER.glob("*.json") if not path.name.startswith("points_"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_figure_says_where_it_is_from(path):
    stated = json.loads(path.read_text())
    assert stated["paper"] and stated["origin"] and datetime.date.fromisoformat(stated["recorded"])
    for value in stated["values"]:
        assert value["what"] and value["unit"]
        numbers = [one for key, one in value.items() if key not in ("what", "unit")]
        assert numbers and all(isinstance(one, float) for one in numbers)
