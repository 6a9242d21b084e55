"""A lock on a report, so that only one run at a time writes it and its outputs.

    DEST/.encode-report.csv.lock     exists while a run works, and is locked

The operating system holds the lock, so a killed run leaves the file, but not the lock. On Windows, and on file systems
without locks, nothing is locked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def only_run(report: Path) -> Iterator[None]:
    """Raise OutputError if another run holds this report or if the report cannot be written; else hold it."""
    writing = AtomicPath(report, overwrite=True)
    writing.check()
    if fcntl is None:
        yield
        return
    path = report.with_name(f".{report.name}.lock")
    try:
        file = path.open("a")
    except OSError as problem:
        raise writing.error(problem) from problem
    with file:
        if not _locked(file, path):
            raise OutputError(
                f"another run writes {report}: wait until it ends and give `resume=True`, or choose another folder"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(file: TextIO, path: Path) -> bool:
    """Lock the file, unless another run has locked it, or has just removed it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # the file system has no locks
        return True
