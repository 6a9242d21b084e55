"""Progress bars for people: on standard error, on a terminal, unless asked to be quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int], None]


@contextmanager
def progress(label: str, quiet: bool) -> Iterator[Report | None]:
    """What to hand to the library as `progress`: a callable (done, total), or None where nobody looks."""
    with bars(quiet) as bar:
        yield bar(label, "tiles")


@contextmanager
def bars(quiet: bool) -> Iterator[Callable[[str, str], Report | None]]:
    """bar(label, unit) for each of several bars, one below the other."""
    if quiet or not sys.stderr.isatty():
        yield lambda label, unit: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:

        def bar(label: str, unit: str) -> Report:
            task = shown.add_task(label, total=None, unit=unit)
            return lambda done, total: shown.update(task, completed=done, total=total)

        yield bar
