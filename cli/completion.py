"""`rscodec completion`: prints what a shell needs to complete commands, options and file names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class, shell_complete

from rscodec.cli import options

VARIABLE = "_RSCODEC_COMPLETE"  # the scripts of click set it when they ask for completions
PLACES = {
    "bash": "~/.local/share/bash-completion/completions/rscodec",
    "zsh": "~/.zfunc/_rscodec",
    "fish": "~/.config/fish/completions/rscodec.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(PLACES)))
@options.debug_option
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a completion script for SHELL. Write it to the folder from which the shell loads such scripts.

    \b
    bash  ~/.local/share/bash-completion/completions/rscodec
    zsh   ~/.zfunc/_rscodec, where ~/.zfunc is in fpath
    fish  ~/.config/fish/completions/rscodec.fish
    """
    click.echo(get_completion_class(shell)(ctx.find_root().command, {}, "rscodec", VARIABLE).source())


def complete(app: click.Command, instruction: str) -> int:
    """Answer a shell that asks for completions. Returns the exit code."""
    return shell_complete(app, {}, "rscodec", VARIABLE, instruction)
