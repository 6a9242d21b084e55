"""The report of a batch: a CSV with a row for each scene. An interrupted run resumes from it.

start    one row for each scene: `planned`           the whole file is rewritten
run      another row when a scene is `done` or has `failed`; the last row of an output counts
end      one row for each scene again, in order      the whole file is rewritten
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError

PLANNED, DONE, KEPT, FAILED = "planned", "done", "kept", "failed"


@dataclass(frozen=True)
class Row:
    """One scene. The status `kept` means that an earlier run made the output. `stamp` identifies the input, `settings`
    the settings of the run. A failed row with `bytes` and no checksum has an output from before the failure.
    """

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
    """The rows of a report, by output. Use it as a context manager. `add` writes a row to disk at once."""

    def __init__(self, path: Path, rows: Iterable[Row] = ()):
        self.path = path
        self.rows = {row.output: row for row in rows}

    @classmethod
    def load(cls, path: Path) -> Journal:
        """Read a report. An incomplete last line, which a killed run may leave, is ignored. Raises InputError if a
        program such as a spreadsheet changed its encoding or its columns.
        """
        data = path.read_bytes()
        try:
            whole = data[: data.rfind(b"\n") + 1].decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(
                f"{path} is not UTF-8: another program changed it; restore it, or name another folder"
            ) from None
        table = csv.DictReader(io.StringIO(whole, newline=""))
        if whole and "output" not in (table.fieldnames or ()):
            raise InputError(
                f"{path} has other columns: another program changed it; restore it, or name another folder"
            )
        return cls(path, [row for row in map(_row, table) if row])

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
        with self._naming():  # closing writes a row again that a full disk refused
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
