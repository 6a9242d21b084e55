"""The report of a batch: a CSV with a row for each scene, from which an interrupted run goes on.

start    one row a scene: `planned`                  the file is rewritten whole
run      one more row when a scene is `done` or has `failed`; the last row of an output counts
end      one row a scene again, in order             the file is rewritten whole
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rscodec.bitstreams.atomic import AtomicPath

PLANNED, DONE, KEPT, FAILED = "planned", "done", "kept", "failed"


@dataclass(frozen=True)
class Row:
    """One scene. `kept`: an earlier run had made it. `stamp` and `settings` tell the input and how it was treated."""

    input: str
    output: str
    status: str
    exit_code: int = 0
    message: str = ""
    width: int = 0
    height: int = 0
    bands: int = 0
    quality: float | None = None
    bpp: float | None = None
    bytes: int = 0
    sha256: str = ""
    seconds: float = 0.0
    stamp: str = ""
    settings: str = ""


COLUMNS = [field.name for field in fields(Row)]
NUMBERS = {
    "exit_code": int,
    "width": int,
    "height": int,
    "bands": int,
    "quality": float,
    "bpp": float,
    "bytes": int,
    "seconds": float,
}


class Journal:
    """The rows of a report, by output. A context manager; `add` puts a row on disk at once."""

    def __init__(self, path: Path, rows: Iterable[Row] = ()):
        self.path = path
        self.rows = {row.output: row for row in rows}

    @classmethod
    def load(cls, path: Path) -> Journal:
        """What the file says; the torn last line of a run that was killed, which has no end, says nothing."""
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1].decode("utf-8")
        return cls(path, [row for row in map(_row, csv.DictReader(io.StringIO(whole, newline=""))) if row])

    def __enter__(self) -> Journal:
        self._rewrite()
        self._file = self.path.open("a", newline="", encoding="utf-8")
        return self

    def add(self, row: Row) -> None:
        self.rows[row.output] = row
        with self._naming():
            csv.DictWriter(self._file, COLUMNS).writerow(asdict(row))
            self._file.flush()

    def __exit__(self, kind, error, trace) -> None:
        with self._naming():  # a row that a full disk did not take is tried once more
            self._file.close()
        if error is None:
            self._rewrite()

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise AtomicPath(self.path).error(problem) from problem

    def _rewrite(self) -> None:
        with (
            AtomicPath(self.path, overwrite=True) as temporary,
            temporary.open("x", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(map(asdict, self.rows.values()))


def _row(cells: dict) -> Row | None:
    try:
        numbers = {name: kind(cells[name]) if cells[name] else None for name, kind in NUMBERS.items()}
        return Row(**{name: cells[name] for name in COLUMNS} | numbers) if None not in cells.values() else None
    except (KeyError, ValueError):
        return None
