"""Compares our speed with CompressAI's ELIC, on one machine, in one process, on the same image.

    python tools/bench_speed.py --threads 2

Our codec runs from file to file (GeoTIFF in, stream out; stream in, GeoTIFF out); ELIC runs from tensor to strings and
back, in memory. They take turns, and each turn gives one ratio, so a busy machine slows both alike. Models are loaded,
and everything has run once, before the first measurement.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

import rscodec
from rscodec.concurrency.threads import turn
from rscodec.eval.elic import UNIT, Elic, machine
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize


class Ours:
    """Our codec on files in a folder, with the functions of `rscodec encode` and `rscodec decode`."""

    def __init__(self, folder: Path, scene: Scene, model: str, weights: Path | None, quality: float):
        self.scene, self.stream, self.back = folder / "scene.tif", folder / "scene.bin", folder / "back.tif"
        self.options = {"weights": weights, "overwrite": True}
        self.model, self.quality = model, quality
        scene.save(self.scene)

    def encode(self) -> None:
        rscodec.encode_file(self.scene, self.stream, quality=self.quality, model=self.model, **self.options)

    def decode(self) -> None:
        rscodec.decode_file(self.stream, self.back, **self.options)


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@click.command()
@click.option("--size", type=click.IntRange(UNIT), default=1024, show_default=True, help="Edge of the scene.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Number of pairs of each kind.")
@click.option("--model", default=DEFAULT_CODEC, show_default=True, help="Our codec: a row of the registry.")
@click.option(
    "--weights", type=click.Path(exists=True, path_type=Path), help="Weights file, instead of the one that ships."
)
@click.option("--quality", default=3.0, show_default=True, help="Quality of our codec.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads of both; all cores by default.")
def main(size: int, repeats: int, model: str, weights: Path | None, quality: float, threads: int | None) -> None:
    """Print the medians of both, and the median of the paired ratios."""
    if size % UNIT:
        raise click.UsageError(f"--size {size} is not a multiple of {UNIT}, which ELIC needs")
    pixels, metadata = synthesize(size)
    scene = Scene(pixels, metadata=metadata)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Ours(Path(folder), scene, model, weights, quality), Elic(scene.pixels)
        pairs = {
            "encode": (ours.encode, theirs.encode),
            "decode": (ours.decode, theirs.decode),
        }
        times = {name: [] for name in pairs}
        with turn(threads):
            for pair in pairs.values():
                for work in pair:
                    work()
            for _ in range(repeats):
                for name, pair in pairs.items():
                    times[name].append([seconds(work) for work in pair])
        rate = 8 * ours.stream.stat().st_size / size**2

    megapixels = size**2 / 1e6
    click.echo(machine())
    click.echo(f"{size} x {size} x 3 uint8, {repeats} pairs; ours: {model}, quality {quality:g}, {rate:.3f} bpp")
    click.echo(f"{'':14}{'ours':>16}{'ELIC':>16}{'ratio':>8}{'lowest':>8}{'highest':>8}")
    for name, pairs_of in times.items():
        ratios = [other / own for own, other in pairs_of]
        columns = [
            f"{statistics.median(column):7.3f} s {megapixels / statistics.median(column):5.2f} MP/s"
            for column in zip(*pairs_of, strict=True)
        ]
        click.echo(
            f"{name:14}{columns[0]:>22}{columns[1]:>22}"
            f"{statistics.median(ratios):8.1f}{min(ratios):8.1f}{max(ratios):8.1f}"
        )


if __name__ == "__main__":
    main()
