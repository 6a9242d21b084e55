"""The library's messages name arguments in backticks; the command line prints the options that set them.

    library                        rscodec encode
    `bpp`                          --bpp
    `max_error=0.5`                --max-error 0.5
    `overwrite=True`               --overwrite

An argument for which the running command has no option stays as it is.
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
        name = max(option.opts, key=len)
        return name if option.is_flag or value is None else f"{name} {value}"

    return ARGUMENT.sub(flag, message)
