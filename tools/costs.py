"""Estimates the cost of 1,000 km2 (bytes, CPU-hours and memory) from measured speed and rate.

    python tools/costs.py --gsd 0.6 test/naip/*.tif

The images (of one kind; all are cut to the smallest size) are tiled repeatedly until the scene has --size pixels on
each side. It is encoded, decoded and previewed, each step in its own process with one thread, whose CPU time (user and
system) and peak memory are measured. The same is done with a corner of a quarter of its width and height, to measure
the cost of starting. Then

    pixels    = 1000 km2 / gsd^2                   bytes   = pixels * bpp / 8
    CPU-hours = pixels * seconds / 3600            seconds = (scene - corner) / (pixels of scene - pixels of corner)

CPU time depends on the machine, but little on its load. The seams between the images cost extra bits, so the rate is
slightly high.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from rscodec.raster.scene import Scene

AREA = 1e9  # m2
STEPS = ("encode", "decode", "preview")
COMMAND = "import sys; from rscodec.cli.main import main; sys.exit(main(sys.argv[1:]))"
ROOT = Path(__file__).resolve().parent.parent


def mosaic(images: list[Path], bands: int | None, size: int) -> Scene:
    """The images side by side, `size` pixels on each side, without georeference."""
    tiles = [Scene.load(path, bands and tuple(range(1, bands + 1))).pixels for path in images]
    height, width = (min(tile.shape[axis] for tile in tiles) for axis in (1, 2))
    rows, cols = -(-size // height), -(-size // width)
    turn = (tiles[number % len(tiles)][:, :height, :width] for number in range(rows * cols))
    lines = [np.concatenate([next(turn) for _ in range(cols)], 2)[..., :size] for _ in range(rows)]
    return Scene(np.concatenate(lines, 1)[:, :size])


def run(*arguments: object) -> tuple[float, float]:
    """Run the command line with one thread. Returns (CPU seconds, peak MiB)."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", COMMAND, *map(str, arguments), "--quiet", "--threads", "1"]
    _, status, usage = os.wait4(os.posix_spawn(sys.executable, command, environment), 0)
    if status:
        sys.exit(f"{' '.join(map(str, arguments))} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--gsd", type=float, multiple=True, required=True, help="Metres per pixel; give several for several rows."
)
@click.option("--bands", type=int, show_default="all", help="Number of bands.")
@click.option("--quality", default=3.0, show_default=True, help="As in `rscodec encode`.")
@click.option(
    "--size",
    type=click.IntRange(2048),
    default=4096,
    show_default=True,
    help="Edge in pixels of the measured scene; in a smaller scene, start-up time hides the time of pixels.",
)
def main(images: tuple[Path, ...], gsd: tuple[float, ...], bands: int | None, quality: float, size: int) -> None:
    """Print the measurements, and a table of the costs of an area."""
    with tempfile.TemporaryDirectory() as name:
        made = mosaic(sorted(images), bands, size)
        large = measure(Path(name), made, quality)
        corner = measure(Path(name), Scene(made.pixels[:, : size // 4, : size // 4]), quality)
    bpp, raw = 8 * large["bytes"] / size**2, 8 * made.pixels.nbytes / size**2
    shape = f"{size} x {size} x {len(made.pixels)} {made.pixels.dtype}"
    click.echo(f"{len(images)} image(s) as {shape}, quality {quality:g}: {bpp:.3f} of {raw:g} bpp")
    per_pixel = {}
    for step in STEPS:
        per_pixel[step] = (large[step][0] - corner[step][0]) / (size**2 * 15 / 16)
        start = large[step][0] - per_pixel[step] * size**2
        click.echo(
            f"{step:8}{1e-6 / per_pixel[step]:6.2f} MP per CPU second after {start:.1f} s of starting, "
            f"at most {large[step][1]:.0f} MiB"
        )
    click.echo(f"| GSD m | megapixels | raw GB | GB | {' | '.join(f'{step} CPU-h' for step in STEPS)} |")
    click.echo("|---|---|---|---|---|---|---|")
    for metres in gsd:
        pixels = AREA / metres**2
        numbers = (pixels * raw / 8e9, pixels * bpp / 8e9, *(per_pixel[step] * pixels / 3600 for step in STEPS))
        click.echo(f"| {metres:g} | {pixels / 1e6:,.0f} | " + " | ".join(f"{number:.3g}" for number in numbers) + " |")


def measure(folder: Path, made: Scene, quality: float) -> dict:
    """(CPU seconds, peak MiB) of each step, and the bytes of the stream."""
    scene, stream, back, small = (folder / file for file in ("a.tif", "a.bin", "b.tif", "c.tif"))
    made.save(scene, overwrite=True)
    edge = made.pixels.shape[1]
    steps = {
        "encode": run("encode", scene, "-o", stream, "-q", quality, "--overwrite"),
        "decode": run("decode", stream, "-o", back, "--overwrite"),
        "preview": run("decode", stream, "-o", small, "--preview", edge // 16, "--overwrite"),
    }
    return steps | {"bytes": stream.stat().st_size}


if __name__ == "__main__":
    main()
