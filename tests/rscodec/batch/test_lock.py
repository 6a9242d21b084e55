"""One run at a time writes a report."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from rscodec.batch import lock
from rscodec.batch.lock import only_run
from rscodec.bitstreams.errors import OutputError

needs_locks = pytest.mark.skipif(lock.fcntl is None, reason="this system has no fcntl")


@pytest.fixture
def report(tmp_path) -> Path:
    return tmp_path / "report.csv"


@needs_locks
def test_a_second_run_is_refused_until_the_first_ends(report):
    with only_run(report):
        with (
            pytest.raises(OutputError, match="another run writes .*report.csv: wait .*`resume=True`"),
            only_run(report),
        ):
            pass
        with only_run(report.with_name("other.csv")):
            pass
    with pytest.raises(ZeroDivisionError), only_run(report):
        raise ZeroDivisionError
    with only_run(report):
        assert [path.name for path in report.parent.iterdir()] == [".report.csv.lock"]
    assert not any(report.parent.iterdir())


HOLD = """
import sys
from pathlib import Path
from rscodec.batch.lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@needs_locks
def test_a_killed_run_holds_nothing(report, root):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(report)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(OutputError, match="another run"), only_run(report):
                pass
        finally:
            other.kill()
    with only_run(report):
        pass
    assert not any(report.parent.iterdir())


@needs_locks
def test_a_lock_that_another_run_has_just_removed_is_no_lock(report, monkeypatch):
    monkeypatch.setattr(lock.fcntl, "flock", lambda *_: report.with_name(".report.csv.lock").unlink())
    with pytest.raises(OutputError, match="another run"), only_run(report):
        pass


@needs_locks
def test_a_file_system_without_locks_is_no_error(report, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with only_run(report):
        pass
    assert not any(report.parent.iterdir())


def test_a_system_without_locks_is_no_error(report, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with only_run(report), only_run(report):
        pass


def test_a_report_that_cannot_be_written_is_known_at_once(tmp_path):
    with pytest.raises(OutputError, match="it is a folder"), only_run(tmp_path):
        pass
