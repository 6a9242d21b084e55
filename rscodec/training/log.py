"""What a run says: a line at a time, stamped, into log.txt of its folder, and shown to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def run_log(run: Path, show: Callable[[str], None]) -> Callable[[str], None]:
    """log(line) of a run, whose folder is made here."""
    run.mkdir(parents=True, exist_ok=True)

    def log(line: str) -> None:
        stamped = f"{time.strftime('%F %T')} {line}"
        show(stamped)
        with (run / "log.txt").open("a") as file:
            file.write(stamped + "\n")

    return log
