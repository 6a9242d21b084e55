"""The report of a batch on disk: what a torn one says, and what happens when it cannot grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from rscodec.batch.report import DONE, Journal, Row
from rscodec.bitstreams.errors import InputError, OutputError

FULL = Path("/dev/full")  # takes nothing, on Linux


def rows(count: int) -> list[Row]:
    return [
        Row(f"{number}.tif", f"{number}.bin", DONE, bytes=100, stamp="1-2", settings="model=s weights=é")
        for number in range(count)
    ]


@pytest.fixture
def path(tmp_path) -> Path:
    with Journal(tmp_path / "report.csv") as journal:
        for row in rows(3):
            journal.add(row)
    return journal.path


def test_rows_come_back_as_they_were(path):
    assert list(Journal.load(path).rows.values()) == rows(3)


@pytest.mark.parametrize("lost", [2, 3, 4, 12, 40])  # the line end, half of a character, in the last column, before it
def test_a_torn_last_line_says_nothing(path, lost):
    path.write_bytes(path.read_bytes()[:-lost])
    assert list(Journal.load(path).rows.values()) == rows(2)


def test_a_report_that_a_spreadsheet_saved(path):
    text = path.read_text()
    path.write_text(text, encoding="utf-8-sig")
    assert list(Journal.load(path).rows.values()) == rows(3)
    for changed in (text.encode("cp1252"), text.replace(",", ";").encode()):
        path.write_bytes(changed)
        with pytest.raises(InputError, match="another program changed it"):
            Journal.load(path)
        assert path.read_bytes() == changed


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_a_full_disk_is_an_output_error(path):
    with pytest.raises(OutputError, match="report.csv: no space left"), Journal.load(path) as journal:
        journal._file.close()
        journal._file = FULL.open("w")
        journal.add(rows(1)[0])
    assert list(Journal.load(path).rows.values()) == rows(3)
