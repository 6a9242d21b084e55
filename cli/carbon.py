"""`rscodec carbon`: forest carbon from imagery."""

from __future__ import annotations

from pathlib import Path

import click

from cli import options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@options.debug_option
def command() -> None:
    """Map forest carbon from imagery, an inventory and canopy heights."""


@command.command()
@click.option("-o", "--output", type=options.PATH, required=True, help="The folder to write.")
@click.option("--size", type=click.IntRange(64, 4096), default=1024, show_default=True, help="Edge in pixels of 16 m.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Which county.")
@options.overwrite_option
@options.quiet_option
@options.debug_option
def simulate(output: Path, size: int, seed: int, overwrite: bool, quiet: bool) -> None:
    """Make a county that never existed: imagery, canopy height, relief, climate, an inventory.

    The same options give the same county.
    """
    from rscodec.carbon import county

    made = county.simulate(size, seed)
    county.write(made, output, {"size": size, "seed": seed}, overwrite)
    if not quiet:
        click.echo(f"{output}: {size} x {size} pixels of 16 m, {len(made.volume) - 1} stands of forest, simulated")
