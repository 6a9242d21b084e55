"""Maps carbon density, its uncertainty and totals for each polygon, from a raster or a stream.

    density.tif   Mg/ha, mean of the maps drawn, NaN outside forest
    spread.tif    Mg/ha, deviation of the maps drawn; NaN if there is only one
                  (this is not the error of the map: all maps may have the same error;
                  it is lower where windows overlap, since a map is the mean of several windows there)
    mask.tif      1 where there is a density: valid pixels, inside the polygons if there are any
    totals.csv    one row for each polygon on the map, if polygons are given

All rasters name the model and its training data. Generated imagery is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from rscodec.api import load
from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError
from rscodec.carbon.area import pixel_areas
from rscodec.carbon.crops import refuse_alpha
from rscodec.carbon.density import HECTARE
from rscodec.carbon.folder import check, make
from rscodec.carbon.grid import Grid
from rscodec.carbon.inventory import read_inventory
from rscodec.carbon.mapper import DRAWS
from rscodec.concurrency.threads import turn
from rscodec.models.weights import mapper_for
from rscodec.raster.fill import fill_invalid
from rscodec.raster.provenance import raster_crc32, refuse_synthetic, synthetic
from rscodec.raster.scene import Scene
from rscodec.stream.settings import settings_of

DENSITY, SPREAD, MASK, TOTALS = "density.tif", "spread.tif", "mask.tif", "totals.csv"


@dataclass(frozen=True)
class Total:
    """The total of one polygon, with its number in the file: `tonnes` of carbon, and their deviation if several maps
    were drawn.
    """

    feature: int
    pixels: int
    hectares: float
    mg_ha: float
    tonnes: float
    tonnes_spread: float | None


@dataclass(frozen=True)
class CarbonReport:
    """`far`: the largest distance of a band's mean from the mean of the training imagery, in deviations."""

    path: str
    model: str
    trained_on: str
    maps: int
    pixels: int
    hectares: float
    tonnes: float
    tonnes_spread: float | None
    far: float
    totals: list[Total]


@dataclass(frozen=True)
class PredictSettings:
    """`bands`: the bands of the input to use, counted from 1. `stands`: polygons of forest. `draws`: maps to average.
    `weights`: of the codec, for a stream. `progress` is called with (maps done, all maps).
    """

    bands: tuple[int, ...] | None = None
    stands: Path | None = None
    draws: int = DRAWS
    allow_synthetic: bool = False
    weights: str | Path | None = None
    device: str = "cpu"
    threads: int | None = None
    overwrite: bool = False
    progress: Callable[[int, int], None] | None = None


def predict_file(src: str | Path, folder: Path, model: str | Path = "iidm", **settings) -> CarbonReport:
    """Write the files of a map into a folder. `settings` are those of PredictSettings."""
    (given,) = settings_of(settings, PredictSettings)
    files = DENSITY, SPREAD, MASK, TOTALS
    check(folder, files, given.overwrite)
    with turn(given.threads):
        mapper, scene = mapper_for(model, given.device), load(src, given.bands, given.weights, given.device)
        checksum = raster_crc32(src)
        if not given.allow_synthetic:
            refuse_synthetic(scene.metadata, src, "give the original, or `allow_synthetic=True`")
        if len(scene.pixels) != mapper.bands:
            raise InputError(
                f"{src}: {len(scene.pixels)} bands are given, {mapper.model} takes {mapper.bands}: give those that it "
                "was trained on, in their order, with `bands` (weights that ship: blue, green, red, near infrared)"
            )
        refuse_alpha(scene.metadata, src, given.bands)
        grid = Grid.of(scene.metadata, *scene.pixels.shape[:0:-1], name=src)
        forest, label, numbers = _forest(scene, grid, given.stands, src)
        seen = fill_invalid(scene.pixels, ~scene.mask)  # a nodata value would affect all pixels of its windows
        maps = np.maximum(mapper.maps(seen, forest, given.draws, given.progress), 0)

    tags = {
        "carbon_model": mapper.model,
        "carbon_weights": mapper.weights_hash,
        "carbon_maps": str(len(maps)),
        "carbon_trained_on": mapper.trained_on,
        "carbon_source_crc32": checksum,
    }
    make(folder, files, given.overwrite)
    _write_maps(folder, maps, forest, grid, tags | synthetic(scene.metadata), given.overwrite)
    hectares = np.where(forest, pixel_areas(grid), 0) / HECTARE
    totals = []
    if given.stands:
        totals = _totals(maps, hectares, np.where(forest, label, 0), numbers)
        _write_totals(folder / TOTALS, totals, given.overwrite)
    else:
        (folder / TOTALS).unlink(missing_ok=True)  # from an earlier map
    (whole,) = _totals(maps, hectares, forest.astype(int), [0])
    units = mapper.units
    means = scene.pixels[:, forest].mean(1, dtype=np.float64)
    far = float(np.abs((means - units.mean) / np.array(units.spread)).max())
    sums = whole.pixels, whole.hectares, whole.tonnes, whole.tonnes_spread
    return CarbonReport(str(folder), mapper.model, mapper.trained_on, len(maps), *sums, far, totals)


def _forest(
    scene: Scene, grid: Grid, stands: Path | None, src: str | Path
) -> tuple[np.ndarray, np.ndarray | None, list[int]]:
    """The pixels to map (h,w), the polygon of each pixel, and the numbers of polygons in the file."""
    forest, label, numbers = scene.mask.all(0), None, []
    if stands:
        label, numbers = _label(grid, stands)
        forest &= label > 0
    if not forest.any():
        where = f" in the polygons of {stands}; check their CRSs" if stands else ""
        raise InputError(f"{src} has no valid pixel{where}")
    return forest, label, numbers


def _write_maps(
    folder: Path, maps: np.ndarray, forest: np.ndarray, grid: Grid, tags: dict[str, str], overwrite: bool
) -> None:
    _save(folder / DENSITY, maps.mean(0), "carbon density (Mg/ha)", grid, tags, overwrite)
    spread = maps.std(0) if len(maps) > 1 else np.full_like(maps[0], np.nan)
    _save(folder / SPREAD, spread, "deviation of carbon density (Mg/ha)", grid, tags, overwrite)
    metadata = grid.metadata | {"descriptions": ["1 where there is a density"], "tags": {"": tags}}
    Scene(forest[None].astype(np.uint8), metadata=metadata).save(folder / MASK, overwrite=overwrite)


def _label(grid: Grid, stands: Path) -> tuple[np.ndarray, list[int]]:
    """The polygon of each pixel (h,w), from 1, and the numbers of polygons in the file."""
    forest = read_inventory(stands, None)
    kept = [at for at, outline in enumerate(forest.outlines) if outline is not None]
    outlines = grid.projected([forest.outlines[at] for at in kept], forest.crs, forest.path)
    return grid.burned(outlines), [forest.numbers[at] for at in kept]


def _totals(maps: np.ndarray, hectares: np.ndarray, label: np.ndarray, numbers: list[int]) -> list[Total]:
    count = len(numbers) + 1
    pixels, area = np.bincount(label.ravel(), minlength=count), np.bincount(label.ravel(), hectares.ravel(), count)
    stock = np.stack([np.bincount(label.ravel(), (np.nan_to_num(one) * hectares).ravel(), count) for one in maps])
    return [
        Total(number, int(pixels[at]), float(area[at]), float(stock[:, at].mean() / area[at]),
              float(stock[:, at].mean()), float(stock[:, at].std()) if len(maps) > 1 else None)
        for at, number in enumerate(numbers, 1) if pixels[at]
    ]  # fmt: skip


def _write_totals(path: Path, totals: list[Total], overwrite: bool) -> None:
    with AtomicPath(path, overwrite) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Total))
        writer.writerows(
            [f"{value:.3f}" if isinstance(value, float) else value for value in astuple(one)] for one in totals
        )


def _save(path: Path, values: np.ndarray, description: str, grid: Grid, tags: dict, overwrite: bool) -> None:
    carbon = {"nodata": "nan", "descriptions": [description], "units": ["Mg/ha"], "tags": {"": tags}}
    Scene(values[None].astype(np.float32), metadata=grid.metadata | carbon).save(path, overwrite=overwrite)
