"""Measures the gain of each part of IIDM: runs that differ in one part only, evaluated on the simulated county.

    rscodec carbon simulate -o county
    cd county && rscodec carbon prepare imagery.tif --stands forest.geojson --heights canopy_height.tif -o target
    python tools/ablate_carbon.py county county/target                                    all rows of ROWS, one by one
    python tools/ablate_carbon.py county county/target iidm no-mask --steps 500 --seed 1
    python tools/ablate_carbon.py county county/target --start kd-vgg local/kdv/start.pt  the result of distillation

All runs see the same crops in the same order, with the same noise. They are evaluated in the east by the mean of
several maps, as in `rscodec carbon eval`. RUNS/NAME/scores.json holds the figures of a run. A run with figures is not
repeated, and an interrupted run resumes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.carbon.base import CarbonModel
from rscodec.carbon.crops import Crops, Units, estimate_map
from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.kinds import IIDM
from rscodec.carbon.mapper import DRAWS
from rscodec.carbon.scores import Scores, score
from rscodec.carbon.simulation.county import TEST
from rscodec.carbon.training.pca_student import parameters_of
from rscodec.carbon.training.run import CarbonPlan, Ground, begun_model, learn
from rscodec.cli.main import Tool
from rscodec.training import checkpoint

PATH = click.Path(path_type=Path)


class Unmasked(Iidm):
    """Pixels outside forest (and outside the training region) are visible and count in the loss, with density 0."""

    def loss(self, x, y, mask, generator):
        return super().loss(x, y, torch.ones_like(mask), generator)

    def estimate(self, x, mask, generator):
        return super().estimate(x, torch.ones_like(mask), generator)


class Averages(nn.Module):
    """f(i) is the imagery itself: means over squares of 2^i pixels, mixed to the same number of channels."""

    def __init__(self, config: IidmConfig):
        super().__init__()
        self.mix = nn.ModuleList(nn.Conv2d(config.bands, stage[-1], 1) for stage in config.condition)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [mix(F.avg_pool2d(x, 2**level)) for level, mix in enumerate(self.mix)]


class WithoutVgg(Iidm):
    def __init__(self, config: IidmConfig):
        super().__init__(config)
        self.vgg = Averages(config)


ROWS: dict[str, Callable[[], CarbonModel]] = {
    "iidm": lambda: Iidm(IIDM),
    "no-mask": lambda: Unmasked(IIDM),
    "no-vgg": lambda: WithoutVgg(IIDM),
    "no-attention": lambda: Iidm(replace(IIDM, attention=False)),
    "no-coordinates": lambda: Iidm(replace(IIDM, coordinates=False)),
    "idm": lambda: Iidm(replace(IIDM, attention=False, coordinates=False)),
}


def learnt(model: CarbonModel, crops: Crops, plan: CarbonPlan, path: Path, begun: dict) -> None:
    """Train as `rscodec carbon train` does. The model then has the averaged weights."""
    averaged = learn(model, crops, plan, path, click.echo, begun)
    if checkpoint.load(path)["step"] < plan.steps:
        raise click.ClickException(f"{path.parent} was interrupted: run the command again to resume")
    model.load_state_dict(averaged.state)
    model.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def judge(model: CarbonModel, units: Units, ground: Ground, edge: int, draws: int) -> dict:
    """The scores of the mean of `draws` maps in the test region. The model sees the rectangle around the region.
    `rmse_one`: the RMSE of a single map. `rmse_all`: that of a mean of DRAWS maps, extrapolated: draws are independent,
    so their variance falls with 1 / number.
    """
    judged = np.isfinite(ground.density) & (ground.region == TEST)
    where = tuple(slice(at.min(), at.max() + 1) for at in np.nonzero(judged))
    imagery, density = ground.imagery[(slice(None), *where)], ground.density[where]
    maps = [estimate_map(model, units, imagery, np.isfinite(density), edge, seed) for seed in range(draws)]

    def scores(found: np.ndarray) -> Scores:
        return score(density, found, judged[where], units.scale)

    maps = np.maximum(maps, 0)
    mean, one = scores(maps.mean(0)), np.mean([scores(drawn).rmse ** 2 for drawn in maps])
    variance = (one - mean.rmse**2) * draws / (draws - 1)
    both = {"rmse_one": math.sqrt(one), "rmse_all": math.sqrt(one - variance * (1 - 1 / DRAWS))}
    return asdict(mean) | both | {"draws": draws}


@click.command(cls=Tool)
@click.argument("county", type=PATH)
@click.argument("target", type=PATH)
@click.argument("rows", nargs=-1, type=click.Choice(list(ROWS)))
@click.option(
    "--start", type=(str, PATH), multiple=True, metavar="NAME FILE", help="Also run a row NAME that starts from FILE."
)
@click.option("--steps", default=500, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--draws", type=click.IntRange(2), default=DRAWS, show_default=True, help="Maps to average.")
@click.option("--runs", type=PATH, default=Path("local/ablation"), show_default=True)
def main(
    county: Path,
    target: Path,
    rows: tuple[str, ...],
    start: tuple[tuple[str, Path], ...],
    steps: int,
    seed: int,
    draws: int,
    runs: Path,
) -> None:
    torch.set_num_threads(1)
    ground = Ground.load(county / "imagery.tif", target, county / "region.tif")
    plan = CarbonPlan(steps=steps, seed=seed)
    crops = Crops(ground.imagery, ground.density, ground.region, plan.batch, plan.crop, plan.seed)
    wanted = {name: ROWS[name] for name in rows or (() if start else ROWS)}
    wanted |= {name: lambda path=path: begun_model(checkpoint.load(path)) for name, path in start}
    click.echo(f"row              parameters  RMSE of {DRAWS}  of 1    MAE    SSIM   PSNR  Mg/ha RMSE   bias     R2")
    for name, make in wanted.items():
        run, kept = runs / name, runs / name / "scores.json"
        begun = {"--steps": steps, "--seed": seed, "--draws": draws, "--start": str(dict(start).get(name, ""))}
        begun["COUNTY"] = asdict(crops.units)
        checkpoint.check_same(run / "checkpoint.pt", begun)
        if not kept.exists():
            torch.manual_seed(seed)
            model = make()
            learnt(model, crops, plan, run / "checkpoint.pt", begun)
            found = judge(model, crops.units, ground, plan.crop, draws) | {"parameters": parameters_of(model)}
            kept.write_text(json.dumps(found, indent=1) + "\n")
        one = json.loads(kept.read_text())
        click.echo(
            f"{name:16} {one['parameters']:10,}     {one['rmse_all']:.4f} {one['rmse_one']:.4f} {one['mae']:.4f}  "
            f"{one['ssim']:.4f}  {one['psnr']:5.2f}  {one['rmse_mg_ha']:10.2f}  {one['bias_mg_ha']:+5.1f}"
            f"  {one['r2']:.3f}"
        )


if __name__ == "__main__":
    main()
