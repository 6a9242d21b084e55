"""Options that several commands share, and their value types."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import click

from rscodec.bitstreams.limits import MAX_PIXELS_IN_FILE, MAX_TILE, TILE_UNIT
from rscodec.cli import paths
from rscodec.concurrency.executors import LOCAL

SUFFIXES = {"GTiff": (".tif", ".tiff"), "COG": (".tif", ".tiff"), "PNG": (".png",)}
BY_SUFFIX = "PNG for .png, GTiff otherwise"
FORMATS = {".png": "PNG", ".jpg": None, ".jpeg": None, ".jp2": None, ".webp": None}  # None: not written


@dataclass
class Session:
    """The state of one run of `rscodec`."""

    debug: bool = False
    command: click.Command | None = None  # the command that runs


class FiniteRange(click.FloatRange):
    """A float within bounds. nan and infinity are refused."""

    def convert(self, value, param, ctx) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class BandList(click.ParamType):
    """Bands, counted from 1 as in GDAL: `4,3,2`, `1-3`, `1-3,8`."""

    name = "bands"

    def convert(self, value, param, ctx) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        bands: list[int] = []
        try:
            for part in value.split(","):
                first, dash, last = part.partition("-")
                bands += range(int(first), int(last if dash else first) + 1)
        except ValueError:
            bands = []
        if not bands or min(bands) < 1 or len(set(bands)) != len(bands):
            self.fail(f"{value!r} is not a list of distinct bands, such as 1,2,3 or 1-3", param, ctx)
        return tuple(bands)


class Stretch(click.ParamType):
    """Two percentiles, such as `2,98`, or `none`."""

    name = "stretch"

    def convert(self, value, param, ctx) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            found = () if value == "none" else tuple(map(float, value.split(",")))
        except ValueError:
            found = (math.nan,)
        if found and not (len(found) == 2 and 0 <= found[0] < found[1] <= 100):
            self.fail(f"{value!r} is not two percentiles, such as 2,98, or none", param, ctx)
        return found


class TileEdge(click.IntRange):
    """A tile edge in pixels: a multiple of the unit in which the stream stores it."""

    def __init__(self) -> None:
        super().__init__(TILE_UNIT, MAX_TILE)

    def convert(self, value, param, ctx) -> int:
        edge = super().convert(value, param, ctx)
        if edge % TILE_UNIT:
            self.fail(f"{edge} is not a multiple of {TILE_UNIT}", param, ctx)
        return edge


class CreationOption(click.ParamType):
    """A creation option of a driver, such as `COMPRESS=DEFLATE`."""

    name = "k=v"

    def convert(self, value, param, ctx) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, setting = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is not NAME=VALUE, such as COMPRESS=DEFLATE", param, ctx)
        return key.upper(), setting


def remember(ctx: click.Context, _param: click.Parameter, debug: bool) -> None:
    """Remember the command and --debug. Click parses a group before its command, so the command that runs is last."""
    session = ctx.ensure_object(Session)
    session.command = ctx.command
    if debug:
        session.debug = True
        library = logging.getLogger("rscodec")
        library.setLevel(logging.DEBUG)
        if not library.handlers:
            library.addHandler(logging.StreamHandler())


def joined(ctx: click.Context, param: click.Parameter, given: tuple[tuple[int, ...], ...]) -> tuple[int, ...] | None:
    """The bands of all --bands together, or None."""
    bands = tuple(band for some in given for band in some)
    if len(set(bands)) != len(bands):
        raise click.BadParameter(f"{','.join(map(str, bands))} names a band twice", ctx, param)
    return bands or None


def _bands(words: str):
    return click.option(
        "-b", "--bands", type=BandList(), multiple=True, callback=joined, show_default="all", help=words
    )


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=remember,
    help="Show the traceback of an error.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
bands_option = _bands("Bands to take, counted from 1: 4,3,2 or 1-3. May be repeated.")
against_bands_option = _bands("With --against: the bands of SCENE that were encoded, such as 4,3,2.")
weights_option = click.option("--weights", type=paths.PATH, help="Weights file, instead of the packaged one.")
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where the networks run."
)
threads_option = click.option("--threads", type=click.IntRange(min=1), show_default="all cores", help="CPU threads.")
max_pixels_option = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=MAX_PIXELS_IN_FILE,
    show_default=True,
    metavar="N",
    help="Refuse to write more than N pixels (width x height x bands).",
)
creation_option = click.option(
    "-co",
    "--co",
    "creation_options",
    type=CreationOption(),
    multiple=True,
    help="Creation option of the format, such as COMPRESS=DEFLATE; may be repeated.",
)
scheduler_option = click.option(
    "--scheduler",
    default=LOCAL,
    show_default=True,
    metavar="local|tcp://HOST:PORT",
    help="Where the work runs: on this machine, or on the workers of a Dask scheduler.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes on this machine, with one thread each; more than one requires Dask.",
)


def format_option(default: str):
    """--format of commands that write scenes. `default` is a text: the format, or how a command finds it."""
    return click.option(
        "-of",
        "--format",
        "driver",
        type=click.Choice(["GTiff", "COG", "PNG"], case_sensitive=False),
        metavar="[GTiff|COG|PNG]",
        show_default=default,
        help="Format of the output.",
    )


def seed_option(default: int | None = 0, when: str = "", hidden: bool = False):
    """--seed of commands that generate pixels. Without a default, the command sees whether the user gave one."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**63 - 1),
        default=default,
        hidden=hidden,
        show_default="0",
        help=f"{when}Seed of the generated detail.",
    )


quiet_option = click.option("--quiet", is_flag=True, help="Print no progress bar and no summary.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def driver_for(output: Path, given: str | None) -> str:
    """The format to write: the given one, or the one of the output's suffix. A note says if they differ."""
    suffix = output.suffix.lower()
    driver = given or FORMATS.get(suffix, "GTiff")
    if driver is None:
        raise click.UsageError(f"{output}: {suffix} files are not written; name it .tif or .png, or give --format")
    if suffix and suffix not in SUFFIXES[driver]:
        click.echo(f"note: {output} is a {driver} file; {SUFFIXES[driver][0]} is its usual suffix", err=True)
    return driver
