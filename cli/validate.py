"""`rscodec validate`: compares two scenes in everything except measured pixels."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.bitstreams.errors import CheckError
from rscodec.cli import options, paths


@click.command()
@click.argument("scene", type=paths.INPUT)
@click.argument("other", type=paths.INPUT)
@options.quiet_option
@options.debug_option
def command(scene: str | Path, other: str | Path, quiet: bool) -> None:
    """Compare SCENE and OTHER in everything except measured pixels: size, bands, dtype, georeference, tags, alpha, and
    which pixels are nodata or masked.

    Each is a raster or a compressed file. Prints one line for each difference, and fails if there are any.
    """
    from rscodec.api import validate_files

    differences = validate_files(scene, other)
    for difference in differences:
        click.echo(difference)
    if differences:
        raise CheckError(f"{other} differs from {scene} in {len(differences)} place(s) besides its pixels")
    if not quiet:
        click.echo(
            f"{scene} and {other} are identical except for the pixels: size, bands, dtype, georeference, nodata, "
            "masks, alpha, colours, scales and tags were compared"
        )
