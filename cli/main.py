"""`rscodec`: finds the command, runs it, and turns every error into one line and an exit code.

    argv -> Commands (literal tuple, nothing imported) -> cli/<name>.py -> library
                                                                            |
    exit code <- main() <- one line on stderr <- RscodecError, usage error, Ctrl-C, closed pipe

At its top, a command module imports only click and light modules. It imports rasterio and torch when it runs.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import click

from rscodec.bitstreams.errors import InputError, RscodecError
from rscodec.cli.completion import VARIABLE, complete
from rscodec.cli.extras import words_for
from rscodec.cli.habits import OTHER_NAMES, familiar
from rscodec.cli.options import Session, debug_option
from rscodec.cli.spelling import spelled

COMMANDS = (
    ("encode", "Compress a scene."),
    ("decode", "Reconstruct a scene, or a window of it."),
    ("enhance", "Enhance an image that another codec compressed."),
    ("upscale", "Increase the resolution of a scene."),
    ("batch", "Encode or decode many scenes."),
    ("view", "Show streams in a browser."),
    ("info", "Explain a compressed file, field by field."),
    ("verify", "Decode a file completely and check it."),
    ("validate", "Compare everything except pixels."),
    ("sample", "Make a synthetic Earth scene."),
    ("eval", "Measure rate, distortion and speed."),
    ("carbon", "Map forest carbon."),
    ("completion", "Print a completion script for a shell."),
    ("man", "Print a manual page."),
)


@dataclass(frozen=True)
class ExitCode:
    code: int
    meaning: str


EXIT_CODES = (
    ExitCode(0, "success"),
    ExitCode(1, "unexpected error (--debug shows the traceback)"),
    ExitCode(2, "usage: unknown option, missing argument, value out of range"),
    ExitCode(3, "bad input: missing, not an image, unsupported bands or dtype, window outside the scene"),
    ExitCode(4, "damaged or foreign stream; also a decode that left damaged tiles empty"),
    ExitCode(5, "weights missing, or not those of the stream"),
    ExitCode(6, "check failed: verify found damage or a difference, or validate found a difference"),
    ExitCode(7, "output cannot be written: exists, folder missing, disk full"),
    ExitCode(130, "interrupted"),
    ExitCode(141, "the reader of standard output closed it"),
)
UNEXPECTED, USAGE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


class Commands(click.Group):
    """A group that imports a command only when the command is used."""

    rows = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _ in self.rows]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"rscodec.cli.{name}").command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        name, *rest = args
        command = self.get_command(ctx, name)
        if command is None:
            known = "there are " + ", ".join(self.list_commands(ctx))
            ctx.fail(f"no command {name!r}; {f'use {OTHER_NAMES[name]}' if name in OTHER_NAMES else known}")
        try:
            return name, command, list(familiar(rest, command))
        except click.UsageError as error:
            error.ctx = click.Context(command, ctx, name)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(row.code), row.meaning) for row in EXIT_CODES])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="rscodec", message="%(prog)s %(version)s")
@debug_option
def app() -> None:
    """Compress remote-sensing scenes with a learned codec. Metadata and nodata are preserved exactly."""


def main(argv: Sequence[str] | None = None) -> int:
    """The console entry point. Returns the exit code."""
    session = Session()
    if argv is None:
        sys.stdout = buffered(sys.stdout)
    try:
        code = run(sys.argv[1:] if argv is None else argv, session)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return fail("rscodec: interrupted", INTERRUPTED)
    except (click.Abort, EOFError):
        return fail("rscodec: aborted", INTERRUPTED)
    except click.ClickException as error:
        return fail(usage_line(error), error.exit_code)
    except RscodecError as error:
        trace(session)
        return fail(f"rscodec: error: {spelled(str(error), session.command)}", error.exit_code)
    except ModuleNotFoundError as error:
        trace(session)
        words = words_for(error, next((word for word in argv or sys.argv[1:] if not word.startswith("-")), ""))
        return fail(f"rscodec: error: {words}", InputError.exit_code) if words else unexpected(error, session)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            return close_stdout()
        trace(session)
        return unexpected(error, session)


def unexpected(error: Exception, session: Session) -> int:
    hint = "" if session.debug else " (--debug shows where)"
    return fail(f"rscodec: unexpected {type(error).__name__}: {error}{hint}", UNEXPECTED)


def run(argv: Sequence[str], session: Session) -> int:
    """Parse and invoke. click's own `main` would print errors and exit."""
    if instruction := os.environ.get(VARIABLE):
        return complete(app, instruction)
    try:
        with app.make_context("rscodec", list(argv) or ["--help"], obj=session) as ctx:
            app.invoke(ctx)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    return 0


def usage_line(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "rscodec"
    return f"{path}: error: {error.format_message().rstrip('.')}. See `{path} --help`."


def fail(line: str, code: int) -> int:
    click.echo(" ".join(line.split()), err=True)
    return code


def failure(error: RscodecError, command: click.Command | None) -> click.ClickException:
    """The error as an exception of click, for callers that let click print it and set the exit code."""
    found = click.ClickException(" ".join(spelled(str(error), command).split()))
    found.exit_code = error.exit_code
    return found


class Tool(click.Command):
    """The command of a script of tools/: prints an error of the project in one line and exits with its code."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except RscodecError as error:
            raise failure(error, self) from None


def trace(session: Session) -> None:
    if session.debug:
        traceback.print_exc()


def buffered(stream: TextIO) -> TextIO:
    """Add a buffer to unbuffered output (PYTHONUNBUFFERED). Without one, Python loses the rest of a write when the
    reader of a pipe closes it, and raises no error. A buffer writes the rest and notices the closed pipe.
    """
    if not isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        return stream
    return io.TextIOWrapper(io.BufferedWriter(stream.buffer), stream.encoding, stream.errors, line_buffering=True)


def close_stdout() -> int:
    """Redirect standard output to null, so that the interpreter's last flush does not fail, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE
