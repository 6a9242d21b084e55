"""`rscodec view`: what is refused before anything is served, and what is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
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


@pytest.mark.skipif(os.name == "nt", reason="no Ctrl-C between processes")
def test_it_serves_until_ctrl_c(stream):
    command = [sys.executable, "-m", "rscodec", "view", str(stream), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}streams/0.bin", timeout=60) as answer:
            assert answer.read() == stream.read_bytes()
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # it would serve for ever where the shell of the tests ignores Ctrl-C
    assert process.returncode == 0 and errors == ""
