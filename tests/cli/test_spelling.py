"""Messages of the library name arguments; a command prints those of its options that set them."""

from __future__ import annotations

import re

import click
import pytest

from rscodec.bitstreams.errors import InputError, TileDamaged
from rscodec.cli import decode, encode
from rscodec.cli.main import COMMANDS, app
from rscodec.cli.spelling import spelled
from rscodec.stream.settings import EncodeSettings
from tests.helpers.sources import SOURCES, name, strings


@pytest.mark.parametrize(
    "message, words",
    [
        ("`bpp` and `psnr` exclude each other", "--bpp and --psnr exclude each other"),
        ("`max_error=0.5` is too fine", "--max-error 0.5 is too fine"),
        ("give `overwrite=True`", "give --overwrite"),
        ("`quality=9`: give one", "--quality 9: give one"),  # not -q
        ("`effort={'a': 1}`: give a number", "--effort {'a': 1}: give a number"),
        ("decode the others with `on_error=nodata`", "decode the others with `on_error=nodata`"),
        ("set it with `gdal_edit.py -a_nodata 0 a.tif`", "set it with `gdal_edit.py -a_nodata 0 a.tif`"),
        ("`scene` is no image", "`scene` is no image"),  # an argument of the command line, not an option
    ],
)
def test_arguments_become_options_of_the_command(message, words):
    assert spelled(message, encode.command) == words


def test_an_option_that_has_another_name_than_its_argument():
    assert spelled("see `creation_options`, `driver`", decode.command) == "see --co, --format"


def test_no_command_no_options():
    assert spelled("`bpp`", None) == "`bpp`"


def leaves(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    return [leaf for name in command.list_commands(None) for leaf in leaves(command.get_command(None, name))]


ALL = [leaf for name, _ in COMMANDS for leaf in leaves(app.get_command(None, name))]


@pytest.mark.parametrize("command", ALL, ids=lambda command: f"{command.callback.__module__}.{command.name}")
def test_every_command_is_remembered_when_it_runs(command):
    """By the callback of --debug, which click calls for the group first and for the command last."""
    assert "remember" in {param.callback.__name__ for param in command.params if param.callback}


@pytest.mark.parametrize(
    "line, name, words",
    [
        (("encode", "a.tif", "-o", "a.bin"), "encode_file", "give --overwrite or `on_error=nodata`"),
        (("decode", "a.bin", "-o", "a.tif"), "decode_file", "give --overwrite or --on-error nodata"),
        (("verify", "a.bin"), "verify_file", "give `overwrite=True` or `on_error=nodata`"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_command_prints_options_that_it_has(rscodec, api, line, name, words):
    api.results[name] = TileDamaged("give `overwrite=True` or `on_error=nodata`")
    assert rscodec(*line).err == f"rscodec: error: {words}\n"


def test_every_argument_in_a_message_is_an_option_of_some_command():
    """So that users of the command line never read of an argument that they cannot set."""
    options = {param.name for command in ALL for param in command.params if isinstance(param, click.Option)}
    library = [path for path in SOURCES if not name(path).startswith("cli/")]
    named = {one for path in library for text in strings(path) for one in re.findall("`([a-z_]+)[`=]", text)}
    assert {"bpp", "max_error", "overwrite"} < named and named <= options


def test_a_scene_that_failed_in_a_batch(rscodec, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"here")
    result = rscodec("batch", "encode", tmp_path / "a.tif", "--out", tmp_path, "--quiet")
    assert "a.bin exists; give --overwrite or another folder" in result.err


def test_what_a_library_user_reads():
    with pytest.raises(InputError, match="^`max_error` excludes `bpp` and `psnr`; give `quality` with it, or none"):
        EncodeSettings(bpp=1, max_error=1)
