"""`rscodec view`: what is refused before anything is served, and what is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import rscodec as library
from rscodec.synthetic.sample import synthesize


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "a.bin"
    path.write_bytes(library.encode(synthesize(80)[0], quality=2.0, threads=1))
    return path


@pytest.mark.parametrize("args, code, words", [
    (("--bands", "1,2"), 2, "--bands are those of a scene to compare with"),
    (("--port", "70000"), 2, "--port"),
    (("--against", "nothing.tif"), 3, "nothing.tif"),
    (("--weights", "nothing.safetensors"), 3, "nothing.safetensors"),
])  # fmt: skip
def test_refusals(rscodec, stream, args, code, words):
    result = rscodec("view", stream, "--no-browser", *args)
    assert result.code == code and words in result.err and result.err.count("\n") == 1


def test_what_is_no_stream_is_refused(rscodec, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"GIF89a")
    assert rscodec("view", tmp_path / "a.bin").code == 4
    assert rscodec("view", tmp_path / "b.bin").code == 3
    assert rscodec("view", tmp_path).code == 3


def test_export(rscodec, stream, tmp_path):
    out = tmp_path / "site"
    result = rscodec("view", stream, "--export", out)
    assert result.code == 0 and "MB; serve it" in result.out
    assert (out / "index.html").is_file() and (out / "streams" / "0.bin").read_bytes() == stream.read_bytes()
    assert rscodec("view", stream, "--export", out).code == 7
    assert rscodec("view", stream, "--export", out, "--overwrite", "--quiet").out == ""


@contextmanager
def viewing(*args: str | Path, **environment: str) -> Iterator[subprocess.Popen]:
    """A process of `rscodec view`, ended by Ctrl-C."""
    command = [sys.executable, "-m", "rscodec", "view", *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, env=os.environ | environment) as process:
        try:
            yield process
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # it would serve for ever where the shell of the tests ignores Ctrl-C
    assert process.returncode == 0 and errors == ""


@pytest.mark.skipif(os.name == "nt", reason="no Ctrl-C between processes")
def test_it_serves_until_ctrl_c(stream):
    with viewing(stream, "--no-browser") as process:
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}streams/0.bin", timeout=60) as answer:
            assert answer.read() == stream.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="no Ctrl-C between processes")
def test_a_browser_in_the_terminal_gets_the_page(stream):
    """Python waits until such a browser ends."""
    browser = (
        "import sys, urllib.request as web; sys.excepthook = print; print(web.urlopen(sys.argv[1], timeout=20).status)"
    )
    with viewing(stream, BROWSER=f"{sys.executable} -c '{browser}' %s") as process:
        process.stdout.readline()
        assert process.stdout.readline() == "200\n"
