"""Measures whether IIDM knows how wrong a map is: compares its draws of a U-Net's errors with white noise.

    rscodec carbon simulate -o county
    cd county && rscodec carbon prepare imagery.tif --stands forest.geojson --heights canopy_height.tif -o target
    python tools/calibrate_carbon.py county county/target --steps 2400 --seed 0

    west     a U-Net of each half --> its map of the other half --> what it leaves there
             imagery, map --IIDM, squared error on v--> draws of what is left
    north    (kept back): widths are calibrated, so that 90 % of the pixels are within the 5 and 95 % quantiles
    east     map of the U-Net that ships + draws, beside map + white Gaussian noise: CRPS, coverage, variogram

Where windows overlap, a draw is a mean of several, so its difference from the mean of all draws is divided by the share
of the deviation that such a mean keeps. Maps are 0 outside forest. RUNS holds the runs; an interrupted run resumes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import torch

from rscodec.carbon.base import CarbonModel
from rscodec.carbon.crops import Crops, Units, estimate_map
from rscodec.carbon.iidm import Iidm
from rscodec.carbon.kinds import IIDM, TRAINED, build
from rscodec.carbon.scores import scale_of
from rscodec.carbon.simulation.county import TEST, TRAIN
from rscodec.carbon.training.run import CarbonPlan, Ground, learn
from rscodec.carbon.uncertainty import FEWEST, covered, crps, gaussian_crps, variogram
from rscodec.cli.main import Tool
from rscodec.generative.blending import Windows
from rscodec.models.weights import mapper_for
from rscodec.raster.window import Window
from rscodec.training import checkpoint

PATH = click.Path(path_type=Path)
LAGS = range(1, 17)
WANTED = 0.9  # share of pixels within the interval
GAUSSIAN = 1.6448536  # deviations from its mean to its 95 % quantile


def halves(ground: Ground) -> list[np.ndarray]:
    """The regions of two halves of the west with equal forest, each TRAIN there and 0 in the other."""
    learn_from = np.isfinite(ground.density) & (ground.region == TRAIN)
    share = learn_from.sum(0).cumsum() / learn_from.sum()
    left = np.broadcast_to(share < 0.5, ground.region.shape)
    return [np.where((ground.region == TRAIN) & ~side, 0, ground.region) for side in (left, ~left)]


def trained(model: CarbonModel, crops: Crops, plan: CarbonPlan, run: Path) -> CarbonModel:
    path, begun = run / "checkpoint.pt", {"COUNTY": asdict(crops.units)}
    checkpoint.check_same(path, begun)
    averaged = learn(model, crops, plan, path, click.echo, begun)
    if checkpoint.load(path)["step"] < plan.steps:
        raise click.ClickException(f"{run} was interrupted: run the command again to resume")
    model.load_state_dict(averaged.state)
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def cross_map(ground: Ground, steps: int, seed: int, runs: Path) -> np.ndarray:
    """Mg/ha (h,w): in the forest of each half of the west the map of a U-Net that was trained in the other half,
    without the north; 0 elsewhere.
    """
    found, forest = np.zeros_like(ground.density), np.isfinite(ground.density)
    for number, region in enumerate(halves(ground)):
        plan = CarbonPlan(steps=steps, seed=seed)
        crops = Crops(ground.imagery, ground.density, region, plan.batch, plan.crop, seed, ground.north)
        torch.manual_seed(seed)
        model = trained(build(TRAINED["unet"]), crops, plan, runs / f"unet{number}-{steps}-{seed}")
        other = forest & (ground.region == TRAIN) & (region != TRAIN)
        found = np.where(other, estimate_map(model, crops.units, ground.imagery, forest, plan.crop, 0), found)
    return found


def drawn(model: Iidm, units: Units, layers: np.ndarray, forest: np.ndarray, edge: int, count: int) -> np.ndarray:
    """`count` draws (n,h,w) of what is left, in Mg/ha."""
    _, height, width = layers.shape
    whole = Window(0, 0, width, height)
    windows = Windows(whole, edge, edge // 4)
    kept = np.zeros((max(height, edge) + edge, max(width, edge) + edge))
    for part in windows.touching(whole):
        kept[part.row : part.bottom, part.col : part.right] += windows.share(part).astype(float) ** 2
    deviation = np.sqrt(kept[:height, :width])
    draws = np.stack([estimate_map(model, units, layers, forest, edge, seed) for seed in range(count)])
    mean = draws.mean(0)
    return mean + (draws - mean) / deviation


def calibrated(wanted: np.ndarray, draws: np.ndarray) -> float:
    """The factor of draws (n, pixels) around 0 with which WANTED of the values are within the interval."""
    low, high = 0.0, 10.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if covered(wanted, middle * draws) < WANTED else (low, middle)
    return high


def judged_in_the_east(
    model: Iidm, crops: Crops, ground: Ground, factor: float, white: float, draws: int
) -> dict[str, object]:
    """The scores of the U-Net's map + draws, widened by `factor`, beside those of the map + white noise (Mg/ha)."""
    forest = np.isfinite(ground.density)
    judged = forest & (ground.region == TEST)
    columns = slice(*(np.flatnonzero(judged.any(0))[[0, -1]] + [0, 1]))
    imagery, wanted = ground.imagery[..., columns], ground.density[:, columns]
    mask, trees = judged[:, columns], forest[:, columns]
    (centre,) = mapper_for("unet").maps(imagery, trees, 1)
    seen = np.concatenate([imagery, np.nan_to_num(centre)[None]]).astype(np.float32)
    maps = centre + factor * drawn(model, crops.units, seen, trees, CarbonPlan().crop, draws)
    noisy = centre + np.random.default_rng(0).normal(0, white, maps.shape)
    truth = variogram(np.nan_to_num(wanted), mask, LAGS)

    def ratio(some: np.ndarray) -> list[float]:
        shape = np.mean([variogram(np.nan_to_num(one), mask, LAGS) for one in some], 0) / truth
        return [round(float(value), 3) for value in shape]

    return {
        "factor": factor,
        "white_mg_ha": white,
        "crps_mg_ha": crps(wanted[mask], maps[:, mask]),
        "crps_white_mg_ha": gaussian_crps(wanted[mask], centre[mask], white),
        "mae_map_mg_ha": float(np.abs(wanted - centre)[mask].mean()),
        "covered": covered(wanted[mask], maps[:, mask]),
        "covered_white": covered(wanted[mask], noisy[:, mask]),
        "variogram_ratio": ratio(maps),
        "variogram_ratio_white": ratio(noisy),
    }


@click.command(cls=Tool)
@click.argument("county", type=PATH)
@click.argument("target", type=PATH)
@click.option("--steps", default=2400, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--draws", type=click.IntRange(FEWEST), default=20, show_default=True)
@click.option("--runs", type=PATH, default=Path("local/calibration"), show_default=True)
def main(county: Path, target: Path, steps: int, seed: int, draws: int, runs: Path) -> None:
    torch.set_num_threads(1)
    ground = Ground.load(county / "imagery.tif", target, county / "region.tif")
    forest, plan = np.isfinite(ground.density), CarbonPlan(steps=steps, seed=seed)
    west = cross_map(ground, steps // 2, seed, runs)
    left = np.where(ground.region == TRAIN, ground.density - west, np.nan)

    layers = np.concatenate([ground.imagery, west[None]]).astype(np.float32)
    crops = Crops(layers, left, ground.region, plan.batch, plan.crop, seed, ground.north, maps=1)
    learnt = np.isfinite(left) & ~ground.north
    deviation = float(left[learnt].std()) / scale_of(left, learnt)
    config = replace(IIDM, bands=len(layers), mean=0.0, deviation=deviation, squared=True)
    torch.manual_seed(seed)
    model = trained(Iidm(config), crops, plan, runs / f"iidm-{steps}-{seed}")

    north = np.isfinite(left) & ground.north
    rows = ground.north.any(1)
    in_north = drawn(model, crops.units, layers[:, rows], forest[rows], plan.crop, draws)[:, north[rows]]
    factor = calibrated(left[north], in_north)
    white = float(np.quantile(np.abs(left[north]), WANTED)) / GAUSSIAN

    found = {"steps": steps, "seed": seed} | judged_in_the_east(model, crops, ground, factor, white, draws)
    runs.mkdir(parents=True, exist_ok=True)
    (runs / f"scores-{steps}-{seed}.json").write_text(json.dumps(found, indent=1) + "\n")
    click.echo(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
