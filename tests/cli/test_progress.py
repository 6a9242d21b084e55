"""The bar: for people on a terminal, on standard error; nothing anywhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from rscodec.cli.progress import progress

DEMO = """
from rscodec.cli.progress import bars
with bars(quiet={quiet}) as bar:
    for label, done, unit in [("encode", 3, "tiles"), ("search", 2, "tries")]:
        if report := bar(label, unit):
            report(done, 4)
"""


def test_no_terminal_no_bar(capfd: pytest.CaptureFixture):
    with progress("encode", quiet=False) as report:
        assert report is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [False, True])
def test_on_a_terminal(root, quiet: bool):
    screen, terminal = pty.openpty()
    code = DEMO.format(quiet=quiet)
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.set_blocking(screen, False)
    try:
        shown = os.read(screen, 65536)
    except BlockingIOError:
        shown = b""
    os.close(terminal)
    os.close(screen)
    assert process.returncode == 0 and process.stdout == b""
    assert all((words in shown) is not quiet for words in (b"3/4", b"tiles", b"2/4", b"tries"))
