"""Writes the reference in docs/ from the program itself: the command line from click, Python from docstrings.

    python tools/make_reference.py            # writes docs/reference/cli.md and docs/reference/python.md

tests/test_reference.py fails if these files are not what this script would write.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import rscodec
from rscodec.bitstreams import errors
from rscodec.cli.main import EXIT_CODES, Tool, app

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Made by tools/make_reference.py. Change the program, then run the script again. -->"

# What functions of rscodec return, and settings that they take, besides the names of `import rscodec`.
MORE = (
    "rscodec.api.OpenScene",
    "rscodec.api.EncodeReport",
    "rscodec.api.DecodeReport",
    "rscodec.api.EnhanceReport",
    "rscodec.api.UpscaleReport",
    "rscodec.stream.verify.VerifyReport",
    "rscodec.stream.settings.DecodeSettings",
    "rscodec.output.OutputSettings",
)


def cli_page() -> str:
    """The whole of docs/reference/cli.md."""
    parts = ["# Command line", NOTE, paragraphs(app.help or "")]
    parts += ["`rscodec --version` prints the version. Every command has `-h, --help` and `--debug`."]
    ctx = click.Context(app, info_name="rscodec")
    for name in app.list_commands(ctx):
        parts += command_parts(app.get_command(ctx, name), f"rscodec {name}", ctx)
    parts += ["## Exit codes", rows(("code", "meaning"), [(str(row.code), row.meaning) for row in EXIT_CODES])]
    return "\n\n".join(parts) + "\n"


def command_parts(command: click.Command, path: str, parent: click.Context, level: int = 2) -> Iterator[str]:
    """The headings, texts and tables of a command and of its subcommands."""
    ctx = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    yield f"{'#' * level} {path}"
    if isinstance(command, click.Group):
        yield paragraphs(command.help or "")
        for name in command.list_commands(ctx):
            yield from command_parts(command.get_command(ctx, name), f"{path} {name}", ctx, level + 1)
        return
    arguments = [argument(param) for param in command.params if isinstance(param, click.Argument)]
    yield f"```\n{' '.join([path, *arguments, '[OPTIONS]'])}\n```"
    yield paragraphs(command.help or "")
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    explained = [option(param, ctx) for param in options if "--debug" not in param.opts]
    yield rows(("option", "meaning"), explained) if explained else "This command has no options of its own."


def argument(param: click.Argument) -> str:
    name = (param.metavar or param.name or "").upper()
    return name if param.nargs != -1 or "..." in name else f"{name}..."


def option(param: click.Option, ctx: click.Context) -> tuple[str, str]:
    """The cells of an option: how it is written, and what it means with its range and its default."""
    value = "" if param.is_flag else f" {metavar(param)}"
    words = [(param.help or "").strip()]
    if param.required:
        words.append("Required.")
    if span := limits(param.type):
        words.append(f"Range: {span}.")
    if isinstance(param.show_default, str):
        words.append(f"Default: {param.show_default}.")
    elif param.show_default and not param.is_flag:
        words.append(f"Default: {param.get_default(ctx)}.")
    return f"`{', '.join([*param.opts, *param.secondary_opts])}{value}`", " ".join(words)


def metavar(param: click.Option) -> str:
    if param.metavar:
        return param.metavar
    if isinstance(param.type, click.Choice):
        return "|".join(map(str, param.type.choices))
    ranges = (click.IntRange, click.FloatRange)
    number = isinstance(param.type, ranges) or param.type in (click.INT, click.FLOAT)
    return "N" if number else param.type.name.upper()


def limits(kind: click.ParamType) -> str:
    """The legal values of a number in words; empty if there is no limit."""
    if not isinstance(kind, (click.IntRange, click.FloatRange)):
        return ""
    if kind.min is None or kind.max is None:
        below = "" if kind.max is None else f"{'below' if kind.max_open else 'at most'} {kind.max:g}"
        return below if kind.min is None else f"{'above' if kind.min_open else 'at least'} {kind.min:g}"
    if kind.max == 2**63 - 1:
        return f"at least {kind.min}"
    return f"above {kind.min:g}, at most {kind.max:g}" if kind.min_open else f"{kind.min:g} to {kind.max:g}"


def python_page() -> str:
    """The whole of docs/reference/python.md."""
    parts = ["# Python", NOTE, "`import rscodec` gives these names. `help(rscodec.encode)` prints the same text."]
    for name in rscodec.__all__:
        if not name.startswith("_") and name != "RscodecError":
            parts += object_parts(f"rscodec.{name}", getattr(rscodec, name))
    parts += ["## Results and settings", "Functions return these objects, or pass these settings on."]
    for path in MORE:
        module, _, name = path.rpartition(".")
        parts += object_parts(path, getattr(importlib.import_module(module), name), 3)
    parts += ["## Errors", documented(errors.RscodecError)]
    parts += ["The module `rscodec.bitstreams.errors` has all errors. Their exit codes are those of the command line."]
    return "\n\n".join([*parts, rows(("error", "exit code", "meaning"), [*error_rows(errors.RscodecError)])]) + "\n"


def object_parts(path: str, thing: Any, level: int = 2) -> Iterator[str]:
    """The heading, signature and docstring of a function or a class, and of the public methods of a class."""
    yield f"{'#' * level} {path}"
    yield f"```python\n{signature(thing, path.rpartition('.')[2])}\n```"
    yield documented(thing)
    for name, member in vars(thing).items() if inspect.isclass(thing) else ():
        function = member.__func__ if isinstance(member, classmethod) else member
        if name.startswith("_") or not inspect.getdoc(function):
            continue
        if isinstance(function, property):
            yield f"**`.{name}`**: {documented(function)}"
        elif inspect.isfunction(function):
            yield f"**`.{signature(function, name)}`**"
            yield documented(function)


class _Source(str):
    """An annotation or a default that a signature prints as it stands in the source."""

    __repr__ = str.__str__


def signature(thing: Any, name: str) -> str:
    """The call as in the source; one parameter on each line if it is long. `self` and `cls` are left out."""
    found = inspect.signature(thing)
    kept = [
        param.replace(
            annotation=param.annotation if param.annotation is param.empty else _Source(param.annotation),
            default=_Source("...") if "factory" in repr(param.default) else param.default,
        )
        for param in found.parameters.values()
        if param.name not in ("self", "cls")
    ]
    plain = found.replace(parameters=kept, return_annotation=found.empty)
    result = found.return_annotation
    arrow = "" if result in (found.empty, "None", None) else f" -> {result}"
    line = f"{name}{plain}{arrow}"
    if len(line) <= 100:
        return line
    star = next((at for at, param in enumerate(kept) if param.kind is param.KEYWORD_ONLY), None)
    texts = [str(param) for param in kept]
    if star is not None:
        texts.insert(star, "*")
    return f"{name}(\n" + "".join(f"    {text},\n" for text in texts) + f"){arrow}"


def documented(thing: Any) -> str:
    """The docstring in Markdown: examples and drawings become blocks of code."""
    parts = re.split(r"\n\n+", inspect.getdoc(thing) or "")
    return "\n\n".join(
        f"```pycon\n{part}\n```" if part.startswith(">>>") else f"```\n{part}\n```" if part.startswith(" ") else part
        for part in parts
    )


def error_rows(cls: type[errors.RscodecError]) -> Iterator[tuple[str, str, str]]:
    for sub in cls.__subclasses__():
        if sub.__module__ == errors.__name__:
            exit_code = "that of the scenes" if sub is errors.BatchFailed else str(sub.exit_code)
            yield f"`{sub.__name__}`", exit_code, (inspect.getdoc(sub) or "").partition("\n\n")[0]
            yield from error_rows(sub)


def paragraphs(text: str) -> str:
    """The help of a command, in which \\b marks a paragraph that keeps its lines."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        f"```\n{part.lstrip(chr(8)).strip(chr(10))}\n```" if part.startswith("\b") else part for part in parts
    )


def rows(header: tuple[str, ...], cells: list[tuple[str, ...]]) -> str:
    """A table of Markdown. A bar inside a cell is escaped."""
    lines = [header, tuple("---" for _ in header), *cells]
    whole = [[" ".join(cell.split()).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in whole)


PAGES = {"cli.md": cli_page, "python.md": python_page}


@click.command(cls=Tool)
def main() -> None:
    """Write the reference of the command line and of Python."""
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")
        click.echo(REFERENCE / name)


if __name__ == "__main__":
    main()
