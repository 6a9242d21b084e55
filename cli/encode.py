"""`rscodec encode`: encodes a scene to a file."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path

import click

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN, TILE_UNIT
from rscodec.cli import options
from rscodec.cli.output import print_json
from rscodec.cli.progress import bars
from rscodec.codec.base import MOST_EFFORT
from rscodec.concurrency.executors import LOCAL, executor_for
from rscodec.models.registry import CODECS

MASK_BPP = 2  # bits per pixel of an alpha band: no mask takes as many, even if it is noise


@click.command()
@click.argument("scene", type=options.INPUT)
@options.output_option
@click.option(
    "-q", "--quality", type=options.FiniteRange(1, 8), show_default="3", help="Quality from 1 to 8, continuous."
)
@click.option(
    "--bpp",
    type=options.FiniteRange(0, min_open=True),
    help="Target rate in bits per pixel; valid and invalid pixels count.",
)
@click.option(
    "--psnr",
    type=options.FiniteRange(0, min_open=True),
    help="Target PSNR in dB, over all valid pixels of all bands. Its peak is the range of the type "
    "(255 for uint8, 65535 for uint16 and int16), for floats that of the scene.",
)
@click.option(
    "--max-error",
    type=options.FiniteRange(0),
    metavar="E",
    help="Limit the error of every valid pixel to E, in units of the scene, on every machine. 0 is lossless, for "
    "integers only. Unless --quality is given, the quality that takes the fewest bytes is used.",
)
@click.option(
    "--effort",
    type=click.IntRange(0, MOST_EFFORT),
    default=0,
    show_default=True,
    help="Time to spend on saving bits; from 2 on, each level doubles it. It does not change decoding.",
)
@click.option(
    "--balance",
    is_flag=True,
    help="Weight errors by the variation of their band, for users who scale each band separately. Bands that vary "
    "little keep their detail; the others lose some, PSNR falls, and the same quality takes more bits.",
)
@click.option(
    "--model",
    type=click.Choice([row.name for row in CODECS if row.public]),
    default="s",
    show_default=True,
    help="The model of the codec.",
)
@options.weights_option
@click.option(
    "--tile",
    type=options.TileEdge(),
    default=512,
    show_default=True,
    help=f"Tile edge in pixels, a multiple of {TILE_UNIT}.",
)
@options.bands_option
@click.option("--nodata", type=float, help="Value of invalid pixels, if the scene does not name one; nan is allowed.")
@options.device_option
@options.threads_option
@click.option(
    "--stac",
    type=options.PATH,
    metavar="ITEM.json",
    help="Write a STAC item that describes the output, or update an existing one.",
)
@options.scheduler_option
@options.workers_option
@options.overwrite_option
@options.quiet_option
@options.json_option
@options.debug_option
def command(
    scene: str | Path,
    output: Path,
    quality: float | None,
    bpp: float | None,
    psnr: float | None,
    max_error: float | None,
    stac: Path | None,
    scheduler: str,
    workers: int,
    quiet: bool,
    as_json: bool,
    **settings,
) -> None:
    """Compress SCENE, any raster that GDAL reads, to a file.

    One of --quality, --bpp, --psnr and --max-error sets the operating point; only --max-error and --quality can be
    combined. Nodata, masks, alpha and all metadata are preserved exactly.
    """
    goal = operating_point(quality, bpp, psnr, max_error)

    if stac and stac.resolve() in (Path(scene).resolve(), output.resolve()):
        raise click.UsageError(f"--stac {stac} would replace the scene or the output; name another file")

    from rscodec.api import encode_file
    from rscodec.integrations.stac import read_item, write_item

    item = stac and read_item(stac)
    with bars(quiet) as bar, ExitStack() as stack:
        if (scheduler, workers) != (LOCAL, 1):
            settings["executor"] = stack.enter_context(executor_for(scheduler, workers))
        searching = bar("search", "tries") if quality is None and {*goal.values()} != {None} else None
        result = encode_file(
            scene, output, progress=bar("encode", "tiles"), search_progress=searching, **goal, **settings
        )
    for note in write_item(stac, item, output) if stac else ():
        click.echo(f"note: {note}", err=True)
    remarks = remark(result, bpp, psnr), balance_remark(result, settings["balance"]), alpha_remark(result, scene)
    for note in filter(None, remarks):
        click.echo(f"note: {note}", err=True)
    if as_json:
        print_json(result)
    elif not quiet:
        point = "fixed rate" if result.quality is None else f"quality {result.quality:g}"
        if result.psnr_db_estimated is not None:
            point += f", about {result.psnr_db_estimated:.2f} dB"
        click.echo(
            f"{result.path}: {result.bytes} bytes, {result.bpp:.4f} bpp, {point}, "
            f"{result.width} x {result.height} x {result.bands}, {result.seconds:.1f} s"
        )


def operating_point(quality: float | None, bpp: float | None, psnr: float | None, max_error: float | None) -> dict:
    """The arguments of the library that set the operating point."""
    if sum(goal is not None for goal in (quality, bpp, psnr)) > 1:
        raise click.UsageError("--quality, --bpp and --psnr exclude each other; give one of them")
    if max_error is not None and (bpp, psnr) != (None, None):
        raise click.UsageError("--max-error excludes --bpp and --psnr; give --quality with it, or none of them")
    return {"quality": quality, "bpp": bpp, "psnr": psnr, "max_error": max_error}


def remark(result, bpp: float | None, psnr: float | None) -> str | None:
    """The reason why the file misses its target, or None."""
    lowest, highest, missed = result.quality == QUALITY_MIN, result.quality == QUALITY_MAX, result.target_met is False
    if psnr is not None and missed:
        return f"the PSNR is out of reach for this scene; the highest quality has {result.psnr_db_estimated:.2f} dB"
    if psnr is not None and lowest:
        return f"{psnr:g} dB is less than the lowest quality has, {result.psnr_db_estimated:.2f} dB"
    if bpp is not None and missed and lowest:
        return f"{bpp:g} bpp is out of reach for this scene; this is the lowest quality"
    if bpp is not None and missed:
        return f"{bpp:g} bpp is missed, because the search encoded a sample of tiles only; give a slightly lower target"
    if bpp is not None and highest:
        return f"{bpp:g} bpp is more than the highest quality takes, {result.bpp:.4f} bpp"
    return None


def balance_remark(result, balance: bool) -> str | None:
    """A note that there was nothing to balance, or None."""
    if not balance or result.bands - len(result.alpha) > 1:
        return None
    return "--balance has no effect on a single band: it weighs bands against each other"


def alpha_remark(result, scene: str | Path) -> str | None:
    """Advice for a file that consists mostly of an alpha band that is not a mask, or None."""
    planes = result.sections.get("bytes_planes", 0)
    most = MASK_BPP * len(result.alpha) * result.width * result.height / 8
    if not result.alpha or planes <= max(most, result.bytes / 2):
        return None
    bands = ", ".join(map(str, result.alpha))
    roles = (word for band in result.alpha for word in (f"-colorinterp_{band}", "undefined"))
    edit = shlex.join(["gdal_edit.py", *roles, str(scene)])
    return (
        f"alpha (band {bands}) is kept exactly and takes {100 * planes / result.bytes:.0f} % of the file; "
        f"if it is a measurement, such as near infrared, run `{edit}` and encode it again"
    )
