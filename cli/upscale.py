"""`rscodec upscale`: increases the resolution of a scene."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.bitstreams.errors import TileDamaged
from rscodec.cli import options, paths
from rscodec.cli.output import note_guessed, note_lossy
from rscodec.cli.progress import progress
from rscodec.upsamplers.base import LARGEST_SCALE, UpscaleSettings

SCALE = options.FiniteRange(1, LARGEST_SCALE, min_open=True)


@click.command()
@click.argument("scene", type=paths.INPUT)
@paths.one_output
@click.option("--scale", type=SCALE, required=True, help="Factor by which width and height grow: any real number.")
@click.option(
    "--model",
    default="e2diff",
    show_default=True,
    metavar="NAME|FILE",
    help="The upsampler: e2diff for any scale, slimdiff (in one step) for 4 and 8, or a weights file.",
)
@options.seed_option(None)
@options.bands_option
@click.option("--weights", type=paths.PATH, help="Weights file for a compressed SCENE, instead of the packaged one.")
@options.format_option(options.BY_SUFFIX)
@options.creation_option
@options.device_option
@options.threads_option
@options.max_pixels_option
@options.overwrite_option
@options.quiet_option
@options.debug_option
def command(
    scene: str | Path,
    output: Path,
    scale: float,
    model: str,
    seed: int | None,
    driver: str | None,
    creation_options: tuple[tuple[str, str], ...],
    quiet: bool,
    **settings,
) -> None:
    """Upsample SCENE, a raster or a compressed file.

    Red, green and blue are generated, and tags say so; other bands are bicubic. Nodata, masks and georeference are
    kept.
    """
    settings |= {"driver": options.driver_for(output, driver), "creation_options": dict(creation_options)}
    run(scene, output, UpscaleSettings(model, scale, seed), quiet, **settings)


def run(scene: str | Path, output: Path, upscale: UpscaleSettings, quiet: bool, **settings) -> None:
    from rscodec.api import upscale_file

    with progress("upscale", quiet) as report:
        result = upscale_file(scene, output, upscale, progress=report, **settings)
    if not quiet:
        bands = ",".join(map(str, result.bands)) or "none"
        click.echo(f"{result.path}: {result.width} x {result.height}, bands {bands} generated, {result.seconds:.1f} s")
    note_guessed(scene, result)
    note_lossy(result)
    if result.tiles_bad:
        raise TileDamaged(f"{scene}: left empty in {output} because of damage: {result.lost}")
