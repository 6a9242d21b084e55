"""`rscodec decode`: decodes a file to a scene, whole or a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from rscodec.bitstreams.errors import InputError, TileDamaged
from rscodec.cli import enhancing, options, paths
from rscodec.cli import upscale as upscale_scene
from rscodec.cli.output import note_guessed, note_lossy
from rscodec.cli.progress import progress
from rscodec.enhancers.base import EnhanceSettings
from rscodec.models.registry import ENHANCERS, UPSAMPLERS
from rscodec.models.weights import ships
from rscodec.upsamplers.base import UpscaleSettings

ENHANCED = any(row.takes == "stream" and ships(row) for row in ENHANCERS)
UPSCALED = any(map(ships, UPSAMPLERS))
GENERATED = " or ".join(name for name, offered in (("--enhance", ENHANCED), ("--upscale", UPSCALED)) if offered)


@click.command()
@click.argument("stream", type=paths.INPUT)
@paths.one_output
@click.option(
    "-srcwin",
    "--window",
    type=int,
    nargs=4,
    metavar="COL ROW WIDTH HEIGHT",
    help="Decode only these pixels, and read only the tiles that they need. Commas may separate the numbers.",
)
@click.option(
    "-projwin",
    "--projwin",
    type=float,
    nargs=4,
    metavar="ULX ULY LRX LRY",
    help="Decode only the pixels between two corners, which are given in the CRS of the scene.",
)
@click.option(
    "--preview",
    type=click.IntRange(min=1),
    metavar="N",
    help="Write a small picture: the scene divided by 2, 4, 8, ..., so that its longest side is nearest to N pixels. "
    "From 4 on it is faster than decoding the scene. A PNG shows scenes of any type and number of bands.",
)
@click.option(
    "--stretch",
    type=options.Stretch(),
    metavar="LOW,HIGH|none",
    show_default="2,98 for PNG, none otherwise",
    help="With --preview: write one or three bands in 8 bits, stretched between two percentiles, with transparent "
    "nodata.",
)
@options.bands_option
@options.format_option(options.BY_SUFFIX)
@options.creation_option
@click.option(
    "--on-error",
    type=click.Choice(["stop", "nodata"]),
    default="stop",
    show_default=True,
    help="At a damaged tile: stop, or leave it empty (nodata, NaN or masked) and continue; the exit code is then 4.",
)
@enhancing.by_choice(hidden=not ENHANCED)
@click.option(
    "--upscale",
    type=upscale_scene.SCALE,
    metavar="SCALE",
    hidden=not UPSCALED,
    help="Upsample the decoded pixels, as `rscodec upscale --scale` does; --window is in pixels before upsampling.",
)
@options.seed_option(None, f"With {GENERATED}: ", hidden=not GENERATED)
@options.weights_option
@options.device_option
@options.threads_option
@options.max_pixels_option
@options.overwrite_option
@options.quiet_option
@options.debug_option
def command(
    stream: str | Path,
    output: Path,
    driver: str | None,
    creation_options: tuple[tuple[str, str], ...],
    quiet: bool,
    preview: int | None,
    stretch: tuple[float, ...] | None,
    window: tuple[int, int, int, int] | None,
    projwin: tuple[float, float, float, float] | None,
    enhance: EnhanceSettings | None,
    upscale: float | None,
    seed: int | None,
    **settings,
) -> None:
    """Reconstruct the scene that STREAM holds: a file, a URL, or `-` for standard input."""
    if window and projwin:
        raise click.UsageError("--window and --projwin exclude each other; give one of them")
    for name, given in (("--window", window), ("--projwin", projwin), ("--enhance", enhance), ("--upscale", upscale)):
        if preview and given:
            raise click.UsageError(f"--preview shows the whole scene; omit {name}")
    if stretch is not None and not preview:
        raise click.UsageError("--stretch needs --preview")
    if upscale and enhance:
        raise click.UsageError("--upscale generates pixels, too; omit --enhance")
    if seed is not None and not (upscale or enhance):
        raise click.UsageError(f"--seed needs {GENERATED}")
    enhance = enhance and replace(enhance, seed=seed or 0)

    from rscodec.api import decode_file, preview_file
    from rscodec.raster.quicklook import DEFAULT_STRETCH

    if projwin:
        window = window_between(stream, *projwin)
    settings |= {"driver": options.driver_for(output, driver), "creation_options": dict(creation_options)}
    if upscale:
        larger = UpscaleSettings("e2diff", upscale, seed)
        upscale_scene.run(stream, output, larger, quiet, window=window, **settings)
        return
    if preview:
        stretch = DEFAULT_STRETCH if stretch is None and settings["driver"] == "PNG" else stretch
        result = preview_file(stream, output, preview, stretch=stretch or None, **settings)
    else:
        with progress("decode", quiet) as report:
            result = decode_file(stream, output, window=window, enhance=enhance, progress=report, **settings)
    if not quiet:
        changed = f"bands enhanced: {', '.join(map(str, result.enhanced)) or 'none'}; " if enhance else ""
        click.echo(f"{result.path}: {result.width} x {result.height} x {result.bands}, {changed}{result.seconds:.1f} s")
    note_guessed(stream, result)
    note_lossy(result)
    if result.tiles_bad:
        raise TileDamaged(f"{stream}: left empty in {output} because of damage: {result.lost}")


def window_between(
    stream: str | Path, left: float, top: float, right: float, bottom: float
) -> tuple[int, int, int, int]:
    """The window between two corners of a stream."""
    from rscodec.api import open as open_scene
    from rscodec.raster.window import Window

    with open_scene(stream) as scene:
        window = scene.window(left, bottom, right, top)
        if window.overlap(Window(0, 0, scene.width, scene.height)) != window:
            west, south, east, north = scene.bounds
            given, covered = (
                " ".join(f"{number:.12g}" for number in numbers)
                for numbers in ((left, top, right, bottom), (west, north, east, south))
            )
            raise InputError(f"--projwin {given} is not inside {stream}, which covers {covered}, in units of its CRS")
        return window
