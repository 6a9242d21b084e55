"""results.csv: one row per image per operating point, appended and flushed one by one.

A run that was killed leaves whole lines and at most one part of a line; opening the table for more drops that part.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import typing
from pathlib import Path

from bitstreams.errors import InputError
from eval.measure import Row

TYPES = typing.get_type_hints(Row)
COLUMNS = tuple(TYPES)


def read(path: Path) -> list[Row]:
    """The complete rows of a table; none if there is no file."""
    if not path.exists():
        return []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1].decode()
    lines = csv.reader(whole.splitlines())
    head = next(lines, None)
    if head is None:
        return []
    if tuple(head) != COLUMNS:
        raise InputError(f"{path} has other columns than this version writes; give another --out")
    return [Row(*(_value(cell, name) for cell, name in zip(line, COLUMNS, strict=True))) for line in lines]


class Table:
    """Appends rows. A context manager; every row is on disk when `add` returns."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> Table:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path, "a+b")
        text = self._path.read_bytes()
        self._file.truncate(text.rfind(b"\n") + 1)
        if not text.rfind(b"\n") + 1:
            self._line(COLUMNS)
        return self

    def add(self, row: Row) -> None:
        self._line(["" if value is None else value for value in dataclasses.astuple(row)])

    def _line(self, cells) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._file.write(text.getvalue().encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(self, *_) -> None:
        self._file.close()


def _value(cell: str, name: str):
    kind = TYPES[name]
    if cell == "" and kind not in (str,):
        return None
    return kind(cell) if kind in (str, int) else float(cell)
