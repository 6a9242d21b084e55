"""`rscodec encode`: encodes a scene to a file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from rscodec.bitstreams.limits import TILE_UNIT
from rscodec.cli import options, paths
from rscodec.cli.encode_notes import bound_remark, error_summary, remarks, summary
from rscodec.cli.output import print_json
from rscodec.cli.progress import bars
from rscodec.codec.base import MOST_EFFORT
from rscodec.concurrency.executors import LOCAL, executor_for
from rscodec.models.registry import CODECS, DEFAULT_CODEC


@click.command()
@click.argument("scenes", nargs=-1, required=True, type=click.Path(), metavar="SCENE... OUTPUT")
@paths.output_option
@click.option(
    "-q", "--quality", type=options.FiniteRange(1, 8), show_default="3", help="Quality from 1 to 8, in steps of 1/32."
)
@click.option(
    "--bpp",
    type=options.FiniteRange(0, min_open=True),
    help="Highest rate in bits per pixel; valid and invalid pixels count.",
)
@click.option(
    "--psnr",
    type=options.FiniteRange(0, min_open=True),
    help="Lowest PSNR in dB, over all valid pixels of all bands. Its peak is 255 for uint8 and 65535 for uint16 and "
    "int16. For floats, it is the range of the values of the scene.",
)
@click.option(
    "--max-error",
    type=options.FiniteRange(0),
    metavar="E",
    help="Limit the error of every valid pixel to E, in units of the scene, on every machine. 0 is lossless, for "
    "integers only. Unless --quality is given, the quality that takes the fewest bytes is used.",
)
@click.option("--lossless", is_flag=True, help="The same as --max-error 0.")
@click.option(
    "--effort",
    type=click.IntRange(0, MOST_EFFORT),
    default=0,
    show_default=True,
    help="Search for latents that take fewer bits. Level 1 takes several times as long as level 0, and each further "
    "level twice as long. Levels from 1 need the extra `enhance`. Decoding stays as fast.",
)
@click.option(
    "--balance",
    is_flag=True,
    help="Give errors more weight in bands that vary less, for users who scale each band separately. Bands that vary "
    "little keep their detail; the others lose some, PSNR falls, and the same quality takes more bits.",
)
@click.option(
    "--model",
    type=click.Choice([row.name for row in CODECS if row.public]),
    default=DEFAULT_CODEC,
    show_default=True,
    help="The model of the codec: `m` takes the fewest bits, `s` the least time. `elic` is CompressAI's; it needs "
    "--weights and the extra `elic`.",
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
@click.option(
    "-a_nodata",
    "--nodata",
    type=float,
    help="Value of invalid pixels; replaces the one that the scene names. nan is allowed.",
)
@options.device_option
@options.threads_option
@click.option(
    "--stac",
    type=paths.PATH,
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
    scenes: tuple[str, ...],
    output: Path | None,
    quality: float | None,
    bpp: float | None,
    psnr: float | None,
    max_error: float | None,
    lossless: bool,
    stac: Path | None,
    scheduler: str,
    workers: int,
    quiet: bool,
    as_json: bool,
    **settings,
) -> None:
    """Compress SCENE, any raster that GDAL reads, to a file. Several files are the bands of one scene.

    One of --quality, --bpp, --psnr and --max-error chooses between size and error; only --max-error and --quality can
    be combined. Nodata, masks, alpha and all metadata are preserved exactly. SCENE and OUTPUT may be `-`, for standard
    input and output.
    """
    goal = operating_point(quality, bpp, psnr, max_error, lossless)
    scene, output = scene_and_output(scenes, output)
    check_stac(stac, scene, output)
    streamed = str(output) == paths.STANDARD
    if streamed and as_json:
        raise click.UsageError("--json prints to standard output, where the file goes; omit it, or name a file")

    from rscodec.api import encode_file
    from rscodec.integrations.stac import read_item, write_item

    item = stac and read_item(stac)
    with paths.standard_output(output) as target, bars(quiet) as bar, ExitStack() as stack:
        if (scheduler, workers) != (LOCAL, 1):
            settings["executor"] = stack.enter_context(executor_for(scheduler, workers))
        searching = bar("search", "tries") if quality is None and {*goal.values()} != {None} else None
        result = encode_file(
            scene, target, progress=bar("encode", "tiles"), search_progress=searching, **goal, **settings
        )
        measured = None if quiet or as_json or paths.is_pipe(scene) else measure(target, scene, settings)
    notes = [*(write_item(stac, item, output) if stac else ()), *remarks(result, scene, output, goal, settings)]
    if measured and goal["max_error"] is None:
        notes.append(bound_remark(result, measured))
    for note in filter(None, notes):
        click.echo(f"note: {note}", err=True)
    if as_json:
        print_json(result)
    elif not quiet:
        click.echo(summary(result, "standard output" if streamed else result.path), err=streamed)
        if measured:
            click.echo(error_summary(result, measured), err=streamed)


def scene_and_output(arguments: tuple[str, ...], output: Path | None) -> tuple[str | Path | tuple, Path]:
    """The scene, which is one file or several, and the output: that of -o, or the last argument."""
    names = list(arguments)
    if output is None:
        from rscodec.raster.reader import is_stream

        output = paths.check_output(Path(names.pop()) if len(names) > 1 else None)
        if output.is_file() and not is_stream(output):
            raise click.UsageError(f"{output} exists and is not a compressed file; to replace it, give it with -o")
    context = click.get_current_context()
    found = tuple(paths.INPUT.convert(name, None, context) for name in names)
    return found[0] if len(found) == 1 else found, output


def check_stac(stac: Path | None, scene: str | Path | tuple, output: Path) -> None:
    """Raise a usage error if the STAC item would replace another file, or if there is no file to describe."""
    files = [*(scene if isinstance(scene, tuple) else [scene]), output]
    if stac and stac.resolve() in [Path(file).resolve() for file in files]:
        raise click.UsageError(f"--stac {stac} would replace the scene or the output; name another file")
    if stac and str(output) == paths.STANDARD:
        raise click.UsageError("--stac describes a file; name one instead of standard output")


def measure(stream: Path, scene: str | Path | tuple, settings: dict):
    """The error of the stream on a sample of its tiles."""
    from rscodec.api import sample_error

    names = ("bands", "nodata", "weights", "device", "threads")
    return sample_error(stream, scene, **{name: settings[name] for name in names})


def operating_point(
    quality: float | None, bpp: float | None, psnr: float | None, max_error: float | None, lossless: bool = False
) -> dict:
    """The arguments of the library that set the operating point."""
    if lossless and max_error:
        raise click.UsageError("--lossless is --max-error 0; give one of them")
    max_error = 0.0 if lossless else max_error
    if sum(goal is not None for goal in (quality, bpp, psnr)) > 1:
        raise click.UsageError("--quality, --bpp and --psnr exclude each other; give one of them")
    if max_error is not None and (bpp, psnr) != (None, None):
        raise click.UsageError("--max-error excludes --bpp and --psnr; give --quality with it, or none of them")
    return {"quality": quality, "bpp": bpp, "psnr": psnr, "max_error": max_error}
