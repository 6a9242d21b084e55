"""Measures the peak memory of the command line on scenes of several sizes.

The tile size decides the peak, not the scene size.

    python tools/bench_memory.py --weights rsc-m-3.safetensors --sizes 6000 12000

For each size, a scene of N x N x 3 bytes is made, encoded, decoded and previewed at full size, each step in its own
process, whose peak resident memory (ru_maxrss) is printed. Exits with 1 if a peak is above --limit, or if the peaks of
one step differ between sizes by more than --spread.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

PATCH = 1024  # edge in pixels of the synthetic scene that is repeated, shifted and mirrored
COMMAND = "import sys; from rscodec.cli.main import main; sys.exit(main(sys.argv[1:]))"
ROOT = Path(__file__).resolve().parent.parent


def write_scene(path: Path, size: int, bands: int = 3) -> None:
    """Write a scene of patches, each different."""
    import numpy as np

    from rscodec.raster.writer import RasterWriter
    from rscodec.synthetic.sample import synthesize

    patch, metadata = synthesize(PATCH, bands)
    rng = np.random.default_rng(0)
    with RasterWriter(path, (size, size, bands, "uint8"), metadata) as writer:
        for row in range(0, size, PATCH):
            for col in range(0, size, PATCH):
                turned = np.rot90(np.roll(patch, rng.integers(0, PATCH, 2), (1, 2)), rng.integers(4), (1, 2))
                writer.write(turned[:, : size - row, : size - col], col, row)


def run(*arguments: object) -> tuple[float, float]:
    """Run the command line, or this file, in a new process. Returns (peak MiB, seconds)."""
    started = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    child = os.posix_spawn(sys.executable, [sys.executable, *map(str, arguments)], environment)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{' '.join(map(str, arguments))} ended with {os.waitstatus_to_exitcode(status)}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return kilobytes / 1024, time.perf_counter() - started


def measure(size: int, folder: Path, options: list[str]) -> dict[str, float]:
    """The peak MiB of each step with one scene."""
    scene, stream, back, seen = (folder / f"{size}{suffix}" for suffix in (".tif", ".bin", ".back.tif", ".seen.tif"))
    steps = {
        "encode": ["encode", scene, "-o", stream],
        "decode": ["decode", stream, "-o", back],
        "preview": ["decode", stream, "-o", seen, "--preview", size],
    }
    run(__file__, "--write", scene, "--sizes", size)
    peaks = {}
    for name, arguments in steps.items():
        peaks[name], seconds = run("-c", COMMAND, *arguments, "--quiet", *options)
        print(f"{name:7} {size:6d} x {size:<6d} {peaks[name]:7.0f} MiB {seconds:7.1f} s", flush=True)
    for path in (scene, stream, back, seen):
        path.unlink()
    return peaks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[6000, 12000])
    parser.add_argument("--weights", help="weights file, instead of the one that ships")
    parser.add_argument("--folder", type=Path, help="folder for temporary scenes (default: that of the system)")
    parser.add_argument("--limit", type=float, default=3072, help="largest peak memory in MiB (default: 3072)")
    parser.add_argument(
        "--spread", type=float, default=0.15, help="largest relative difference between sizes (default: 0.15)"
    )
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.write:
        write_scene(settings.write, settings.sizes[0])
        return 0

    options = ["--weights", settings.weights] if settings.weights else []
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        peaks = [measure(size, Path(folder), options) for size in settings.sizes]
    failed = False
    for name in peaks[0]:
        values = [peak[name] for peak in peaks]
        spread = max(values) / min(values) - 1
        failed |= max(values) > settings.limit or spread > settings.spread
        print(
            f"{name}: at most {max(values):.0f} MiB (limit {settings.limit:.0f}), "
            f"sizes differ by {spread:.1%} (limit {settings.spread:.0%})"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
