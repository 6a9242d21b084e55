"""The options for enhancing, which a command receives as one parameter `enhance`."""

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
    """Add --enhance and its options, except for --seed, which other options also use. `hidden`: omit them from the
    help, because no enhancer ships. They still work with an enhancer that the user trained.
    """
    model = click.option(
        "--enhance",
        metavar="NAME|FILE",
        hidden=hidden,
        help="Enhance red, green and blue with this model, such as ldm; the pixels are generated, and tags say so.",
    )
    force = click.option(
        "--force",
        is_flag=True,
        hidden=hidden,
        help="With --enhance: accept codec weights that the model was not measured with.",
    )
    return _adding((model, *_details("With --enhance: ", hidden), force), "enhance", (*DETAILS, "force"))


def always():
    """Add --model and its options."""
    model = click.option(
        "--model",
        metavar="NAME|FILE",
        required=True,
        help=f"The enhancer: {RASTER_MODELS}, or the weights file of a model that takes rasters.",
    )
    return _adding((model, options.seed_option(), *_details("", False)), "model", ("seed", *DETAILS))


def _details(when: str, hidden: bool) -> tuple:
    return (
        click.option(
            "--strength",
            type=FiniteRange(0, 1),
            hidden=hidden,
            show_default="1",
            help=f"{when}How much of the change to apply; 0 changes nothing.",
        ),
        click.option(
            "--max-change",
            type=FiniteRange(0),
            hidden=hidden,
            show_default="no limit",
            help=f"{when}The largest change of a pixel, in units of the scene.",
        ),
    )


def _adding(added: tuple, model: str, others: tuple[str, ...]):
    """Add the options `added`, of which `model` names the enhancer, as one parameter `enhance`."""

    def add(command):
        @functools.wraps(command)
        def wrapped(*args, **given):
            details = {name: given.pop(name) for name in others}
            details = {name: value for name, value in details.items() if value is not None and value is not False}
            chosen = given.pop(model)
            if details and chosen is None:
                name = "--" + next(iter(details)).replace("_", "-")
                raise click.UsageError(f"{name} needs --enhance")
            return command(*args, enhance=chosen and EnhanceSettings(chosen, **details), **given)

        for option in reversed(added):
            wrapped = option(wrapped)
        return wrapped

    return add
