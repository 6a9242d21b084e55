"""Train a model of forest carbon on a county; goes on from its checkpoint when started again.

    rscodec carbon simulate -o county
    cd county && rscodec carbon prepare imagery.tif --stands forest.geojson --heights canopy_height.tif -o target
    python tools/train_carbon.py --county county --target county/target --model iidm --run local/iidm
    python tools/train_carbon.py ... --model idm|unet|vae|gan --run local/...

The run folder holds checkpoint.pt (everything, for going on), average.pt (weights, configuration, units) and log.txt.
At the end the mean of --draws maps of the test region is judged, as the baselines of tools/compare_carbon.py are.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import torch

from rscodec.carbon.base import CarbonModel
from rscodec.carbon.county import TEST
from rscodec.carbon.crops import Crops, Units, estimate_map
from rscodec.carbon.gan import Gan
from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.regression import Regression
from rscodec.carbon.scores import score
from rscodec.carbon.vae import Vae
from rscodec.scene import Scene
from rscodec.training import checkpoint
from rscodec.training.log import run_log
from rscodec.training.loop import Plan, train

IIDM = IidmConfig()
MODELS = {
    "iidm": lambda: Iidm(IIDM),
    "idm": lambda: Iidm(replace(IIDM, attention=False, coordinates=False)),
    "unet": lambda: Regression(IIDM.bands),
    "vae": lambda: Vae(IIDM.bands),
    "gan": lambda: Gan(IIDM.bands),
}


def judge(model: CarbonModel, units: Units, county: tuple[np.ndarray, ...], edge: int, draws: int) -> dict:
    """Scores in the test region, of the mean of maps and of the first map alone."""
    imagery, density, region = county
    test = np.isfinite(density) & (region == TEST)
    columns = slice(int(np.flatnonzero(test.any(0))[0]), int(np.flatnonzero(test.any(0))[-1]) + 1)
    model.eval()
    maps = [estimate_map(model, units, imagery[..., columns], edge, seed) for seed in range(draws)]
    wanted, mask = np.nan_to_num(density)[:, columns], test[:, columns]
    return {name: asdict(score(wanted, found, mask, units.scale))
            for name, found in (("mean", np.mean(maps, 0)), ("single", maps[0]))}  # fmt: skip


@click.command()
@click.option("--county", type=click.Path(path_type=Path), required=True, help="Made by `rscodec carbon simulate`.")
@click.option("--target", type=click.Path(path_type=Path), required=True, help="Made by `rscodec carbon prepare`.")
@click.option("--model", "name", type=click.Choice(list(MODELS)), required=True)
@click.option("--run", type=click.Path(path_type=Path), required=True, help="Folder of this run.")
@click.option("--steps", default=20_000)
@click.option("--decay", default=8_000, help="Last steps, over which the learning rate falls.")
@click.option("--rate", default=1e-3)
@click.option("--batch", default=16)
@click.option("--crop", default=64, help="Edge of crops, and of the windows of a map; a multiple of 16.")
@click.option("--average", default=0.999)
@click.option("--draws", default=8, help="Maps that are averaged at the end.")
@click.option("--threads", type=int)
@click.option("--minutes", type=float, help="Stop (and save) after this long.")
@click.option("--seed", default=0)
def main(county, target, name, run, steps, decay, rate, batch, crop, average, draws, threads, minutes, seed) -> None:
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    model = MODELS[name]()
    imagery = Scene.load(county / "imagery.tif").pixels
    density, region = Scene.load(target / "density.tif").pixels[0], Scene.load(county / "region.tif").pixels[0]
    crops = Crops(imagery, density, region, batch, crop, seed)

    def loss_of(parts, step: int):
        return model.loss(*parts, torch.Generator().manual_seed(1_000_003 * seed + step))

    log = run_log(run, click.echo)
    plan = Plan(steps, decay, rate, average=average, minutes=minutes)
    origin = json.loads((county / "county.json").read_text())
    about = {"model": name, "county": origin, "batch": batch, "crop": crop, "seed": seed, "units": asdict(crops.units),
             "parameters": sum(parameter.numel() for parameter in model.parameters()),
             "config": asdict(model.config) if isinstance(model, Iidm) else {}}  # fmt: skip
    log(json.dumps(about | vars(plan)))
    groups = [(1.0, list(model.parameters()))]
    averaged = train(model, groups, crops.stream, loss_of, plan, run / "checkpoint.pt", log, {"about": about})
    checkpoint.save(run / "average.pt", module=averaged.state, about=about, seconds=averaged.seconds)
    model.load_state_dict(averaged.state)
    log(json.dumps(judge(model, crops.units, (imagery, density, region), crop, draws)))


if __name__ == "__main__":
    main()
