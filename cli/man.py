"""`rscodec man`: prints a manual page, made from the help of all commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

from rscodec.cli import options


@click.command()
@options.debug_option
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print a manual page with all commands: `rscodec man | man -l -` shows it."""
    from rscodec.cli.main import EXIT_CODES

    root = ctx.find_root()
    click.echo(f'.TH RSCODEC 1 "" "rscodec" "User Commands"\n.SH NAME\nrscodec \\- {text(root.command.help)}')
    for each in contexts(root):
        click.echo("\n".join(section(each)))
    click.echo(".SH EXIT STATUS")
    for row in EXIT_CODES:
        click.echo(f".TP\n{row.code}\n{text(row.meaning)}")


def contexts(ctx: click.Context) -> Iterator[click.Context]:
    """The context of a command, and those of the commands in it."""
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            yield from contexts(click.Context(ctx.command.get_command(ctx, name), ctx, name))


def section(ctx: click.Context) -> Iterator[str]:
    """The part of the page on one command: usage, help, options."""
    usage = " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
    yield from (f".SH {text(ctx.command_path).upper()}", ".B " + text(usage), ".PP", text(ctx.command.help or ""))
    for param in ctx.command.get_params(ctx):
        if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
            yield from (".TP", f".B {text(record[0])}", text(record[1]))


def text(words: str) -> str:
    """Plain text for troff."""
    lines = words.replace("\b\n", "").replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join(f"\\&{line.strip()}" if line.strip()[:1] in (".", "'") else line.strip() for line in lines)
