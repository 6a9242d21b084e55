"""Computes NDVI over a window of a large stream through xarray, and measures the bytes read and the memory.

    python tools/bench_xarray.py scene.bin     # synthetic, 12,000 x 12,000 x 4; made first if it does not exist

Each variant runs in its own process. Exits with 1 if one reads more than 1.5 times the bytes of the tiles that the
window touches, or uses more than a gibibyte.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_memory import write_scene

import rscodec
from rscodec.bitstreams import StreamReader

WAYS = ("lazy", "chunks", "chunks, bands first")
MOST_RATIO, MOST_MIB = 1.5, 1024
SIZE, BANDS = 12_000, 4


class Counted:
    """A `get_bytes` function for a file, which counts the bytes that it reads."""

    def __init__(self, path: Path):
        self._file, self.bytes = path.open("rb"), 0

    def __call__(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        self.bytes += length
        return self._file.read(length)


def touched_bytes(path: Path, window: tuple[int, int, int, int]) -> int:
    """The bytes of the tiles that a window touches."""
    col, row, width, height = window
    with StreamReader.from_path(path) as reader:
        header = reader.header
        entries = [*[None] * header.planes, *range(header.groups)]
        rows = range(row // header.tile, (row + height - 1) // header.tile + 1)
        cols = range(col // header.tile, (col + width - 1) // header.tile + 1)
        return sum(reader.entry(r, c, entry).length for r in rows for c in cols for entry in entries)


def measure(path: Path, window: tuple[int, int, int, int], way: str) -> dict:
    """One run in this process: bytes of payloads, seconds, peak memory."""
    import xarray as xr

    source = Counted(path)
    opener = rscodec.open
    rscodec.open = lambda name, **options: opener(source, size=path.stat().st_size, **options)
    col, row, width, height = window
    with xr.open_dataset(path, engine="rscodec", chunks=None if way == "lazy" else {}) as dataset:
        at_opening, started = source.bytes, time.perf_counter()
        part = dataset.band_data.isel(y=slice(row, row + height), x=slice(col, col + width))
        if way == "chunks":
            part = part.astype("float32")
        red, nir = (part.sel(band=name).astype("float32") for name in ("red", "nir"))
        ndvi = float(((nir - red) / (nir + red + 1e-6)).mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return {"bytes": source.bytes - at_opening, "seconds": time.perf_counter() - started, "mib": peak, "ndvi": ndvi}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("stream", type=Path)
    parser.add_argument(
        "--window",
        type=int,
        nargs=4,
        default=[3000, 4000, 2000, 2000],
        metavar="N",
        help="col row width height (default: 3000 4000 2000 2000)",
    )
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    window = tuple(settings.window)
    if settings.way:
        print(json.dumps(measure(settings.stream, window, settings.way)))
        return 0

    if not settings.stream.exists():
        with tempfile.TemporaryDirectory() as folder:
            write_scene(Path(folder, "scene.tif"), SIZE, BANDS)
            rscodec.encode_file(Path(folder, "scene.tif"), settings.stream)
    touched = touched_bytes(settings.stream, window)
    print(f"the tiles under the window {window} take {touched} bytes")
    failed = False
    for way in WAYS:
        command = [sys.executable, __file__, str(settings.stream), "--way", way, "--window", *map(str, window)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        ratio = found["bytes"] / touched
        failed |= ratio > MOST_RATIO or found["mib"] > MOST_MIB
        print(
            f"{way:20} {found['bytes']:9d} bytes  {ratio:5.2f} x  {found['mib']:5.0f} MiB  "
            f"{found['seconds']:6.1f} s  mean {found['ndvi']:.4f}",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
