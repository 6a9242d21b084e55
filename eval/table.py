"""Tables such as results.csv: one row for each image and operating point, appended and flushed one by one.

A row is a frozen dataclass of text, integers and floats, by default `Row`.

A killed run leaves complete lines and at most one incomplete line. Opening the table again removes the incomplete one.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import os
import typing
from pathlib import Path
from typing import TextIO

from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.eval.measure import Row


def open_text(path: Path) -> TextIO:
    """A table for csv.reader, also if it is compressed (.gz)."""
    return gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="", encoding="utf-8")


def read(path: Path, kind: type = Row) -> list:
    """The complete rows of a table; empty if there is no file."""
    if not path.exists():
        return []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1].decode()
    lines = csv.reader(whole.splitlines())
    head = next(lines, None)
    if head is None:
        return []
    types = typing.get_type_hints(kind)
    if tuple(head) != tuple(types):
        raise InputError(f"{path} does not have the columns of this version; give another `out`")
    return [kind(*(_value(cell, of) for cell, of in zip(line, types.values(), strict=True))) for line in lines]


class Table:
    """Appends rows. Use it as a context manager. Every row is on disk when `add` returns."""

    def __init__(self, path: Path, kind: type = Row):
        self._path, self._columns = path, tuple(typing.get_type_hints(kind))

    def __enter__(self) -> Table:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "a+b")
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        text = self._path.read_bytes()
        self._file.truncate(text.rfind(b"\n") + 1)
        if not text.rfind(b"\n") + 1:
            self._line(self._columns)
        return self

    def add(self, row) -> None:
        self._line(["" if value is None else value for value in dataclasses.astuple(row)])

    def _line(self, cells) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._file.write(text.getvalue().encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(self, *_) -> None:
        self._file.close()


def _value(cell: str, kind: type):
    if cell == "" and kind is not str:
        return None
    return kind(cell) if kind in (str, int) else float(cell)
