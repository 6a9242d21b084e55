"""`rscodec enhance`: enhances an image that another codec compressed."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.bitstreams.errors import InputError
from rscodec.cli import enhancing, options, paths
from rscodec.cli.output import note_guessed, note_lossy
from rscodec.cli.progress import progress
from rscodec.enhancers.base import EnhanceSettings


@click.command()
@click.argument("image", type=paths.PATH)
@paths.one_output
@enhancing.always()
@options.bands_option
@options.format_option(options.BY_SUFFIX)
@options.creation_option
@options.device_option
@options.threads_option
@options.overwrite_option
@options.quiet_option
@options.debug_option
def command(
    image: Path,
    output: Path,
    enhance: EnhanceSettings,
    driver: str | None,
    creation_options: tuple[tuple[str, str], ...],
    quiet: bool,
    **settings,
) -> None:
    """Enhance red, green and blue of IMAGE, which another codec compressed, such as JPEG2000.

    The enhanced pixels are generated, and tags of the output say so. Other bands, nodata and metadata are copied.
    """
    from rscodec.api import enhance_file
    from rscodec.raster.reader import is_stream

    if is_stream(image):
        raise InputError(f"{image} is a compressed file of rscodec; `rscodec decode --enhance` enhances it")

    settings |= {"driver": options.driver_for(output, driver), "creation_options": dict(creation_options)}
    with progress("enhance", quiet) as report:
        result = enhance_file(image, output, enhance, progress=report, **settings)
    note_guessed(image, result)
    note_lossy(result)
    if not quiet:
        bands = ", ".join(map(str, result.bands)) or "none"
        click.echo(f"{result.path}: {result.width} x {result.height}, bands enhanced: {bands}; {result.seconds:.1f} s")
