"""The options of whatever enhances, and the settings that they make: one parameter `enhance` of the command."""

from __future__ import annotations

import functools

import click

from rscodec.cli import options
from rscodec.cli.options import FiniteRange
from rscodec.enhancers.base import EnhanceSettings
from rscodec.models.registry import ENHANCERS

RASTER_MODELS = ", ".join(row.name for row in ENHANCERS if row.takes == "raster")
DETAILS = ("strength", "max_change")


def by_choice(hidden: bool = False):
    """Adds --enhance and what goes with it, but for --seed, which goes with more. `hidden`: no enhancer ships, so only
    those who train one know of it.
    """
    model = click.option(
        "--enhance",
        metavar="NAME|FILE",
        hidden=hidden,
        help="Enhance red, green and blue by this model; the pixels are generated, and tags say so.",
    )
    force = click.option(
        "--force",
        is_flag=True,
        hidden=hidden,
        help="With --enhance: also with codec weights that the model was not measured with.",
    )
    return _adding((model, *_details("With --enhance: ", hidden), force), "enhance", (*DETAILS, "force"))


def always():
    """Adds --model and what goes with it."""
    model = click.option(
        "--model",
        metavar="NAME|FILE",
        required=True,
        help=f"What enhances: {RASTER_MODELS}, or the weights file of a model that takes rasters.",
    )
    return _adding((model, options.seed_option(), *_details("", False)), "model", ("seed", *DETAILS))


def _details(when: str, hidden: bool) -> tuple:
    return (
        click.option(
            "--strength",
            type=FiniteRange(0, 1),
            hidden=hidden,
            show_default="1",
            help=f"{when}How much of the change to apply; 0 is none, bit for bit.",
        ),
        click.option(
            "--max-change",
            type=FiniteRange(0),
            hidden=hidden,
            show_default="no limit",
            help=f"{when}Change no pixel by more, in units of the scene.",
        ),
    )


def _adding(added: tuple, model: str, others: tuple[str, ...]):
    """The options `added`, of which `model` names the enhancer, as one parameter `enhance`."""

    def add(command):
        @functools.wraps(command)
        def wrapped(*args, **given):
            details = {name: given.pop(name) for name in others}
            details = {name: value for name, value in details.items() if value is not None and value is not False}
            chosen = given.pop(model)
            if details and chosen is None:
                name = "--" + next(iter(details)).replace("_", "-")
                raise click.UsageError(f"{name} goes with --enhance")
            return command(*args, enhance=chosen and EnhanceSettings(chosen, **details), **given)

        for option in reversed(added):
            wrapped = option(wrapped)
        return wrapped

    return add
