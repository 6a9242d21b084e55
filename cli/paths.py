"""The files that commands read and write: paths, URLs, `-` for standard input and output."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.stream.remote import is_url

STANDARD = "-"


class InputPath(click.Path):
    """A file, a URL (also /vsicurl/https://...), or `-` for standard input. A URL stays a string, because a Path would
    merge its two slashes.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value, param, ctx) -> str | Path:
        if str(value) in (STANDARD, "/dev/stdin"):
            return standard_input(ctx)
        return value if is_url(value) else super().convert(value, param, ctx)


PATH = click.Path(path_type=Path)
INPUT = InputPath()

output_option = click.option("-o", "--output", type=PATH, help="The file to write. It may also be the last argument.")


def one_output(command: Callable) -> Callable:
    """Add -o and a last argument, which the command receives as one parameter `output`."""

    @functools.wraps(command)
    def wrapped(*args, output: Path | None, last: Path | None, **given):
        if output and last:
            raise click.UsageError(f"there are two outputs, {output} and {last}; give one of them")
        return command(*args, output=check_output(output or last), **given)

    return click.argument("last", type=PATH, required=False, metavar="OUTPUT")(output_option(wrapped))


def check_output(output: Path | None) -> Path:
    """Raise a usage error if there is no output."""
    if output is None:
        raise click.UsageError("there is no output: name it as the last argument, or with -o")
    return output


def standard_input(ctx: click.Context) -> Path:
    """Standard input as a temporary file that exists until the command ends: readers seek, and a pipe cannot."""
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal: pipe a file into the command, or name a file")
    path = Path(ctx.with_resource(TemporaryDirectory(prefix="rscodec-"))) / "standard-input"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def is_pipe(scene: str | Path | tuple) -> bool:
    """Whether a scene, one file or several, comes from a named pipe, which can be read only once."""
    try:
        return any(Path(file).is_fifo() for file in (scene if isinstance(scene, tuple) else (scene,)))
    except OSError:  # a URL that is too long for a file name
        return False


@contextmanager
def standard_output(output: Path) -> Iterator[Path]:
    """The file to write: `output`, or for `-` a temporary file that is copied to standard output at the end."""
    if str(output) != STANDARD:
        yield output
        return
    if sys.stdout.isatty():
        raise OutputError("standard output is a terminal: pipe it into a command, or name a file")
    with TemporaryDirectory(prefix="rscodec-") as folder:
        yield Path(folder) / "standard-output"
        with (Path(folder) / "standard-output").open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
