"""Help, exit codes, and the one place where errors become a line."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from rscodec.bitstreams import errors
from rscodec.bitstreams.container import StreamWriter
from rscodec.bitstreams.header import Header
from rscodec.cli.main import COMMANDS, EXIT_CODES, app

CODES = {row.code for row in EXIT_CODES}
NAMES = [name for name, _ in COMMANDS]


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n")


def test_help_lists_every_command_and_exit_code(rscodec):
    result = rscodec("--help")
    assert result.code == 0
    for name in NAMES:
        assert re.search(rf"^  {name} ", result.out, re.MULTILINE)
    for code in CODES:
        assert re.search(rf"^  {code} ", result.out, re.MULTILINE)


def test_no_argument_shows_help(rscodec):
    assert rscodec() == rscodec("--help")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_documented(rscodec, name):
    result = rscodec(name, "--help")
    assert result.code == 0 and result.err == ""
    command = app.get_command(click.Context(app), name)
    assert command.help and all(param.help for param in command.params if isinstance(param, click.Option))


def test_every_error_has_a_listed_exit_code():
    def tree(cls):
        return [cls, *(leaf for sub in cls.__subclasses__() for leaf in tree(sub))]

    assert {cls.exit_code for cls in tree(errors.RscodecError)} <= CODES


@pytest.mark.parametrize(
    "args",
    [
        ("frobnicate",),
        ("--frobnicate",),
        ("info",),
        ("info", "a.bin", "b.bin"),
        ("encode", "a.tif"),
        ("encode", "a.tif", "-o", "a.bin", "--frobnicate"),
        ("decode", "a.bin", "-o", "a.tif", "--window", "1", "2", "3"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_one_line_and_2(rscodec, args):
    result = rscodec(*args)
    assert result.code == 2 and result.out == ""
    assert one_line(result.err) and "--help`" in result.err


def test_an_unknown_command_names_the_known_ones(rscodec):
    assert all(name in rscodec("frobnicate").err for name in NAMES)


@pytest.mark.parametrize(
    "error", [errors.InputError, errors.FutureVersion, errors.WrongWeights, errors.CheckError, errors.OutputError]
)
def test_an_error_of_the_library_is_one_line_and_its_code(rscodec, api, error):
    api.results["encode_file"] = error("scene.tif: 17 bands;\n at most 16 can be stored")
    result = rscodec("encode", "scene.tif", "-o", "out.bin")
    assert result.code == error.exit_code and result.out == ""
    assert result.err == "rscodec: error: scene.tif: 17 bands; at most 16 can be stored\n"


def test_an_unexpected_error_is_one_line_and_1(rscodec, api):
    api.results["encode_file"] = ZeroDivisionError("division by zero")
    result = rscodec("encode", "scene.tif", "-o", "out.bin")
    assert result.code == 1 and one_line(result.err)
    assert "ZeroDivisionError" in result.err and "--debug" in result.err


@pytest.mark.parametrize(
    "args",
    [("--debug", "encode", "a.tif", "-o", "a.bin"), ("encode", "a.tif", "-o", "a.bin", "--debug")],
    ids=["before", "after"],
)
@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), errors.InputError("no such file")])
def test_debug_shows_the_traceback(rscodec, api, args, error):
    api.results["encode_file"] = error
    result = rscodec(*args)
    assert result.err.startswith("Traceback") and str(error) in result.err.splitlines()[-1]


def test_an_interrupt_is_130(rscodec, api):
    api.results["encode_file"] = KeyboardInterrupt()
    result = rscodec("encode", "a.tif", "-o", "a.bin")
    assert result.code == 130 and result.err == "rscodec: interrupted\n"


def test_a_closed_pipe_is_silent(root: Path):
    """Standard output is a pipe that nobody reads, as after `| head -1`."""
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from rscodec.cli.main import main; sys.exit(main(['--help']))"
    process = subprocess.run([sys.executable, "-c", code], cwd=root, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert process.returncode == 141 and process.stderr == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_is_closed_halfway(root: Path, tmp_path: Path, unbuffered: str):
    """More than a pipe holds, of which a line is read: Python without buffers would leave with 0."""
    header = Header(
        model="vec-1", weights_hash=bytes(8), quality=3.0, width=8, height=8, bands=1, dtype="uint8", groups=1
    )
    with StreamWriter(tmp_path / "a.bin", header, {"tags": {"": {"a": "word " * 200_000}}}) as writer:
        writer.add(0, 0, None, [(b"payload", 0)])
    code = "import sys; from rscodec.cli.main import main; sys.exit(main())"
    line = [sys.executable, "-c", code, "info", tmp_path / "a.bin", "--json"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(line, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    whole = subprocess.run(line, cwd=root, capture_output=True, env=environment)
    assert whole.returncode == 0 and len(json.loads(whole.stdout)["metadata"]["tags"][""]["a"]) == 1_000_000


def test_the_package_is_a_command(root: Path):
    lines = (["-m", "rscodec"], ["-c", "import sys; from rscodec.cli.main import main; sys.exit(main())"])
    said = [
        subprocess.run(
            [sys.executable, *line, "encode", "nowhere.tif", "-o", "a.bin"], cwd=root, capture_output=True, text=True
        )
        for line in lines
    ]
    assert said[0].returncode == 3 and said[0].stderr == said[1].stderr and "nowhere.tif" in said[0].stderr


def test_other_system_errors_are_not_taken_for_a_closed_pipe(rscodec, api):
    api.results["encode_file"] = OSError(errno.EIO, "Input/output error")
    assert rscodec("encode", "a.tif", "-o", "a.bin").code == 1
