"""Turns arguments in messages of the library, which are in backticks, into the options of a command that set them.

    library                        rscodec encode
    `bpp`                          --bpp
    `max_error=0.5`                --max-error 0.5
    `overwrite=True`               --overwrite

An argument without an option in the running command does not change.
"""

from __future__ import annotations

import re

import click

ARGUMENT = re.compile(r"`([a-z_]+)(?:=([^`]*))?`")


def spelled(message: str, command: click.Command | None) -> str:
    """A message of the library, with the options of `command` in place of arguments."""
    options = {option.name: option for option in command.params if isinstance(option, click.Option)} if command else {}

    def flag(found: re.Match[str]) -> str:
        argument, value = found.groups()
        if argument not in options:
            return found[0]
        option = options[argument]
        name = max(option.opts, key=lambda name: (name.startswith("--"), len(name)))
        return name if option.is_flag or value is None else f"{name} {value}"

    return ARGUMENT.sub(flag, message)
