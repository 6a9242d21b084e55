"""`rscodec encode`: a scene into a file."""

from __future__ import annotations

from pathlib import Path

import click

from bitstreams.limits import TILE_UNIT
from cli import options
from cli.output import print_json
from cli.progress import progress
from rscodec.registry import CODECS

DEFAULT_QUALITY = 3.0


@click.command()
@click.argument("scene", type=options.PATH)
@options.output_option
@click.option("-q", "--quality", type=options.FiniteRange(1, 8), show_default="3",
              help="Quality, continuous.")
@click.option("--bpp", type=options.FiniteRange(0, min_open=True), help="Aim at so many bits per pixel.")
@click.option("--psnr", type=options.FiniteRange(0, min_open=True), help="Aim at such a PSNR in dB.")
@click.option("--model", type=click.Choice([row.name for row in CODECS if row.public]), default="s",
              show_default=True, help="The codec.")
@options.weights_option
@click.option("--tile", type=options.TileEdge(), default=512, show_default=True,
              help=f"Tile edge in pixels, a multiple of {TILE_UNIT}.")
@options.bands_option
@click.option("--nodata", type=float, help="Value of invalid pixels, if the scene does not say; nan too.")
@options.device_option
@options.threads_option
@options.overwrite_option
@options.quiet_option
@options.json_option
@options.debug_option
def command(scene: Path, output: Path, quality: float | None, bpp: float | None, psnr: float | None,
            quiet: bool, as_json: bool, **settings) -> None:
    """Compress SCENE, any raster that GDAL reads, into a file.

    One of --quality, --bpp and --psnr sets the operating point. Nodata, masks, alpha and all metadata are
    kept exactly.
    """
    if sum(goal is not None for goal in (quality, bpp, psnr)) > 1:
        raise click.UsageError("--quality, --bpp and --psnr exclude each other")

    from rscodec.api import encode_file

    with progress("encode", quiet) as report:
        result = encode_file(scene, output, quality=DEFAULT_QUALITY if quality is None else quality, bpp=bpp,
                             psnr=psnr, progress=report, **settings)
    if bpp is not None and result.bpp > bpp:
        click.echo(f"note: {bpp:g} bpp is out of reach for this scene; this is the lowest quality", err=True)
    if as_json:
        print_json(result)
    elif not quiet:
        goal = "fixed rate" if result.quality is None else f"quality {result.quality:g}"
        click.echo(f"{result.path}: {result.bytes} bytes, {result.bpp:.4f} bpp, {goal}, "
                   f"{result.width} x {result.height} x {result.bands}, {result.seconds:.1f} s")
