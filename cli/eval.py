"""`rscodec eval`: measures our codecs and other codecs on the same images."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.cli import options, paths
from rscodec.cli.output import print_json, print_table
from rscodec.cli.progress import progress
from rscodec.cli.spelling import spelled
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.upsamplers.base import LARGEST_SCALE


class Names(click.ParamType):
    """Names separated by commas."""

    name = "names"

    def convert(self, value, param, ctx) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(filter(None, (name.strip() for name in value.split(","))))


class Bands(options.BandList):
    """Bands counted from 1, or `all`."""

    def convert(self, value, param, ctx) -> tuple[int, ...] | str:
        return value if value == "all" else super().convert(value, param, ctx)


class Scales(click.ParamType):
    """Factors separated by commas."""

    name = "scales"

    def convert(self, value, param, ctx) -> tuple[float, ...]:
        each = options.FiniteRange(1, LARGEST_SCALE)
        return value if isinstance(value, tuple) else tuple(each.convert(part, param, ctx) for part in value.split(","))


images_argument = click.argument("images", nargs=-1, required=True)
codecs_option = click.option(
    "--codecs",
    type=Names(),
    default=f"rscodec:{DEFAULT_CODEC}",
    show_default=True,
    help="rscodec codecs to measure, separated by commas. Each has the form [ENHANCER:]rscodec:MODEL[:EFFORT][:balance]"
    "[@WEIGHTS]. To choose the qualities, append them, for example +1/2.5/4.",
)
anchors_option = click.option(
    "--anchors",
    type=Names(),
    default="jpeg2000,bpg,vvc,vtm",
    show_default=True,
    help="Anchors: [ENHANCER:]NAME; append +P/P/P for other parameters. The error for an unknown name lists all.",
)
eval_bands_option = click.option(
    "--bands", type=Bands(), default="1-3", show_default=True, help="Bands to code, counted from 1, or all."
)

pictures_option = click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="How many images the report shows.",
)
resume_option = click.option("--resume", is_flag=True, help="Resume from the results in --out.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@options.debug_option
def command() -> None:
    """Measure rate, distortion and speed of our codecs and others, and super-resolution.

    IMAGES are files, folders, or data sets under RSCODEC_DATA that the project lists, such as test/ucmerced, or files
    in them.
    """


@command.command()
@images_argument
@codecs_option
@anchors_option
@click.option("--out", type=paths.PATH, required=True, help="Folder for results, curves and report.")
@eval_bands_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes. More than one disturbs measured times.",
)
@pictures_option
@resume_option
@options.quiet_option
@options.json_option
@options.debug_option
def rd(
    images: tuple[str, ...],
    codecs: tuple[str, ...],
    anchors: tuple[str, ...],
    out: Path,
    bands: tuple[int, ...] | str,
    jobs: int,
    pictures: int,
    resume: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Encode IMAGES with every codec and anchor at several qualities, and report how many bits each codec saves against
    each anchor at equal quality.

    Every row is written as soon as it is measured: --resume continues an interrupted run.
    """
    from rscodec.eval.datasets import images as find_images
    from rscodec.eval.plots import write_curves
    from rscodec.eval.rd import rd as measure_all
    from rscodec.eval.report import write_report

    with progress("measure", quiet) as report:
        result = measure_all(
            find_images(list(images)),
            codecs,
            anchors,
            out,
            bands=None if bands == "all" else bands,
            jobs=jobs,
            resume=resume,
            progress=report,
        )
    write_curves(result.summary, out)
    page = write_report(result, out, pictures)
    if as_json:
        print_json(result.summary)
    elif not quiet:
        print_deltas(result.summary)
        click.echo(f"the report is {page}")


@command.command()
@click.argument("image")
@codecs_option
@anchors_option
@eval_bands_option
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each contender, in turn."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of our codecs.")
@options.quiet_option
@options.json_option
@options.debug_option
def speed(
    image: str,
    codecs: tuple[str, ...],
    anchors: tuple[str, ...],
    bands: tuple[int, ...] | str,
    repeats: int,
    threads: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Time every codec on IMAGE: megapixels per second, and ratios to the first one named.

    Codecs run in turn, each in its own process. Use a scene of some megapixels, such as one from `rscodec sample`.
    """
    from rscodec.eval.datasets import images as find_images
    from rscodec.eval.speed import speed as measure_speed

    path = find_images([image])[0].path
    with progress("time", quiet) as report:
        rows, skipped = measure_speed(
            path,
            [*codecs, *anchors],
            bands=None if bands == "all" else bands,
            repeats=repeats,
            threads=threads,
            progress=report,
        )
    if as_json:
        print_json({"rows": rows, "skipped": skipped})
        return
    head = ("codec", "parameter", "encode Mpx/s", "decode Mpx/s", "encode time", "decode time")
    print_table(
        [
            head,
            *(
                (
                    row.codec,
                    f"{row.parameter:g}",
                    f"{row.encode_mpx_s:.3f}",
                    f"{row.decode_mpx_s:.3f}",
                    f"{row.encode_time_ratio:.2f} x",
                    f"{row.decode_time_ratio:.2f} x",
                )
                for row in rows
            ),
        ],
        right=(1, 2, 3, 4, 5),
    )
    print_skipped(skipped)


@command.command()
@images_argument
@click.option("--scales", type=Scales(), default="2,2.6,3,3.4,4,6,8,10", show_default=True, help="Real numbers from 1.")
@click.option(
    "--models",
    type=Names(),
    default="bicubic",
    show_default=True,
    help="Models to compare, separated by commas: bicubic, names of upsamplers, or their weights files. "
    "Append :deterministic to a name to run that model without random numbers.",
)
@click.option(
    "--degradation",
    type=click.Choice(["bicubic", "degraded"]),
    default="bicubic",
    show_default=True,
    help="How images are shrunk; degraded: with blur, noise and JPEG of random strength, with fixed seeds.",
)
@click.option("--out", type=paths.PATH, required=True, help="Folder for table, curves and report.")
@pictures_option
@resume_option
@options.device_option
@options.quiet_option
@options.json_option
@options.debug_option
def sr(
    images: tuple[str, ...],
    scales: tuple[float, ...],
    models: tuple[str, ...],
    degradation: str,
    out: Path,
    pictures: int,
    resume: bool,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Shrink IMAGES, upsample them again, and report the difference from the original.

    Uses bands 1 to 3 of uint8. Shrinking is bicubic without aliasing, unless --degradation says otherwise.
    Every row is written as soon as it is measured: --resume continues an interrupted run.
    """
    from rscodec.eval.datasets import images as find_images
    from rscodec.eval.plots import write_scale_curves
    from rscodec.eval.sr import sr as measure_all
    from rscodec.eval.sr_report import write_sr_report

    with progress("measure", quiet) as report:
        result = measure_all(
            find_images(list(images)),
            scales,
            models,
            out,
            device=device,
            degradation=degradation,
            resume=resume,
            progress=report,
        )
    write_scale_curves(result.summary, out)
    page = write_sr_report(result, out, pictures)
    if as_json:
        print_json(result.summary)
    elif not quiet:
        _print_sr(result.summary["sets"])
        print_skipped(result.summary["skipped"])
        click.echo(f"the report is {page}")


def _print_sr(sets: dict) -> None:
    figures = "PSNR dB", "gain dB", "luma dB", "SSIM", "LPIPS", "LPIPS ratio", "NIQE", "seconds"
    head = "set", "images", "model", "scale", *figures
    rows = [
        (
            name,
            point["images"],
            model,
            f"{point['scale']:g}",
            _number(point["psnr_db"], ".2f"),
            _number(point["psnr_db_gain"], "+.2f"),
            _number(point["psnr_db_luma"], ".2f"),
            _number(point["ssim_luma"], ".4f"),
            _number(point["lpips"], ".4f"),
            _number(point["lpips_ratio"], ".2f"),
            _number(point["niqe"], ".2f"),
            _number(point["seconds"], ".2f"),
        )
        for name, found in sets.items()
        for model, points in found.items()
        for point in points
    ]
    print_table([head, *rows], right=(1, *range(3, 12)))


@command.command()
@codecs_option
@anchors_option
@click.option(
    "--model",
    required=True,
    metavar="NAME|FILE",
    help="The model: one that ships, a weights file, or ols, rf, svr, gbm.",
)
@click.option("--draws", type=click.IntRange(1, 64), default=8, show_default=True, help="Maps to average.")
@click.option("--out", type=paths.PATH, required=True, help="Folder for table and curves.")
@options.quiet_option
@options.json_option
@options.debug_option
def carbon(
    codecs: tuple[str, ...], anchors: tuple[str, ...], model: str, draws: int, out: Path, quiet: bool, as_json: bool
) -> None:
    """Code imagery of the simulated county, map its carbon, and report the error that coding adds at each rate."""
    from rscodec.eval.carbon import task_rate
    from rscodec.eval.plots import write_carbon_curves

    with progress("measure", quiet) as report:
        result = task_rate(codecs, anchors, out, model, draws, progress=report)
    write_carbon_curves(result, out)
    if as_json:
        print_json(result)
    elif not quiet:
        head = ("codec", "bpp", "RMSE Mg/ha", "added %", "bias Mg/ha", "NDVI error")
        print_table(
            [
                head,
                *(
                    (
                        codec,
                        f"{point['rate_bpp_file']:.3f}",
                        f"{point['rmse_mg_ha']:.2f}",
                        f"{point['added_percent']:+.2f}",
                        f"{point['bias_mg_ha']:+.2f}",
                        f"{point['ndvi_mae']:.4f}",
                    )
                    for codec, points in result["curves"].items()
                    for point in points
                ),
            ],
            right=(1, 2, 3, 4, 5),
        )
        at = result["at"]
        if at["rate_bpp_file"] is not None:
            shares = ", ".join(f"{codec} {added:+.2f} %" for codec, added in at["added_percent"].items())
            click.echo(f"at {at['rate_bpp_file']:.3f} bpp: {shares}")
        print_skipped(result["skipped"])


def print_deltas(result: dict) -> None:
    head = ("set", "images", "codec", "against", "metric", "BD-rate %", "BD dB", "overlap", "least")
    rows = [
        (
            name,
            delta["images"],
            delta["codec"],
            delta["anchor"],
            delta["metric"],
            _number(delta["bd_rate_percent"], "+.2f"),
            _number(delta["bd_quality_db"], "+.3f"),
            f"{delta['overlap_mean']:.2f}",
            f"{delta['overlap_min']:.2f}",
        )
        for name, one in result["sets"].items()
        for delta in one["deltas"]
    ]
    print_table([head, *rows], right=(1, 5, 6, 7, 8))
    print_skipped(result["skipped"])


def print_skipped(skipped: dict[str, str]) -> None:
    command = click.get_current_context().command
    for name, reason in skipped.items():
        click.echo(f"skipped {name}: {spelled(reason, command)}")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
