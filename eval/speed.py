"""Measures the speed of each contender, in paired runs, so that a busy machine slows all equally.

    repeats x (contender after contender, each in its own process) --> seconds, megapixels/s
      ratio to the first contender: the median over repeats of the ratio within a repeat

A process encodes and decodes once to warm up, and is then timed. Times include the tools that anchors start.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rscodec.concurrency.threads import turn
from rscodec.eval.rd import line_up, load


@dataclass(frozen=True)
class Run:
    seconds_encode: float
    seconds_decode: float


@dataclass(frozen=True)
class Speed:
    """Medians over repeats. A `_ratio` is the time relative to that of the first contender in the same repeat."""

    codec: str
    parameter: float
    megapixels: float
    encode_mpx_s: float
    decode_mpx_s: float
    encode_time_ratio: float
    decode_time_ratio: float
    repeats: int
    version: str


def speed(
    image: Path,
    specs: list[str],
    *,
    bands: tuple[int, ...] | None = (1, 2, 3),
    repeats: int = 3,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Speed], dict[str, str]]:
    """(one row for each contender, in order; reasons why others did not run). Each runs at its middle parameter."""
    found, skipped = line_up(specs)
    scene = load(image, bands)
    for spec in list(found):
        if reason := found[spec].refuses(scene):
            skipped[found.pop(spec).name] = reason
    runs: dict[str, list[Run]] = {spec: [] for spec in found}
    for repeat in range(repeats):
        for number, spec in enumerate(found):
            runs[spec].append(in_own_process(image, bands, spec, middle(found[spec]), threads))
            if progress:
                progress(repeat * len(found) + number + 1, repeats * len(found))
    megapixels = scene.pixels.shape[1] * scene.pixels.shape[2] / 1e6
    first = next(iter(runs.values()), [])
    return [summarise(found[spec], made, first, megapixels) for spec, made in runs.items()], skipped


def middle(contender) -> float:
    return contender.parameters[len(contender.parameters) // 2]


def in_own_process(image: Path, bands, spec: str, parameter: float, threads: int) -> Run:
    """Run in a new process, so that contenders share only the machine."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(timed, (image, bands, spec, parameter, threads))


def timed(image: Path, bands, spec: str, parameter: float, threads: int) -> Run:
    from rscodec.eval.contenders import contender

    scene, one = load(image, bands), contender(spec)
    with turn(threads):
        return _timed(one, scene, parameter)


def _timed(one, scene, parameter: float) -> Run:
    prepared = one.prepare(scene)
    one.decode(one.encode(prepared, parameter), scene)
    started = time.perf_counter()
    data = one.encode(prepared, parameter)
    encoded = time.perf_counter()
    one.decode(data, scene)
    decoded = time.perf_counter()
    return Run(encoded - started, decoded - encoded)


def summarise(contender, runs: list[Run], first: list[Run], megapixels: float) -> Speed:
    def median(pick: Callable[[Run], float]) -> float:
        return statistics.median(map(pick, runs))

    def ratio(pick: Callable[[Run], float]) -> float:
        return statistics.median(pick(mine) / pick(other) for mine, other in zip(runs, first, strict=True))

    return Speed(
        contender.name,
        middle(contender),
        megapixels,
        encode_mpx_s=megapixels / median(lambda run: run.seconds_encode),
        decode_mpx_s=megapixels / median(lambda run: run.seconds_decode),
        encode_time_ratio=ratio(lambda run: run.seconds_encode),
        decode_time_ratio=ratio(lambda run: run.seconds_decode),
        repeats=len(runs),
        version=contender.version,
    )
