"""What a run says is shown and kept."""

from __future__ import annotations

import re

from rscodec.training.log import run_log


def test_lines_are_stamped_shown_and_kept_behind_those_of_earlier_sittings(tmp_path):
    shown = []
    for line in ("one", "two"):
        run_log(tmp_path / "a" / "run", shown.append)(line)
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in shown] == ["one", "two"]
    assert (tmp_path / "a" / "run" / "log.txt").read_text().splitlines() == shown
