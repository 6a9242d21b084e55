"""`rscodec verify`: decodes a whole file and checks it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from rscodec.bitstreams.errors import CheckError
from rscodec.cli import options, paths
from rscodec.cli.output import print_json, print_table
from rscodec.cli.progress import progress


@click.command()
@click.argument("stream", type=paths.INPUT)
@click.option(
    "--against",
    type=paths.INPUT,
    multiple=True,
    metavar="SCENE",
    help="Compare with the scene that the file was made from. Repeat it for a scene of several files.",
)
@options.against_bands_option
@options.weights_option
@options.device_option
@options.threads_option
@options.quiet_option
@options.json_option
@options.debug_option
def command(
    stream: str | Path,
    against: tuple[str | Path, ...],
    bands: tuple[int, ...] | None,
    quiet: bool,
    as_json: bool,
    **settings,
) -> None:
    """Decode all of STREAM, print its checksums, and fail unless every tile is sound.

    With --against, also print PSNR with its peak, and RMSE and the largest error in the units of the scene, over all
    valid pixels. Nodata and metadata must then be identical.
    """
    if bands and not against:
        raise click.UsageError("--bands selects bands of the scene to compare with; give --against, too")

    from rscodec.api import verify_file

    with progress("verify", quiet) as report:
        scene = (against[0] if len(against) == 1 else against) or None
        result = verify_file(stream, scene, bands=bands, progress=report, **settings)
    if as_json:
        print_json(result)
    elif not quiet:
        print_table(
            (field.name, text(field.name, getattr(result, field.name)))
            for field in dataclasses.fields(result)
            if field.name not in ("lost", "metadata_differences")
        )
    if not result.ok:
        raise CheckError(f"{stream}: {'; '.join(faults(result))}")


def text(name: str, value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_crc32"):
        return f"{value:08x}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value)


def faults(result) -> list[str]:
    """The reasons why `ok` is false."""
    found = []
    if result.tiles_bad:
        found.append(f"{result.tiles_bad} of {result.tiles} tiles are damaged: {result.lost}")
    if result.bound_kept is False:
        found.append(f"a pixel is off by {result.max_abs_error:g}, above the bound of {result.max_error_bound:g}")
    if result.nodata_exact is False:
        found.append("nodata differs from the scene")
    if result.metadata_exact is False:
        found.append(f"metadata differs: {'; '.join(result.metadata_differences)}")
    return found
