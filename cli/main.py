"""`rscodec`: finds the command, runs it, and turns whatever it raises into one line and an exit code.

    argv -> Commands (literal tuple, nothing imported) -> cli/<name>.py -> library
                                                                            |
    exit code <- main() <- one line on stderr <- RscodecError, usage error, Ctrl-C, closed pipe

A command module imports only click and its neighbours at the top; torch and rasterio come in when it runs.
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

from rscodec.bitstreams.errors import RscodecError
from rscodec.cli.options import Session, debug_option

COMMANDS = (
    ("encode", "Compress a scene."),
    ("decode", "Reconstruct a scene, or a window of it."),
    ("enhance", "Enhance an image that another codec compressed."),
    ("upscale", "Give a scene more pixels than it had."),
    ("batch", "Encode or decode many scenes."),
    ("view", "Show streams in a browser."),
    ("info", "Explain a compressed file, field by field."),
    ("verify", "Decode everything and check it."),
    ("validate", "Compare all that is not pixels."),
    ("sample", "Make a synthetic Earth scene."),
    ("eval", "Measure rate, distortion and speed."),
    ("carbon", "Map forest carbon."),
)


@dataclass(frozen=True)
class ExitCode:
    code: int
    meaning: str


EXIT_CODES = (
    ExitCode(0, "all is well"),
    ExitCode(1, "unexpected error (--debug shows the traceback)"),
    ExitCode(2, "usage: unknown option, missing argument, value out of range"),
    ExitCode(3, "bad input: missing, not an image, unsupported bands or dtype, window outside the scene"),
    ExitCode(4, "damaged or foreign stream; also a decode that went on past lost tiles"),
    ExitCode(5, "weights missing, or not those that the stream was made with"),
    ExitCode(6, "check failed: verify found damage or a difference, validate a difference"),
    ExitCode(7, "output cannot be written: exists, folder missing, disk full"),
    ExitCode(130, "interrupted"),
    ExitCode(141, "the reader of standard output went away"),
)
UNEXPECTED, USAGE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


class Commands(click.Group):
    """A group that imports a command when it is asked for by name, and for no other reason."""

    rows = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _ in self.rows]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"rscodec.cli.{name}").command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if self.get_command(ctx, args[0]) is None:
            ctx.fail(f"no command {args[0]!r}; there are {', '.join(self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(row.code), row.meaning) for row in EXIT_CODES])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rscodec", message="%(prog)s %(version)s")
@debug_option
def app() -> None:
    """Compress remote-sensing scenes with a learned codec. What is not a pixel comes back identical."""


def main(argv: Sequence[str] | None = None) -> int:
    """The console entry point: the exit code of one run."""
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
        return fail(f"rscodec: error: {error}", error.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            return close_stdout()
        trace(session)
        hint = "" if session.debug else " (--debug shows where)"
        return fail(f"rscodec: unexpected {type(error).__name__}: {error}{hint}", UNEXPECTED)


def run(argv: Sequence[str], session: Session) -> int:
    """Parse and invoke; click's own `main` would print errors and exit by itself."""
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


def failure(error: RscodecError) -> click.ClickException:
    """For click to print and to leave with, where it is not ours to do so."""
    found = click.ClickException(" ".join(str(error).split()))
    found.exit_code = error.exit_code
    return found


class Tool(click.Command):
    """The command of a script of tools/: there, too, an error of the project is one line and its exit code."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except RscodecError as error:
            raise failure(error) from None


def trace(session: Session) -> None:
    if session.debug:
        traceback.print_exc()


def buffered(stream: TextIO) -> TextIO:
    """Unbuffered, as PYTHONUNBUFFERED has it, Python forgets what a write leaves when the reader of a pipe goes away,
    and nobody is told. A buffer writes on, and meets the closed pipe.
    """
    if not isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        return stream
    return io.TextIOWrapper(io.BufferedWriter(stream.buffer), stream.encoding, stream.errors, line_buffering=True)


def close_stdout() -> int:
    """Point standard output at nothing, so that the interpreter's last flush does not complain as well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE
