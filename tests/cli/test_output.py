"""Results as strict JSON and as aligned columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rscodec.cli.output import plain, print_json, print_table


@dataclass
class Report:
    path: Path
    psnr_db: float
    sizes: tuple[int, ...]
    checksum: bytes


def test_json_is_strict(capsys):
    print_json(Report(Path("a/b.bin"), float("inf"), (1, 2), b"\x0b\xad"))
    assert json.loads(capsys.readouterr().out) == {
        "path": "a/b.bin",
        "psnr_db": None,
        "sizes": [1, 2],
        "checksum": "0bad",
    }
    assert plain({1: [float("nan"), True, None]}) == {"1": [None, True, None]}


def test_columns_are_as_wide_as_their_widest_cell(capsys):
    print_table([("name", "bytes"), ("a", 12345), ("longer", 1)], right=(1,))
    assert capsys.readouterr().out == "name    bytes\na       12345\nlonger      1\n"
