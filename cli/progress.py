"""Progress bars on standard error, if it is a terminal and --quiet is not given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int], None]


@contextmanager
def progress(label: str, quiet: bool) -> Iterator[Report | None]:
    """The `progress` argument of the library: a callable (done, total), or None if no bar is shown."""
    with bars(quiet) as bar:
        yield bar(label, "tiles")


@contextmanager
def bars(quiet: bool) -> Iterator[Callable[[str, str], Report | None]]:
    """Several bars below each other: bar(label, unit) makes one."""
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
