"""Distil what IIDM is made of; each stage leaves start.pt for `rscodec carbon train --start`, and table.json.

    python tools/distill_carbon.py source --tiles eurosat.npz --vgg vgg19 --run local/source
    python tools/distill_carbon.py vgg    --source local/source --county county --target county/target --run local/kdv
    rscodec carbon train county/imagery.tif ... --model iidm --start local/kdv/start.pt --run local/iidm-kdv
    python tools/distill_carbon.py unet   --teacher local/iidm --county county --target county/target --run local/kd
    rscodec carbon train county/imagery.tif ... --model iidm --start local/kd/start.pt --run local/iidm-kd

The tiles are `patches` (N,h,w,12) of Sentinel-2. Weights of torchvision will do as well, where one has them: average.pt
is a Vgg's state under "module", its widths under "widths".
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch

from rscodec.carbon.crops import Crops
from rscodec.carbon.distill import Student, parameters_of
from rscodec.carbon.iidm import Iidm
from rscodec.carbon.kinds import IIDM, AnyConfig, build
from rscodec.carbon.train import Ground
from rscodec.carbon.vgg import STAGES, Vgg, full_widths
from rscodec.training import checkpoint
from rscodec.training.distill import Analysis, Source, Tiles, analyse, blockwise
from rscodec.training.loop import Plan, train

PATH = click.Path(path_type=Path)
BATCH, CROP = 4, 64
ANALYSED = 24  # batches
UNIT = 4  # groups of a norm, heads of attention: what channels of a U-Net are multiples of


def say(line: str) -> None:
    print(line, flush=True)


def crops_of(county: Path, target: Path) -> Crops:
    ground = Ground.load(county / "imagery.tif", target, county / "region.tif")
    return Crops(ground.imagery, ground.density, ground.region, BATCH, CROP, 0)


def staged(counts: list[int], stages: list[list[int]]) -> list[list[int]]:
    rest = iter(counts)
    return [[next(rest) for _ in stage] for stage in stages]


def keep(run: Path, net: Iidm, module: dict, analysis: Analysis, teacher: int, student: int, left: list[float]) -> None:
    """`teacher`, `student`: parameters."""
    checkpoint.save(run / "start.pt", config=asdict(net.config), module=module)
    table = {"channels": analysis.all, "needed": analysis.needed, "parameters": [teacher, student], "left": left}
    (run / "table.json").write_text(json.dumps(table) + "\n")
    say(json.dumps(table))


@click.group()
def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@main.command()
@click.option("--tiles", type=PATH, required=True)
@click.option("--vgg", type=click.Choice(list(STAGES)), default="vgg19", show_default=True)
@click.option("--run", type=PATH, required=True)
@click.option("--steps", default=400, show_default=True)
def source(tiles: Path, vgg: str, run: Path, steps: int) -> None:
    patches = Tiles(np.load(tiles)["patches"], BATCH, 0)
    widths = full_widths(vgg)
    net = Source(Vgg(IIDM.bands, widths), patches.others)

    def loss_of(batch, step: int):
        with torch.autocast("cpu", torch.bfloat16):
            return net.loss(*batch)

    plan = Plan(steps, steps // 2, 3e-4, average=0.98)
    groups = [(1.0, list(net.parameters()))]
    averaged = train(net, groups, patches.stream, loss_of, plan, run / "checkpoint.pt", say, {})
    checkpoint.save(run / "average.pt", module=checkpoint.part(averaged.state, "vgg."), widths=widths)


@main.command()
@click.option("--source", "teacher", type=PATH, required=True)
@click.option("--county", type=PATH, required=True)
@click.option("--target", type=PATH, required=True)
@click.option("--run", type=PATH, required=True)
@click.option("--steps", default=40, show_default=True, help="A block.")
def vgg(teacher: Path, county: Path, target: Path, run: Path, steps: int) -> None:
    run.mkdir(parents=True, exist_ok=True)
    saved, crops = checkpoint.load(teacher / "average.pt"), crops_of(county, target)
    large = Vgg(IIDM.bands, saved["widths"]).eval()
    large.load_state_dict(saved["module"])
    analysis = analyse(large.layers, lambda: ((x,) for x, _, _ in crops.stream(0, ANALYSED)))
    widths = staged(analysis.needed, saved["widths"])
    student = Student(Vgg(IIDM.bands, widths), analysis.needed, analysis.bases)
    left = blockwise(student, large.layers, lambda step: crops.at(step)[:1], steps, 3e-3, say)
    net = Iidm(replace(IIDM, condition=tuple(map(tuple, widths))))
    module = {f"vgg.{key}": value for key, value in student.net.state_dict().items()}
    keep(run, net, module, analysis, parameters_of(large), parameters_of(student.net), left)


@main.command()
@click.option("--teacher", type=PATH, required=True, help="Folder of a run of IIDM.")
@click.option("--county", type=PATH, required=True)
@click.option("--target", type=PATH, required=True)
@click.option("--run", type=PATH, required=True)
@click.option("--steps", default=60, show_default=True, help="A block.")
def unet(teacher: Path, county: Path, target: Path, run: Path, steps: int) -> None:
    run.mkdir(parents=True, exist_ok=True)
    saved, crops = checkpoint.load(teacher / "average.pt"), crops_of(county, target)
    large = build(AnyConfig.from_dict(saved["about"]["config"])).eval()
    large.load_state_dict(saved["module"])

    @torch.no_grad()
    def shown(step: int) -> tuple:
        x, y, mask = crops.at(step)
        seen, gamma, _ = large.noisy(y, mask, torch.Generator().manual_seed(step))
        return large.shown(seen, gamma, large.vgg(x))

    analysis = analyse(large.unet.layers, partial(map, shown, range(ANALYSED)))
    levels = len(large.config.widths)
    both = zip(analysis.needed[:levels], [*analysis.needed[: levels - 1 : -1], 0], strict=True)
    widths = tuple(UNIT * max(2, -(-max(pair) // UNIT)) for pair in both)
    net = Iidm(replace(large.config, widths=widths))
    student = Student(net.unet, [*widths, *widths[-2::-1]], analysis.bases)
    left = blockwise(student, large.unet.layers, lambda step: shown(ANALYSED + step), steps, 2e-3, say)
    net.vgg.load_state_dict(large.vgg.state_dict())
    net.embed.load_state_dict(large.embed.state_dict())
    keep(run, net, net.state_dict(), analysis, parameters_of(large.unet), parameters_of(net.unet), left)


if __name__ == "__main__":
    main()
