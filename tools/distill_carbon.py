"""Distils the parts of IIDM. Each stage writes start.pt for `rscodec carbon train --start`, and table.json.

    python tools/distill_carbon.py source --tiles eurosat.npz --vgg vgg19 --run local/source
    python tools/distill_carbon.py vgg    --source local/source --county county --target county/target --run local/kdv
    rscodec carbon train county/imagery.tif ... --model iidm --start local/kdv/start.pt --run local/iidm-kdv
    python tools/distill_carbon.py unet   --teacher local/iidm --county county --target county/target --run local/kd
    rscodec carbon train county/imagery.tif ... --model iidm --start local/kd/start.pt --run local/iidm-kd
    python tools/distill_carbon.py costs  --kd-vgg local/kdv --teacher local/iidm --kd-unet local/kd

`vgg` also writes whole.pt: IIDM with the source itself as its condition network. The tiles are `patches` (N,h,w,12) of
Sentinel-2. Weights of torchvision also work: average.pt must contain the state of a Vgg under "module" and its widths
under "widths".
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch

from rscodec.bitstreams.digest import sha256
from rscodec.carbon.crops import Crops
from rscodec.carbon.iidm import Iidm
from rscodec.carbon.kinds import IIDM, AnyConfig, build
from rscodec.carbon.training.distill import Analysis, Source, Tiles, analyse, blockwise
from rscodec.carbon.training.pca_student import Student, VggStudent, parameters_of
from rscodec.carbon.training.run import Ground, begun_model
from rscodec.carbon.unet import UNet
from rscodec.carbon.vgg import CHANNELS, STAGES, Vgg, full_widths
from rscodec.cli.main import Tool
from rscodec.networks.precision import fast
from rscodec.training import checkpoint
from rscodec.training.loop import Plan, Record, train

PATH = click.Path(path_type=Path)
BATCH, CROP = 4, 64
ANALYSED = 24  # batches
TIMED = 11  # pairs; the first is not counted
PRINTED = (44, 88, 176, 352, 704)  # channels of the paper's table A2, two convolutions each
UNIT = 4  # channels of a U-Net are multiples of this (groups of a norm, heads of attention)


def say(line: str) -> None:
    print(line, flush=True)


def crops_of(county: Path, target: Path) -> Crops:
    ground = Ground.load(county / "imagery.tif", target, county / "region.tif")
    return Crops(ground.imagery, ground.density, ground.region, BATCH, CROP, 0)


def staged(counts: list[int], stages: list[list[int]]) -> list[list[int]]:
    rest = iter(counts)
    return [[next(rest) for _ in stage] for stage in stages]


def keep(run: Path, analysis: Analysis, teacher: int, student: int, left: list[float]) -> None:
    """Save the result of a stage. `teacher`, `student`: numbers of parameters."""
    table = {"channels": analysis.all, "needed": analysis.needed, "parameters": [teacher, student], "left": left}
    (run / "table.json").write_text(json.dumps(table) + "\n")
    say(json.dumps(table))


@click.group()
def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@main.command(cls=Tool)
@click.option("--tiles", type=PATH, required=True)
@click.option("--vgg", type=click.Choice(list(STAGES)), default="vgg19", show_default=True)
@click.option("--run", type=PATH, required=True)
@click.option("--steps", default=2000, show_default=True)
def source(tiles: Path, vgg: str, run: Path, steps: int) -> None:
    path, begun = run / "checkpoint.pt", {"--tiles": sha256(tiles), "--vgg": vgg}
    checkpoint.check_same(path, begun)
    patches = Tiles(np.load(tiles)["patches"], BATCH, 0)
    widths = full_widths(vgg)
    net = Source(Vgg(IIDM.bands, widths), patches.others)

    def loss_of(batch, step: int):
        with fast("cpu"):
            return net.loss(*batch)

    plan = Plan(steps, steps // 2, 3e-4, average=0.98)
    groups = [(1.0, list(net.parameters()))]
    averaged = train(net, groups, patches.stream, loss_of, plan, Record(path, say, begun))
    checkpoint.save(run / "average.pt", module=checkpoint.part(averaged.state, "vgg."), widths=widths)


@main.command()
@click.option("--source", "teacher", type=PATH, required=True)
@click.option("--county", type=PATH, required=True)
@click.option("--target", type=PATH, required=True)
@click.option("--run", type=PATH, required=True)
@click.option("--steps", default=100, show_default=True, help="Training steps for each block.")
def vgg(teacher: Path, county: Path, target: Path, run: Path, steps: int) -> None:
    run.mkdir(parents=True, exist_ok=True)
    saved, crops = checkpoint.load(teacher / "average.pt"), crops_of(county, target)
    large = Vgg(IIDM.bands, saved["widths"]).eval()
    large.load_state_dict(saved["module"])
    analysis = analyse(large.layers, lambda: ((x,) for x, _, _ in crops.stream(0, ANALYSED)))
    widths = staged(analysis.needed, saved["widths"])
    student = VggStudent(Vgg(IIDM.bands, widths), large, analysis.needed, analysis.bases)
    left = blockwise(student, large.layers, lambda step: crops.at(step)[:1], steps, 1e-3, say)
    keep(run, analysis, parameters_of(large), parameters_of(student.net), left)
    for name, one, stages in (("start.pt", student.net, widths), ("whole.pt", large, saved["widths"])):
        module = {f"vgg.{key}": value for key, value in one.state_dict().items()}
        checkpoint.save(run / name, config=asdict(replace(IIDM, condition=tuple(map(tuple, stages)))), module=module)


@main.command()
@click.option("--teacher", type=PATH, required=True, help="Folder of a run of IIDM.")
@click.option("--county", type=PATH, required=True)
@click.option("--target", type=PATH, required=True)
@click.option("--run", type=PATH, required=True)
@click.option("--steps", default=100, show_default=True, help="Training steps for each block.")
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
    checkpoint.save(run / "start.pt", config=asdict(net.config), module=net.state_dict())
    keep(run, analysis, parameters_of(large.unet), parameters_of(net.unet), left)


def eye(net: Vgg) -> tuple[torch.nn.Module, Callable]:
    return net, lambda: net(torch.ones(BATCH, IIDM.bands, CROP, CROP))


def drawer(net: UNet, level: int, condition: list[int]) -> tuple[torch.nn.Module, Callable]:
    """`level`: channels of f(0). `condition`: channels of all f(i), if the model attends to them."""
    seen = [torch.ones(BATCH, count, CROP >> at, CROP >> at) for at, count in enumerate(condition)]
    return net, lambda: net(torch.ones(BATCH, 1 + level, CROP, CROP), torch.ones(BATCH, IIDM.embedding), seen)


@torch.no_grad()
def medians(full: Callable, small: Callable) -> list[float]:
    """Milliseconds of both, and the ratio of the full network to the small one, timed in turn."""
    times = []
    for _ in range(TIMED):
        pair = []
        for one in (full, small):
            started = time.process_time()
            with fast("cpu"):
                one()
            pair.append(1000 * (time.process_time() - started))
        times.append((*pair, pair[0] / pair[1]))
    return [statistics.median(column) for column in zip(*times[1:], strict=True)]


@main.command()
@click.option("--kd-vgg", type=PATH, required=True, help="Folder of stage `vgg`.")
@click.option("--teacher", type=PATH, required=True, help="Folder of a run of IIDM.")
@click.option("--kd-unet", type=PATH, required=True, help="Folder of stage `unet`.")
def costs(kd_vgg: Path, teacher: Path, kd_unet: Path) -> None:
    """Parameters and time of the distilled networks, and of networks with the paper's numbers of channels."""
    paths = kd_vgg / "whole.pt", kd_vgg / "start.pt", teacher / "average.pt", kd_unet / "start.pt"
    whole, student, large, small = (begun_model(checkpoint.load(path)).eval() for path in paths)
    ends = [stage[-1] for stage in large.config.condition]
    printed = Vgg(IIDM.bands, [[count, count] for count in PRINTED])
    first = CHANNELS[0]
    doubled = tuple(first << level for level in range(len(PRINTED)))
    rows = {
        "VGG, KD-VGG": (eye(whole.vgg), eye(student.vgg)),
        "U-Net, KD-UNet": (drawer(large.unet, ends[0], ends), drawer(small.unet, ends[0], ends)),
        "VGG-19, printed": (eye(Vgg(IIDM.bands, full_widths("vgg19"))), eye(printed)),
        "U-Net of 64 ... 1024, printed": tuple(
            drawer(UNet(1 + first, 1, widths, IIDM.embedding), first, []) for widths in (doubled, PRINTED)
        ),
    }
    say(f"{'':30} {'parameters':>12} {'distilled':>12}  fewer      ms  distilled  ratio")
    for name, ((full, run_full), (little, run_little)) in rows.items():
        many, few = parameters_of(full), parameters_of(little)
        took, takes, ratio = medians(run_full, run_little)
        say(f"{name:30} {many:12,} {few:12,} {1 - few / many:6.1%} {took:7.1f} {takes:10.1f} {ratio:6.1f}")


if __name__ == "__main__":
    main()
