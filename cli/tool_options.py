"""Options that scripts of tools/ share: those of all trainers, and those of all scripts that export weights."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import click

from rscodec.training.manifest import Export
from rscodec.training.run import RunSettings

EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(path_type=Path)


def gathered(name: str, kind: type) -> Callable:
    """Gather the options that are named like the fields of the dataclass `kind`, and pass them to the command as one
    argument `name` of that class.
    """

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def with_one_argument(**given):
            own = {field.name: given.pop(field.name) for field in fields(kind)}
            return command(**{name: kind(**own)}, **given)

        return with_one_argument

    return decorate


def run_options(
    *,
    decay: int = 8000,
    rate: float = 5e-4,
    batch: int = 16,
    shard: str = "A shard from tools/pack_data.py.",
    start: str = "average.pt to start from.",
) -> Callable:
    """The options of every trainer, which receives them as `settings`, a RunSettings."""
    return _options(
        click.option("--shard", type=EXISTING, required=True, help=shard),
        click.option("--run", type=FOLDER, required=True, help="Folder of this run."),
        click.option("--start", type=EXISTING, help=start),
        click.option("--steps", default=20000, show_default=True),
        click.option(
            "--decay", default=decay, show_default=True, help="Steps at the end over which the learning rate falls."
        ),
        click.option("--rate", default=rate, show_default=True, help="Learning rate."),
        click.option("--batch", default=batch, show_default=True, help="Crops in a batch."),
        click.option("--average", default=0.999, show_default=True, help="Decay of the moving average."),
        click.option("--device", default=_device, show_default="cuda if there is one, else cpu"),
        click.option("--threads", type=int, help="CPU threads."),
        click.option("--minutes", type=float, help="Stop and save after this many minutes."),
        click.option("--seed", default=0, show_default=True),
        gathered("settings", RunSettings),
    )


def export_options() -> Callable:
    """The options of every script that exports weights, which receives them as `export`, an Export."""
    return _options(
        click.option("--run", type=EXISTING, required=True, help="Folder with average.pt."),
        click.option("--model", required=True, help="Name of the weights, as in the registry."),
        click.option("--out", type=FOLDER, default=Path("rscodec/weights"), show_default=True),
        click.option("--overwrite", is_flag=True),
        gathered("export", Export),
    )


def _options(*decorators: Callable) -> Callable:
    return lambda command: functools.reduce(lambda made, decorate: decorate(made), reversed(decorators), command)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
