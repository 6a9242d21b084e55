"""The log of a run: lines with a time, written to log.txt in the run folder and shown to the user."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def run_log(run: Path, show: Callable[[str], None]) -> Callable[[str], None]:
    """Create the run folder and return log(line)."""
    run.mkdir(parents=True, exist_ok=True)

    def log(line: str) -> None:
        stamped = f"{time.strftime('%F %T')} {line}"
        show(stamped)
        with (run / "log.txt").open("a") as file:
            file.write(stamped + "\n")

    return log
