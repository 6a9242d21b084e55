"""Measures how much faster several workers are than one, on the same scenes.

    python tools/bench_batch.py --workers 1 --workers 2

Encodes the same synthetic scenes with each number of workers in turn. Each worker has one thread. A few scenes are
encoded before the measurement begins. Also checks that all outputs are the same. A ratio is meaningful only if a core
is free for each worker, so the load at the start is printed beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import click

from rscodec.batch import run as batch
from rscodec.batch.inputs import find_inputs
from rscodec.concurrency.executors import LOCAL, executor_for
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize


def measure(folder: Path, workers: int) -> tuple[float, list[str]]:
    """The seconds for all scenes, and the checksums of the outputs."""
    work = batch.Work("encode", {"quality": 3.0})
    scenes = find_inputs([str(folder / "scenes" / "*.tif")])
    with executor_for(LOCAL, workers) as executor:
        batch.run(work, scenes[: 2 * workers], folder / f"first-{workers}", executor)
        started = time.perf_counter()
        rows = batch.run(work, scenes, folder / f"all-{workers}", executor)
        seconds = time.perf_counter() - started
    return seconds, [row.sha256 for row in rows]


@click.command()
@click.option("--scenes", default=40, show_default=True, help="Number of scenes.")
@click.option("--size", default=1024, show_default=True, help="Edge of each scene, in pixels.")
@click.option("--workers", type=int, multiple=True, default=(1, 2), show_default=True, help="Numbers of workers.")
def main(scenes: int, size: int, workers: tuple[int, ...]) -> None:
    """Print the throughput of each number of workers, and its ratio to the first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenes").mkdir()
        for number in range(scenes):
            pixels, metadata = synthesize(size, seed=number)
            Scene(pixels, None, metadata).save(folder / "scenes" / f"{number:03}.tif")
        first = None
        for count in workers:
            load = os.getloadavg()[0]
            seconds, checksums = measure(folder, count)
            first = first or (seconds, checksums)
            same = "same bytes" if checksums == first[1] else "OTHER BYTES"
            megapixels = scenes * size**2 / 1e6
            click.echo(
                f"{count} worker(s): {scenes / seconds:.3f} scenes/s, {megapixels / seconds:.2f} MP/s, "
                f"{first[0] / seconds:.2f} x, {same}; load {load:.1f} on {os.cpu_count()} cores"
            )
            if checksums != first[1]:
                sys.exit(1)


if __name__ == "__main__":
    main()
