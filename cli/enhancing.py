"""The options of whatever enhances, and the settings that they make: one parameter `enhance` of the command."""

from __future__ import annotations

import functools

import click

from cli.options import FiniteRange
from rscodec.enhancers.base import EnhanceSettings

DETAILS = ("seed", "strength", "max_change", "force")


def enhancing(hidden: bool = False):
    """Adds --enhance and what goes with it. `hidden`: no enhancer ships, so only those who train one know of it."""
    added = (
        click.option("--enhance", metavar="NAME|FILE", hidden=hidden,
                     help="Enhance red, green and blue by this model; the pixels are generated, and tags say so."),
        click.option("--seed", type=click.IntRange(0, 2**63 - 1), hidden=hidden, show_default="0",
                     help="With --enhance: another seed generates other detail."),
        click.option("--strength", type=FiniteRange(0, 1), hidden=hidden, show_default="1",
                     help="With --enhance: how much of the change to apply; 0 is the plain decode."),
        click.option("--max-change", type=FiniteRange(0), hidden=hidden, show_default="no limit",
                     help="With --enhance: change no pixel by more, in units of the scene."),
        click.option("--force", is_flag=True, hidden=hidden,
                     help="With --enhance: also with codec weights that the model was not measured with."),
    )  # fmt: skip

    def add(command):
        @functools.wraps(command)
        def wrapped(*args, enhance: str | None, **rest):
            given = {name: rest.pop(name) for name in DETAILS}
            given = {name: value for name, value in given.items() if value is not None and value is not False}
            if given and enhance is None:
                name = "--" + next(iter(given)).replace("_", "-")
                raise click.UsageError(f"{name} goes with --enhance")
            return command(*args, enhance=enhance and EnhanceSettings(enhance, **given), **rest)

        for option in reversed(added):
            wrapped = option(wrapped)
        return wrapped

    return add
