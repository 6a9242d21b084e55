"""Compares the time of generating pixels with that of CompressAI's ELIC, which decompresses a picture of the same size.

    python tools/bench_generated.py --upscale e2diff                    # x4 to 512 x 512
    python tools/bench_generated.py --enhance ldm-jpeg2000              # 512 x 512
    python tools/bench_generated.py --upscale untrained                 # time does not depend on the weights

Both run in memory, in one process, by default with one thread. They take turns, and each turn gives one ratio, so a
busy machine slows both alike; it hardly affects CPU time. An upsampler with a deterministic part is also timed without
diffusion; the difference is the time of the denoiser. Models are loaded, and everything has run once, before the first
measurement.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.enhancers import ldm_rsic
from rscodec.enhancers.base import EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene
from rscodec.eval.elic import UNIT, Elic, machine
from rscodec.generative.picture import Picture, SourcePicture
from rscodec.models.weights import enhancer_for, upsampler_for
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.resample import shrink
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize
from rscodec.upsamplers import e2diffsr
from rscodec.upsamplers.base import Upsampler, UpscaleSettings
from rscodec.upsamplers.scene import UpscaledScene

UNTRAINED = "untrained"
QUALITY = 3.0  # quality of a stream, for enhancers


def picture_of(pixels: np.ndarray) -> Picture:
    return SourcePicture(SceneSource(Scene(pixels)))


def enhancing(model: str, pixels: np.ndarray, folder: Path) -> dict[str, Callable[[], object]]:
    if model == UNTRAINED:
        model = str(folder / "untrained.safetensors")
        ldm_rsic.write_weights(Path(model), UNTRAINED, ldm_rsic.LdmRsic(ldm_rsic.LdmConfig()), ())
    enhancer, picture, settings = enhancer_for(model), picture_of(pixels), EnhanceSettings(model)

    def work() -> None:
        EnhancedScene(picture, enhancer, settings, {}, QUALITY).read(picture.scene)

    return {enhancer.model: work}


def upscaling(model: str, pixels: np.ndarray, scale: float, folder: Path) -> dict[str, Callable[[], object]]:
    if model == UNTRAINED:
        model = str(folder / "untrained.safetensors")
        e2diffsr.write_weights(Path(model), UNTRAINED, e2diffsr.E2DiffSr(e2diffsr.SMALL))
    edge = round(pixels.shape[1] / scale)
    small = picture_of(to_dtype(shrink(pixels, edge, edge), "uint8"))
    upsampler, settings = upsampler_for(model), UpscaleSettings(model, pixels.shape[1] / edge)

    def work(of: Upsampler = upsampler) -> None:
        scene = UpscaledScene(small, of, settings, {})
        scene.read(scene.target)

    works = {upsampler.model: work}
    with suppress(InputError):  # it may have no deterministic part
        works["without diffusion"] = partial(work, upsampler.deterministic())
    return works


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of all threads, and wall-clock seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


@click.command()
@click.option("--upscale", metavar="NAME|FILE", help="Time this upsampler.")
@click.option("--enhance", metavar="NAME|FILE", help="Time this enhancer instead.")
@click.option("--scale", default=4.0, show_default=True, help="Scale of an upsampler; rounded to whole pixels.")
@click.option("--size", type=click.IntRange(UNIT), default=512, show_default=True, help="Edge of the result.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of both.")
def main(upscale: str | None, enhance: str | None, scale: float, size: int, repeats: int, threads: int) -> None:
    """Print the medians of both, and the median of the paired ratios."""
    if (upscale is None) == (enhance is None):
        raise click.UsageError("give --upscale or --enhance")
    if size % UNIT:
        raise click.UsageError(f"--size {size} is not a multiple of {UNIT}, which ELIC needs")
    torch.set_num_threads(threads)
    pixels, _ = synthesize(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        ours = upscaling(upscale, pixels, scale, path) if upscale else enhancing(enhance, pixels, path)
    elic = Elic(pixels)
    elic.encode()
    works = ours | {"ELIC, decompress()": elic.decode}
    for work in works.values():
        work()
    times = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            times[name].append(timed(work))

    click.echo(machine())
    click.echo(f"to {size} x {size} x 3 uint8{f', x{scale:g}' if upscale else ''}, {repeats} turns; ratios to ELIC")
    click.echo(f"{'':24}{'CPU':>8}{'ratio':>7}{'lowest':>7}{'highest':>8}{'wall':>10}{'ratio':>7}")
    theirs = list(times.values())[-1]
    for name, found in times.items():
        cpu, wall = ([one[at] / other[at] for one, other in zip(found, theirs, strict=True)] for at in (0, 1))
        seconds = [statistics.median(column) for column in zip(*found, strict=True)]
        click.echo(
            f"{name:24}{seconds[0]:6.2f} s{statistics.median(cpu):7.2f}{min(cpu):7.2f}{max(cpu):8.2f}"
            f"{seconds[1]:8.2f} s{statistics.median(wall):7.2f}"
        )


if __name__ == "__main__":
    main()
