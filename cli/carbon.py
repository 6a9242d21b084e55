"""`rscodec carbon`: forest carbon from imagery."""

from __future__ import annotations

from pathlib import Path

import click

from cli import options
from cli.output import print_json


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


@command.command()
@click.argument("image", type=options.PATH)
@click.option("--stands", type=options.PATH, required=True, help="The inventory: GeoPackage, GeoJSON, shapefile ...")
@click.option("--heights", type=options.PATH, required=True, help="A raster of canopy heights.")
@click.option("--volume", default="volume_m3_ha", show_default=True, help="The inventory's column with m3/ha.")
@click.option("-o", "--output", type=options.PATH, required=True, help="The folder to write.")
@options.overwrite_option
@options.quiet_option
@options.json_option
@options.debug_option
def prepare(image: Path, stands: Path, heights: Path, volume: str, output: Path, overwrite: bool, quiet: bool,
            as_json: bool) -> None:
    """Spread the timber of an inventory over the pixels of IMAGE, as carbon: density.tif (Mg/ha) and mask.tif.

    Inventory and canopy heights may be in any CRS; both come onto the pixels of IMAGE. What is left out is said.
    """
    from rscodec.carbon import prepare as preparing

    made = preparing.prepare(image, stands, heights, volume)
    preparing.write(made, output, overwrite)
    if as_json:
        print_json({"stands": made.stands, "pixels": int(made.mask.sum()), "notes": made.notes})
    elif not quiet:
        click.echo(f"{output}: carbon of {made.stands} stands in {int(made.mask.sum())} pixels")
        for note in made.notes:
            click.echo(note)
