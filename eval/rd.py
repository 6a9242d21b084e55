"""Measures rate and distortion of every contender on every image: plans, resumes, runs, summarises.

images x contenders x parameters  -  rows already in results.csv  =  points to measure
                                                                           |  --jobs processes
results.csv, row by row  <-------------------------------------------------+
    |--> bd.json: mean curves, BD-rates, skipped contenders and reasons
    |--> rscodec.eval.plots, rscodec.eval.report
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError, OutputError, ToolFailed, ToolMissing
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.concurrency.threads import turn
from rscodec.eval import published
from rscodec.eval.contenders import contender
from rscodec.eval.datasets import Image
from rscodec.eval.features import Features
from rscodec.eval.measure import Row, band_list, difference, is_picture, measure, unavailable
from rscodec.eval.originals import check_originals, hash_of
from rscodec.eval.summary import not_drawn, summarise, without_figure
from rscodec.eval.table import Table, read
from rscodec.raster.metadata import alpha_bands
from rscodec.raster.reader import RasterReader
from rscodec.raster.scene import Scene

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Point:
    """One measurement to make. `bands`: 1-based, or None for all."""

    spec: str
    parameter: float
    image: Image
    bands: tuple[int, ...] | None


@dataclass(frozen=True)
class Result:
    """`summary`: the content of bd.json. The other fields are for the pictures of a report; `images` and `contenders`
    are by name.
    """

    summary: dict
    rows: list[Row]
    images: dict[str, Image]
    contenders: dict
    bands: tuple[int, ...] | None


def rd(
    images: list[Image],
    codecs: Iterable[str],
    anchors: Iterable[str],
    out: Path,
    *,
    bands: tuple[int, ...] | None = (1, 2, 3),
    jobs: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Measure, and write results.csv and bd.json to `out`."""
    table_path, features = out / "results.csv", Features(out)
    if table_path.exists() and not resume:
        raise OutputError(f"{table_path} exists; give `resume=True` to resume it, or another `out`")
    specs = [*codecs, *anchors]
    if not specs:
        raise InputError("nothing to measure: name a codec or an anchor")
    taking_part, skipped = line_up(specs)
    points, refused = plan(taking_part, images, bands, read(table_path))
    with Table(table_path) as table:
        pixels = ((f"{image.name}, bands {band_list(bands)}", load(image.path, bands, image.bands)) for image in images)
        check_originals(out, {name: hash_of(scene.pixels) for name, scene in pixels})
        for done, (point, row) in enumerate(measured(points, features, jobs), 1):
            if isinstance(row, ToolFailed):
                refused[f"{point.spec}, {point.parameter:g}, on {point.image.name}"] = str(row)
            else:
                table.add(row)
            if progress:
                progress(done, len(points))
    contenders = {one.name: one for one in taking_part.values()}
    asked = {image.name: image for image in images}
    whose = {(one.name, one.version, one.command, band_list(bands)) for one in contenders.values()}
    rows = [
        row
        for row in read(table_path)
        if row.image in asked and (row.codec, row.version, row.command, row.bands_asked) in whose
    ]
    rows += published.points(asked, bands)
    summary = summarise(rows, features)
    sets = summary["sets"]
    summary["skipped"] = skipped | refused | metrics_left_out(rows) | not_drawn(sets) | without_figure(sets)
    with AtomicPath(out / "bd.json", overwrite=True) as path:
        path.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n")
    return Result(summary, rows, asked, contenders, bands)


def line_up(specs: Iterable[str]) -> tuple[dict, dict[str, str]]:
    """(contenders by specification, reasons why others cannot run)."""
    found, skipped = {}, {}
    for spec in dict.fromkeys(specs):
        try:
            found[spec] = contender(spec)
        except ToolMissing as problem:
            skipped[spec] = str(problem)
    versions: dict[str, str] = {}
    for spec, one in found.items():
        if versions.setdefault(one.name, one.version) != one.version:
            raise InputError(
                f"{spec}: another codec also has the name {one.name}; give the weights files different names"
            )
    return found, skipped


def plan(found: dict, images: list[Image], bands, rows: list[Row]) -> tuple[list[Point], dict[str, str]]:
    """(points without a row, image by image; refusals as text)."""
    done = {row.key for row in rows}
    points: list[Point] = []
    refused: dict[str, str] = {}
    for image in images:
        scene = load(image.path, bands, image.bands)
        if not scene.mask.any():
            refused[image.name] = "it has no valid pixel"
            continue
        if alpha_bands(scene.metadata):
            refused[image.name] = "it has no band but alpha"
            continue
        if alpha_of(image.path).intersection(bands or range(1, MAX_BANDS + 1)):
            refused[f"alpha of {image.name}"] = "codecs are compared on the other bands"
        for spec, one in found.items():
            if reason := one.refuses(scene):
                refused[f"{one.name} on {image.name}"] = reason
                continue
            for parameter in one.parameters:
                key = image.name, band_list(bands), one.name, one.version, one.command, float(parameter)
                if key not in done:
                    points.append(Point(spec, float(parameter), image, bands))
    return points, refused


def metrics_left_out(rows: list[Row]) -> dict[str, str]:
    """The reasons why pictures have no LPIPS or NIQE, and scenes of more bands no NDVI, if so."""
    pictures = [row for row in rows if is_picture(row.bands, row.height, row.width, row.dtype)]
    reasons = dict(unavailable()) if any(None in (row.lpips, row.niqe) for row in pictures) else {}
    nameless = list(dict.fromkeys(row.image for row in rows if row.bands > 3 and row.ndvi_mae is None))
    if nameless:
        more = f" and {len(nameless) - 1} more" if len(nameless) > 1 else ""
        reasons["ndvi_mae"] = (
            f"neither descriptions nor colour interpretation of {nameless[0]}{more} name red and near infrared"
        )
    return reasons


def measured(points: list[Point], features: Features, jobs: int) -> Iterator[tuple[Point, Row | ToolFailed]]:
    """Yield the points with their rows, or with what their tool says, as they finish."""
    if jobs == 1:
        yield from ((point, row_of(point, features)) for point in points)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_one_thread) as pool:
        waiting = {pool.submit(_on_one_thread, point, features): point for point in points}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def row_of(point: Point, features: Features) -> Row | ToolFailed:
    image, one = point.image, _contender(point.spec)
    scene = load(image.path, point.bands, image.bands)
    ceiling_db = _ceiling_db(point.spec, image, point.bands)
    try:
        return measure(scene, one, point.parameter, image.name, ceiling_db, point.bands, features)
    except ToolFailed as problem:
        return problem


@lru_cache(maxsize=2)
def load(path: Path, bands: tuple[int, ...] | None, names: tuple[str, ...] = ()) -> Scene:
    """Load a scene with those of `bands` that it has, or with all of its bands if it has none of them. Alpha, which
    ours stores losslessly and anchors do not know, is left out if there are other bands. `names`: the names of all
    bands, for a file without names.
    """
    with RasterReader(path) as reader:
        every = tuple(band + 1 for band in reader.coded_bands or range(reader.count))
    there = tuple(band for band in bands or every if band in every) or every
    scene = Scene.load(path, there)
    if names:
        scene.metadata.setdefault("descriptions", [names[band - 1] for band in there])
    return scene


def alpha_of(path: Path) -> set[int]:
    """The alpha bands of an image, counted from 1."""
    with RasterReader(path) as reader:
        return {band + 1 for band in reader.exact_bands}


_contender = lru_cache(maxsize=None)(contender)


@lru_cache(maxsize=64)
def _ceiling_db(spec: str, image: Image, bands: tuple[int, ...] | None) -> float:
    scene, one = load(image.path, bands, image.bands), _contender(spec)
    return difference(scene.pixels, one.ceiling(one.prepare(scene)), scene.mask).psnr_db


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _on_one_thread(point: Point, features: Features) -> Row | ToolFailed:
    with turn(1):
        return row_of(point, features)
