"""Evaluates carbon baselines, with single pixels and with 5x5 neighbourhoods, on pixels that they were not trained on.

    rscodec carbon simulate -o county
    cd county && rscodec carbon prepare imagery.tif --stands forest.geojson --heights canopy_height.tif -o target
    python tools/compare_carbon.py simulated county county/target             train in the west, evaluate in the east
    python tools/compare_carbon.py simulated county county/target --ground    also with relief and climate
    RSCODEC_DATA=... python tools/compare_carbon.py real                      five folds of blocks of 20 pixels
    RSCODEC_DATA=... python tools/compare_carbon.py real --learned unet --steps 600            a learned model there
    RSCODEC_DATA=... python tools/compare_carbon.py chip                      a chip of BioMassters, blocks of 16 pixels

Prints a row for each model. --json FILE saves every figure.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from rscodec.carbon.baselines import BASELINES, fit
from rscodec.carbon.features import KINDS, features
from rscodec.carbon.folds import block_folds
from rscodec.carbon.kinds import TRAINED
from rscodec.carbon.mapper import CarbonMapper
from rscodec.carbon.scores import scale_of, score
from rscodec.carbon.simulation.county import NEITHER, TEST, TRAIN
from rscodec.carbon.training.run import CarbonPlan, Ground, train_model
from rscodec.raster.scene import Scene

SCENE = "carbon/s2_gedi_agbd_100m"
SENTINEL2 = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
OTHERS = ("VV", "VH", "DEM")
CHIP = "carbon/biomassters_chip"
CHIP_BANDS = 10  # bands of Sentinel-2; the eleventh is a cloud probability
CARBON = 0.47  # carbon in biomass
BLOCK, CHIP_BLOCK, FOLDS = 20, 16, 5
CROP = 32  # edge of crops of learned models


def compare(layers: np.ndarray, density: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """`parts`: masks of pixels to train on and to evaluate. Figures are over all evaluated pixels together."""
    judged = np.any([judge for _, judge in parts], axis=0)
    scale = scale_of(density, np.any([learn for learn, _ in parts], axis=0))
    models = {}
    click.echo("model   sees    RMSE   MAE    SSIM   PSNR   Mg/ha RMSE  MAE   bias    R2  seconds")
    for kind in KINDS:
        stack = features(layers, kind)
        for baseline in BASELINES:
            started, found = time.monotonic(), np.full(density.shape, np.nan)
            for learn, judge in parts:
                found = np.where(judge, fit(baseline, stack, density, learn).predict(stack, judge), found)
            one = score(density, found, judged, scale)
            models[f"{baseline.name}-{kind}"] = asdict(one)
            click.echo(
                f"{baseline.name:7} {kind:6}  {one.rmse:.4f} {one.mae:.4f} {one.ssim:.4f} {one.psnr:6.2f}  "
                f"{one.rmse_mg_ha:10.2f} {one.mae_mg_ha:6.2f} {one.bias_mg_ha:6.2f} {one.r2:5.3f} "
                f"{time.monotonic() - started:6.0f}"
            )
    return {"scale_mg_ha": scale, "pixels": int(judged.sum()), "models": models}


def compare_learned(
    name: str, layers: np.ndarray, density: np.ndarray, folds: np.ndarray, origin: str, steps: int, runs: Path
) -> dict:
    """A learned model sees all imagery, and the density of the folds that it is not evaluated on."""
    known, found = folds >= 0, np.full(density.shape, np.nan)
    for fold in range(FOLDS):
        learn = known & (folds != fold)
        ground = Ground(
            layers, np.where(learn, density, np.nan), np.where(learn, TRAIN, NEITHER), np.zeros_like(known), origin
        )
        plan = CarbonPlan(steps=steps, crop=CROP, seed=fold)
        train_model(name, ground, runs / str(fold), plan, lambda line: None)
        maps = CarbonMapper(runs / str(fold) / "weights.safetensors").maps(layers, known)
        found = np.where(folds == fold, maps.mean(0), found)
    scale = scale_of(density, known)
    one = score(density, found, known, scale)
    click.echo(f"{name}: {asdict(one)}")
    return {"scale_mg_ha": scale, "pixels": int(known.sum()), "steps": steps, "models": {name: asdict(one)}}


def keep(result: dict, path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(result, indent=1) + "\n")


def cross_validate(
    layers: np.ndarray,
    density: np.ndarray,
    block: int,
    origin: str,
    learned: str | None,
    steps: int,
    runs: Path,
    to: Path | None,
) -> None:
    known = density > 0
    folds = block_folds(known, block, FOLDS)
    if learned:
        keep(compare_learned(learned, layers, density, folds, origin, steps, runs / learned), to)
    else:
        keep(compare(layers, density, [(known & (folds != fold), folds == fold) for fold in range(FOLDS)]), to)


def pixels(folder: str, name: str) -> np.ndarray:
    return Scene.load(Path(os.environ["RSCODEC_DATA"]) / folder / f"{name}.tif").pixels


def halved(layers: np.ndarray) -> np.ndarray:
    count, height, width = layers.shape
    return layers.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4), dtype=np.float64)


learned_option = click.option(
    "--learned", type=click.Choice(list(TRAINED)), help="Evaluate only this learned model, trained again for each fold."
)
steps_option = click.option("--steps", default=1000, show_default=True, help="Training steps for each fold.")
runs_option = click.option("--runs", type=click.Path(path_type=Path), default=Path("local/folds"), show_default=True)
json_option = click.option("--json", "to", type=click.Path(path_type=Path), help="Save all figures to this file.")


@click.group()
def main() -> None:
    pass


@main.command()
@click.argument("county", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--ground", is_flag=True, help="Also use elevation and climate.")
@json_option
def simulated(county: Path, target: Path, ground: bool, to: Path | None) -> None:
    """The simulated county: train in the west, evaluate in the east."""
    names = ("imagery", "dem", "climate") if ground else ("imagery",)
    layers = np.concatenate([Scene.load(county / f"{name}.tif").pixels.astype(np.float64) for name in names])
    density = Scene.load(target / "density.tif").pixels[0].astype(np.float64)
    region, known = Scene.load(county / "region.tif").pixels[0], np.isfinite(density)
    keep(compare(layers, density, [(known & (region == TRAIN), known & (region == TEST))]), to)


@main.command()
@learned_option
@steps_option
@runs_option
@json_option
def real(learned: str | None, steps: int, runs: Path, to: Path | None) -> None:
    """Sentinel-2, radar and relief near 51 N 10 E against GEDI's biomass density."""
    layers = np.concatenate([pixels(SCENE, f"resampled100_{name}") for name in (*SENTINEL2, *OTHERS)])
    density = CARBON * pixels(SCENE, "resampled100_agbd")[0]
    cross_validate(layers, density, BLOCK, SCENE, learned, steps, runs / "real", to)


@main.command()
@learned_option
@steps_option
@runs_option
@json_option
def chip(learned: str | None, steps: int, runs: Path, to: Path | None) -> None:
    """Sentinel-2 and radar of one month in Finland against biomass density. Pixels are means of 2 x 2, which gives 20
    m, the resolution of red edge and short-wave infrared.
    """
    layers = np.concatenate([pixels(CHIP, "001b0634_S2_00")[:CHIP_BANDS], pixels(CHIP, "001b0634_S1_00")])
    density = CARBON * pixels(CHIP, "001b0634_agbm")[0]
    cross_validate(halved(layers), halved(density[None])[0], CHIP_BLOCK, CHIP, learned, steps, runs / "chip", to)


if __name__ == "__main__":
    main()
