"""`rscodec carbon`: maps forest carbon from imagery."""

from __future__ import annotations

from pathlib import Path

import click

from rscodec.cli import options, paths
from rscodec.cli.output import print_json, print_table
from rscodec.cli.progress import progress

FAR = 3.0  # deviations from the training imagery, above which a note is printed


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@options.debug_option
def command() -> None:
    """Map forest carbon from imagery, an inventory and canopy heights."""


@command.command()
@click.option("-o", "--output", type=paths.PATH, required=True, help="The folder to write.")
@click.option("--size", type=click.IntRange(64, 4096), default=1024, show_default=True, help="Edge in pixels of 16 m.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the county.")
@options.overwrite_option
@options.quiet_option
@options.debug_option
def simulate(output: Path, size: int, seed: int, overwrite: bool, quiet: bool) -> None:
    """Make a simulated county: imagery, canopy height, relief, climate, an inventory.

    The same options give the same county.
    """
    from rscodec.carbon.simulation import county

    made = county.simulate(size, seed)
    county.write(made, output, {"size": size, "seed": seed}, overwrite)
    if not quiet:
        click.echo(f"{output}: {size} x {size} pixels of 16 m, {len(made.volume) - 1} stands of forest, simulated")


@command.command()
@click.argument("image", type=paths.PATH)
@click.option("--stands", type=paths.PATH, required=True, help="The inventory: GeoPackage, GeoJSON, shapefile ...")
@click.option("--heights", type=paths.PATH, required=True, help="A raster of canopy heights.")
@click.option("--volume", default="volume_m3_ha", show_default=True, help="The inventory's column with m3/ha.")
@click.option("-o", "--output", type=paths.PATH, required=True, help="The folder to write.")
@options.overwrite_option
@options.quiet_option
@options.json_option
@options.debug_option
def prepare(
    image: Path, stands: Path, heights: Path, volume: str, output: Path, overwrite: bool, quiet: bool, as_json: bool
) -> None:
    """Distribute the timber of an inventory over the pixels of IMAGE, as carbon: density.tif (Mg/ha) and mask.tif.

    Inventory and canopy heights may be in any CRS; both are projected onto the pixels of IMAGE. Notes list what is left
    out.
    """
    from rscodec.carbon import prepare as preparing

    made = preparing.prepare(image, stands, heights, volume)
    preparing.write(made, output, overwrite)
    if as_json:
        print_json({"stands": made.stands, "pixels": int(made.mask.sum()), "notes": made.notes})
    elif not quiet:
        click.echo(f"{output}: carbon of {made.stands} stands in {int(made.mask.sum())} pixels")
        for note in made.notes:
            click.echo(note)


@command.command()
@click.argument("image", type=paths.PATH)
@click.option(
    "--target", type=paths.PATH, required=True, help="The folder that `rscodec carbon prepare` made for IMAGE."
)
@click.option("--region", type=paths.PATH, show_default="everywhere", help="A raster that is 1 where to train.")
@click.option(
    "--more",
    type=(paths.PATH, paths.PATH),
    multiple=True,
    metavar="IMAGE FOLDER",
    help="Another image and its target to train on; may be repeated.",
)
@click.option("--model", type=click.Choice(["iidm", "idm", "unet", "vae", "gan"]), default="iidm", show_default=True)
@click.option("--run", type=paths.PATH, required=True, help="Folder of this run; an existing run resumes.")
@click.option("--start", type=paths.PATH, help="Start from average.pt of another run, or from a distilled start.pt.")
@click.option("--steps", type=click.IntRange(min=1), default=3000, show_default=True)
@click.option("--rate", type=options.FiniteRange(0), default=1e-3, show_default=True, help="Learning rate.")
@click.option("--batch", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--crop", type=click.IntRange(min=16), default=64, show_default=True, help="Edge of crops.")
@click.option("--validate", is_flag=True, help="Hold back the northern eighth of each image, and evaluate on it.")
@click.option("--minutes", type=options.FiniteRange(0), help="Stop and save after this many minutes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@options.threads_option
@options.quiet_option
@options.debug_option
def train(
    image: Path,
    target: Path,
    region: Path | None,
    more: tuple[tuple[Path, Path], ...],
    model: str,
    run: Path,
    start: Path | None,
    threads: int | None,
    quiet: bool,
    **plan,
) -> None:
    """Train a model on IMAGE and its density. The result is RUN/weights.safetensors, for `predict --model`.

    Run the same command again to resume after an interruption.
    """
    from rscodec.carbon.training.run import CarbonPlan, Ground, train_model
    from rscodec.concurrency.threads import turn

    with turn(threads):
        ground = Ground.load(image, target, region)
        for other in more:
            ground = ground.beside(Ground.load(*other, None))
        train_model(model, ground, run, CarbonPlan(**plan), (lambda line: None) if quiet else click.echo, start)
    if not quiet:
        click.echo(f"{run / 'weights.safetensors'}: for `rscodec carbon predict --model`")


@command.command()
@click.argument("scene", type=paths.PATH)
@click.option("-o", "--output", type=paths.PATH, required=True, help="The folder to write.")
@click.option("--model", required=True, metavar="NAME|FILE", help="The model: iidm, unet, vae, gan, or a weights file.")
@options.bands_option
@click.option(
    "--stands", type=paths.PATH, help="Polygons of forest: the map covers them, and totals are computed for each."
)
@click.option("--draws", type=click.IntRange(1, 64), default=8, show_default=True, help="Maps to average.")
@click.option("--allow-synthetic", is_flag=True, help="Accept imagery that a model generated.")
@click.option("--weights", type=paths.PATH, help="Weights file for a compressed SCENE, instead of the packaged one.")
@options.device_option
@options.threads_option
@options.overwrite_option
@options.quiet_option
@options.json_option
@options.debug_option
def predict(scene: Path, output: Path, model: str, quiet: bool, as_json: bool, **settings) -> None:
    """Map the carbon of SCENE, a raster or a compressed file: density.tif and spread.tif (Mg/ha), mask.tif, totals.csv.

    Bands are blue, green, red and near infrared of 16 m, in reflectance times 10,000. Enhanced or upsampled imagery is
    refused, because generated pixels are no measurement.
    """
    from rscodec.carbon.predict import predict_file

    with progress("map", quiet) as report:
        made = predict_file(scene, output, model, progress=report, **settings)
    if as_json:
        print_json(made)
    elif not quiet:
        spread = "" if made.tonnes_spread is None else f" (spread between maps: {made.tonnes_spread:.0f} t)"
        where = "the polygons" if made.totals else "valid pixels"
        click.echo(
            f"{made.path}: {made.tonnes:.0f} t of carbon{spread} on {made.hectares:.0f} ha of {where}, "
            f"by {made.model}; training data: {made.trained_on}"
        )
    if made.far > FAR:
        click.echo(
            f"note: the imagery is {made.far:.0f} deviations away from the training imagery; do not rely on this map",
            err=True,
        )


@command.command("eval")
@click.option("--simulated", is_flag=True, required=True, help="Evaluate on the test region of the simulated county.")
@click.option("--draws", type=click.IntRange(1, 64), default=8, show_default=True, help="Maps to average.")
@click.option("--maps", type=paths.PATH, help="Draw the maps to this PNG.")
@options.threads_option
@options.quiet_option
@options.json_option
@options.debug_option
def evaluate(simulated: bool, draws: int, maps: Path | None, threads: int | None, quiet: bool, as_json: bool) -> None:
    """Evaluate the models that ship, beside least squares, random forest and support vectors."""
    from rscodec.bitstreams.atomic import AtomicPath
    from rscodec.concurrency.threads import turn
    from rscodec.eval.carbon import county_east
    from rscodec.eval.carbon import simulated as judge
    from rscodec.eval.plots import write_carbon_maps

    if maps:
        AtomicPath(maps, overwrite=True).check()
    with turn(threads), progress("judge", quiet) as report:
        found, drawn = judge(draws, progress=report)
    if maps:
        write_carbon_maps(county_east(), drawn, maps)
    if as_json:
        print_json(found)
    elif not quiet:
        head = ("model", "RMSE", "MAE", "SSIM", "PSNR dB", "RMSE Mg/ha", "bias Mg/ha", "R2")
        print_table(
            [
                head,
                *(
                    (
                        name,
                        f"{one['rmse']:.4f}",
                        f"{one['mae']:.4f}",
                        f"{one['ssim']:.4f}",
                        f"{one['psnr']:.2f}",
                        f"{one['rmse_mg_ha']:.1f}",
                        f"{one['bias_mg_ha']:+.1f}",
                        f"{one['r2']:.3f}",
                    )
                    for name, one in found["models"].items()
                ),
            ],
            right=(1, 2, 3, 4, 5, 6, 7),
        )
