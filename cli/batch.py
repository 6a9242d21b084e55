"""`rscodec batch`: encodes or decodes many scenes, on this machine or on many."""

from __future__ import annotations

import click

from rscodec.bitstreams.errors import BatchFailed
from rscodec.cli import decode as decode_one
from rscodec.cli import encode as encode_one
from rscodec.cli import options, paths
from rscodec.cli.output import print_json
from rscodec.cli.progress import bars
from rscodec.cli.spelling import spelled

ENCODE = (
    "quality",
    "bpp",
    "psnr",
    "max_error",
    "lossless",
    "effort",
    "balance",
    "model",
    "weights",
    "tile",
    "bands",
    "nodata",
    "device",
    "debug",
)
DECODE = ("bands", "creation_options", "on_error", "weights", "device", "max_pixels", "debug")


def settings_of(command: click.Command, names: tuple[str, ...]) -> list[click.Parameter]:
    """Those options of the command for one scene that mean the same for many."""
    return [param for param in command.params if param.name in names]


inputs_argument = click.argument("inputs", nargs=-1, required=True)
out_option = click.option(
    "--out", type=paths.PATH, required=True, metavar="DEST", help="Folder for the outputs and the report."
)
encode_asset_option = click.option(
    "--asset",
    metavar="KEY",
    help="Asset to use from STAC items. Default: the asset with the role data that is not a stream.",
)
decode_asset_option = click.option(
    "--asset",
    metavar="KEY",
    help="Asset to use from STAC items. Default: the asset with the role data that is a stream.",
)
resume_option = click.option(
    "--resume", is_flag=True, help="Resume: keep outputs that the report in DEST lists as done."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@options.debug_option
def command() -> None:
    """Encode or decode many scenes, in one process, in several, or on many machines.

    INPUTS are files, folders, URLs, quoted patterns such as "2024/**/*.tif", a .txt list of these, or a .json file with
    a STAC item or item collection. DEST receives an output for each scene, and a report with a row for each.
    """


@command.command(params=settings_of(encode_one.command, ENCODE))
@inputs_argument
@out_option
@encode_asset_option
@options.scheduler_option
@options.workers_option
@resume_option
@overwrite_option
@options.quiet_option
@options.json_option
def encode(
    inputs: tuple[str, ...],
    quality: float | None,
    bpp: float | None,
    psnr: float | None,
    max_error: float | None,
    lossless: bool,
    **settings,
) -> None:
    """Compress each of INPUTS to a .bin file with its name. The settings are those of `rscodec encode`."""
    run("encode", inputs, settings | encode_one.operating_point(quality, bpp, psnr, max_error, lossless))


@command.command(params=settings_of(decode_one.command, DECODE))
@inputs_argument
@out_option
@decode_asset_option
@options.format_option("GTiff")
@options.scheduler_option
@options.workers_option
@resume_option
@overwrite_option
@options.quiet_option
@options.json_option
def decode(inputs: tuple[str, ...], driver: str | None, creation_options: tuple, **settings) -> None:
    """Reconstruct the scenes of INPUTS. The settings are those of `rscodec decode`."""
    run("decode", inputs, settings | {"driver": driver or "GTiff", "creation_options": dict(creation_options)})


def run(verb: str, inputs: tuple[str, ...], settings: dict) -> None:
    from rscodec.batch import run as batch
    from rscodec.batch.inputs import find_inputs
    from rscodec.concurrency.executors import executor_for

    out, asset, scheduler, workers, resume, overwrite, quiet, as_json = (
        settings.pop(name)
        for name in ("out", "asset", "scheduler", "workers", "resume", "overwrite", "quiet", "as_json")
    )
    found = find_inputs(inputs, asset, streams=verb == "decode")
    with executor_for(scheduler, workers) as executor, bars(quiet) as bar:
        rows = batch.run(
            batch.Work(verb, settings),
            found,
            out,
            executor,
            resume=resume,
            overwrite=overwrite,
            progress=bar(verb, "scenes"),
        )
    if as_json:
        print_json(rows)
    failed = [row for row in rows if row.status == batch.FAILED]
    command = click.get_current_context().command
    for row in failed:
        where = "" if row.input in row.message else f"{row.input}: "
        click.echo(f"failed ({row.exit_code}): {where}{spelled(row.message, command)}", err=True)
    if not quiet and not as_json:
        kept = sum(row.status == batch.KEPT for row in rows)
        click.echo(
            f"{out}: {len(rows) - len(failed) - kept} done, {kept} kept, {len(failed)} failed, "
            f"{sum(row.bytes for row in rows)} bytes"
        )
    if failed:
        raise BatchFailed(
            f"{len(failed)} of {len(rows)} scenes failed; {verb}-report.csv in {out} lists them",
            {row.exit_code for row in failed},
        )
