"""Processes many scenes, in one process or many. Every output is the same as if it were made alone.

    inputs --plan--> jobs --executor--> encode_file or decode_file, on one thread --> rows of DEST/VERB-report.csv
                      '--> kept: the report lists this output with the same input and settings

A scene that fails does not stop the others. Outputs are atomic, so no harm is done if a second worker gets the job of
one that only seemed dead. Temporary files of killed workers are removed at the end, and a lock keeps other runs out
until then.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from inspect import signature
from pathlib import Path

from rscodec.batch.inputs import Input
from rscodec.batch.lock import only_run
from rscodec.batch.report import DONE, FAILED, KEPT, PLANNED, Journal, Row
from rscodec.bitstreams.atomic import check_on_disk, remove_leftovers
from rscodec.bitstreams.digest import sha256
from rscodec.bitstreams.errors import InputError, MissingWeights, OutputError, RscodecError, TileDamaged
from rscodec.concurrency.executors import as_done
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.raster.pixel_source import open_source
from rscodec.stream.settings import DecodeSettings, EncodeSettings

Progress = Callable[[int, int], None]
DRIVER_SUFFIX = {"GTiff": ".tif", "COG": ".tif", "PNG": ".png"}


@dataclass(frozen=True)
class Work:
    """The work on every scene. `verb`: encode or decode. `options`: those of encode_file or decode_file."""

    verb: str
    options: dict = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        return ".bin" if self.verb == "encode" else DRIVER_SUFFIX[self.options.get("driver", "GTiff")]

    def anywhere(self) -> Work:
        """The same work with absolute paths, for workers in another folder."""
        paths = {name: value.absolute() for name, value in self.options.items() if isinstance(value, Path)}
        return replace(self, options=self.options | paths)

    def described(self) -> str:
        """All settings that affect an output, as JSON. A weights file is identified by its content."""
        options = {name: value for name, value in self.options.items() if value is not None} | self._weights()
        return json.dumps(options, sort_keys=True, default=str)

    def _weights(self) -> dict:
        from rscodec.models.weights import weights_path

        path = self.options.get("weights")
        if self.verb == "encode":
            path = weights_path(self.options.get("model", DEFAULT_CODEC), path)
        try:
            return {"weights": sha256(path)[:16]} if path is not None else {}
        except OSError:
            raise MissingWeights(f"no weights at {path}; check the path given as `weights`") from None


@cache
def _defaults(verb: str) -> dict:
    """The default of every setting."""
    from rscodec.api import decode_file
    from rscodec.output import OutputSettings

    kinds = (EncodeSettings,) if verb == "encode" else (decode_file, DecodeSettings, OutputSettings)
    return {one.name: one.default for kind in kinds for one in signature(kind).parameters.values()}


def run(
    work: Work,
    inputs: Sequence[Input],
    folder: str | Path,
    executor: Executor,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Row]:
    """Do the work, and return one row for each input, in order.

    If an output exists, its scene fails unless `overwrite`. `resume` keeps the outputs that the report in the folder
    lists as done with the same input and settings.
    """
    check_on_disk(folder, "folder")
    folder = Path(folder).absolute()
    work = work.anywhere()
    settings = work.described()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"cannot make the folder {folder}: it is a file; choose another") from None
    except OSError as problem:
        raise OutputError(f"cannot make the folder {folder}: {problem.strerror}; choose another") from None
    rows = [
        Row(item.path, str(folder / (item.name + work.suffix)), PLANNED, stamp=_stamp(item.path), settings=settings)
        for item in inputs
    ]
    report = folder / f"{work.verb}-report.csv"
    with only_run(report):
        journal = _journal(report, work.verb, settings, resume, overwrite)
        rows = [_plan(row, journal.rows.get(row.output), overwrite) for row in rows]
        return _process(work, rows, journal, executor, progress)


def _process(work: Work, rows: list[Row], journal: Journal, executor: Executor, progress: Progress | None) -> list[Row]:
    """Process the planned rows, and return all rows, in order."""
    journal.rows |= {row.output: row for row in rows}
    planned = [row for row in rows if row.status == PLANNED]
    done = len(rows) - len(planned)
    with journal:
        for row, future in as_done(executor, partial(_do, work), planned):
            problem = future.exception()
            journal.add(_failed_midway(row, problem) if problem else future.result())
            done += 1
            if progress:
                progress(done, len(rows))
    remove_leftovers(row.output for row in planned)
    return [journal.rows[row.output] for row in rows]


def _journal(path: Path, verb: str, settings: str, resume: bool, overwrite: bool) -> Journal:
    """The report to continue, or a new one."""
    if not path.exists() or (overwrite and not resume):
        return Journal(path)
    if not resume:
        raise OutputError(
            f"{path} exists: give `resume=True` to resume it, `overwrite=True` to start again, or another folder"
        )
    journal = Journal.load(path)
    journal.rows = {output: retold(row, verb, settings) for output, row in journal.rows.items()}
    other = next((row.settings for row in journal.rows.values() if row.settings != settings), None)
    if other is not None and not overwrite:
        raise OutputError(
            f"{path} was written with other settings ({other}; now {settings}): "
            "choose another folder, or give `overwrite=True`"
        )
    return journal


GONE = {"fast": False}  # defaults of options that older versions had


def retold(row: Row, verb: str, settings: str) -> Row:
    """The row with these settings, if its own settings mean the same. A setting that the row does not name did not
    exist when the row was written, so it had its default.
    """
    defaults = _defaults(verb) | GONE
    try:
        ours, now = (
            {name: value for name, value in json.loads(told).items() if name not in defaults or value != defaults[name]}
            for told in (row.settings, settings)
        )
    except (ValueError, AttributeError):  # rscodec did not write this row
        return row
    return replace(row, settings=settings) if ours == now else row


def _plan(row: Row, before: Row | None, overwrite: bool) -> Row:
    """A row before the run: planned, kept, or failed (as before, or because of a name or of a file at the output).

    The file at an output is ours if the report has its size, or planned to write it. A failed row with a checksum is an
    output with lost tiles. It is not decoded again, because the result would be the same.
    """
    named = replace(row, input=_printable(row.input), output=_printable(row.output))
    if named != row:
        wrong = named.input if named.input != row.input else named.output
        return _failed(named, InputError(f"{wrong}: this name is not UTF-8; rename the file or the folder"))
    if not os.path.exists(row.output):
        return row
    ours = before is not None and (before.status == PLANNED or before.bytes)
    same = ours and (before.input, before.stamp, before.settings) == (row.input, row.stamp, row.settings)
    if same and before.status != PLANNED and before.sha256 and os.path.getsize(row.output) == before.bytes:
        return before if before.status == FAILED else replace(before, status=KEPT)
    if ours or overwrite:
        return row
    return _failed(row, OutputError(f"{row.output} exists; give `overwrite=True` or another folder"))


def _printable(name: str) -> str:
    """A name as a report can hold it: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _do(work: Work, row: Row) -> Row:
    """Process one scene, in a worker. Errors of this project become part of the row."""
    from rscodec import api

    started = time.perf_counter()
    function = api.encode_file if work.verb == "encode" else api.decode_file
    try:
        made = function(row.input, row.output, overwrite=True, threads=1, **work.options)
    except RscodecError as problem:
        return _failed_midway(row, problem)
    output = Path(row.output)
    size, checksum = output.stat().st_size, sha256(output)
    row = replace(
        row,
        status=DONE,
        width=made.width,
        height=made.height,
        bands=made.bands,
        bytes=size,
        sha256=checksum,
        quality=getattr(made, "quality", None),
        bpp=getattr(made, "bpp", None),
        seconds=round(time.perf_counter() - started, 3),
    )
    lost = getattr(made, "lost", "")
    return _failed(row, TileDamaged(f"left empty because of damage: {lost}")) if lost else row


def _failed(row: Row, problem: BaseException) -> Row:
    if isinstance(problem, RscodecError):
        return replace(row, status=FAILED, exit_code=problem.exit_code, message=" ".join(str(problem).split()))
    return replace(row, status=FAILED, exit_code=1, message=f"unexpected {type(problem).__name__}: {problem}")


def _failed_midway(row: Row, problem: BaseException) -> Row:
    """The row of a planned scene that failed. Its size is that of the file at its output: an earlier run or this one
    wrote it, or it was to be replaced.
    """
    try:
        size = os.path.getsize(row.output)
    except OSError:
        size = 0
    return _failed(replace(row, bytes=size), problem)


def _stamp(path: str) -> str:
    """A text that changes with the file, and with those behind a VRT; empty if that cannot be known, as for a URL."""
    try:
        stamp = _file_stamp(path)
        if Path(path).suffix.lower() != ".vrt":
            return stamp
        with open_source(path) as source:
            behind = " ".join(map(_file_stamp, source.files))
    except (OSError, InputError):
        return ""
    return f"{stamp}-{hashlib.sha256(behind.encode()).hexdigest()[:16]}"


def _file_stamp(path: str) -> str:
    about = Path(path).stat()
    return f"{about.st_size}-{about.st_mtime_ns}"
