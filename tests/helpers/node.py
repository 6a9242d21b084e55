"""Runs JavaScript in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST = 20


def version() -> int:
    """The major version of the Node on PATH, 0 if there is none."""
    if shutil.which("node") is None:
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60).stdout
    return int(said.lstrip("v").partition(".")[0] or 0)


needed = pytest.mark.skipif(version() < OLDEST, reason=f"no node {OLDEST} or newer is on PATH")


def node(script: str | Path, *args) -> subprocess.CompletedProcess:
    return subprocess.run(["node", script, *map(str, args)], capture_output=True, text=True, timeout=300)
