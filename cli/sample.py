"""`rscodec sample`: writes a synthetic Earth scene, for demos and tests."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.bitstreams.wire import DTYPES
from rscodec.cli import options, paths


@click.command()
@paths.one_output
@click.option("--size", type=click.IntRange(min=1), default=1024, show_default=True, help="Edge in pixels.")
@click.option("--bands", type=click.IntRange(1, MAX_BANDS), default=3, show_default=True, help="How many bands.")
@click.option(
    "--dtype", type=click.Choice(list(DTYPES.values())), default="uint8", show_default=True, help="Type of the pixels."
)
@click.option("--nodata", type=float, help="Surround the scene with a collar of this value; nan is allowed.")
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Seed of the scene.")
@options.overwrite_option
@options.quiet_option
@options.debug_option
def command(
    output: Path, size: int, bands: int, dtype: str, nodata: float | None, seed: int, overwrite: bool, quiet: bool
) -> None:
    """Write a synthetic image with terrain, water, fields, roads and roofs.

    The same options give the same scene.
    """
    from rscodec.raster.scene import Scene
    from rscodec.synthetic.sample import synthesize

    pixels, metadata = synthesize(size, bands, dtype, nodata, seed)
    Scene(pixels, metadata=metadata).save(output, overwrite=overwrite)
    if not quiet:
        click.echo(f"{output}: {size} x {size} x {bands} {dtype}")
