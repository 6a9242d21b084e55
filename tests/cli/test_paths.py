"""Standard input and output, and URLs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rscodec.cli.paths import InputPath
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize


def test_urls_keep_their_slashes():
    assert InputPath().convert("https://x/a.bin", None, None) == "https://x/a.bin"
    assert InputPath().convert("a/b.bin", None, None) == Path("a/b.bin")


@pytest.fixture
def piped(root, tmp_path):
    """piped(b"...", "info", "-"): a process that reads these bytes."""
    pixels, metadata = synthesize(100)
    Scene(pixels, metadata=metadata).save(tmp_path / "a.tif")
    code = "import os, sys; sys.path.insert(0, sys.argv.pop(1)); from rscodec.cli.main import main; sys.exit(main())"

    def run(given: bytes, *line: object) -> subprocess.CompletedProcess:
        words = [sys.executable, "-c", code, str(root), *map(str, line)]
        return subprocess.run(words, cwd=tmp_path, input=given, capture_output=True, check=False, timeout=100)

    return run


def test_a_stream_flows_through_pipes(piped, tmp_path):
    assert piped(b"", "encode", "a.tif", "a.bin", "-q", "2").returncode == 0
    flowed = piped(b"", "encode", "a.tif", "-", "-q", "2")
    stream = flowed.stdout
    assert stream == (tmp_path / "a.bin").read_bytes() and flowed.stderr.startswith(b"standard output: ")
    assert piped((tmp_path / "a.tif").read_bytes(), "encode", "-", "-o", "-", "-q", "2").stdout == stream
    for name in ("-", "/dev/stdin"):
        told = piped(stream, "info", name)
        assert told.returncode == 0 and b"rsc-m" in told.stdout
    assert piped(stream, "verify", "-", "--against", "a.tif").returncode == 0
    assert piped(stream, "validate", "-", "a.tif").returncode == 0
    assert piped(stream, "decode", "-", "b.tif").returncode == 0 and Scene.load(tmp_path / "b.tif").mask.all()
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", "a.bin", "b.tif"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_scene_in_a_named_pipe_is_read_once(piped, tmp_path):
    assert piped(b"", "encode", "a.tif", "a.bin", "-q", "2").returncode == 0
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[(tmp_path / "a.tif").read_bytes()])
    writer.start()
    done = piped(b"", "encode", "pipe", "b.bin", "-q", "2", "--nodata", "0")
    writer.join()
    assert done.returncode == 0 and b"dB" not in done.stdout and not done.stderr
    assert (tmp_path / "b.bin").exists()


def test_what_flows_in_is_checked_as_a_file_is(piped):
    assert piped(b"", "info", "-").returncode == 4
    assert piped(b"no stream at all", "decode", "-", "b.tif").returncode == 4


def test_a_terminal_has_no_file(rscodec, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    result = rscodec("info", "-")
    assert result.code == 3 and "standard input is a terminal" in result.err
    monkeypatch.setattr("rscodec.cli.paths.sys.stdout", Terminal())
    assert rscodec("encode", "a.tif", "-").code == 7
