"""Computes the carbon density of an image's pixels from an inventory and canopy heights.

    inventory --reproject--> outlines --burn--+
                                              |--> density.py --> Mg/ha on the image's grid, NaN outside forest
    canopy heights --------------warp---------+

The weights of a stand are computed over the whole stand, even if it crosses the edge of the image. So tiles of a mosaic
can be prepared one by one, with the same result. A stand is cut only where the canopy heights end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.area import pixel_areas
from rscodec.carbon.density import density, weights
from rscodec.carbon.folder import make
from rscodec.carbon.grid import Grid
from rscodec.carbon.inventory import Inventory, read_inventory
from rscodec.raster.provenance import refuse_synthetic
from rscodec.raster.scene import Scene

FILES = DENSITY, MASK = "density.tif", "mask.tif"
NAMED = 5  # stands that a note names, at most


@dataclass(frozen=True)
class Prepared:
    """`density` float32 (h,w) in Mg/ha, NaN outside `mask` (h,w); the number of stands in it; notes on what was left
    out.
    """

    density: np.ndarray
    mask: np.ndarray
    grid: Grid
    stands: int
    notes: list[str]


def prepare(image, inventory, heights, volume: str) -> Prepared:
    """Prepare from three files. `volume`: the inventory's column with m3/ha."""
    scene, canopy = Scene.load(image), Scene.load(heights)
    for name, raster in ((image, scene), (heights, canopy)):
        refuse_synthetic(raster.metadata, name)
    if len(canopy.pixels) > 1:
        raise InputError(f"{heights} has {len(canopy.pixels)} bands: give a raster with canopy height only")
    grid = Grid.of(scene.metadata, *scene.pixels.shape[:0:-1], name=image)
    canopy_grid = Grid.of(canopy.metadata, *canopy.pixels.shape[:0:-1], name=heights)
    forest = read_inventory(inventory, volume)
    notes: list[str] = []
    outlines, kept = _usable(forest, grid, notes)
    near = _near(outlines, kept, grid, forest, image, notes)

    frame = _frame([outlines[at] for at in near], grid, canopy_grid)
    wide = grid.window(*frame)
    height = wide.warped(np.where(canopy.mask[0], canopy.pixels[0], np.nan), canopy_grid)
    if not np.isfinite(height).any():
        raise InputError(f"{heights} has no canopy height where {image} lies; check their CRSs")
    stands = wide.burned([outlines[at] for at in near])
    numbers = np.array([0, *(forest.numbers[kept[at]] for at in near)])
    _note_gaps(stands, height, numbers, notes)
    by_stand = np.array([0.0, *(forest.volume[kept[at]] for at in near)])
    found = density(stands, by_stand, height, pixel_areas(wide))
    counts = np.bincount(stands.ravel(), weights(stands, height).ravel(), minlength=len(numbers)) > 0

    inner = slice(-frame[1], grid.height - frame[1]), slice(-frame[0], grid.width - frame[0])
    known = np.isfinite(height) & counts[stands] & (stands > 0)
    mask = known[inner] & scene.mask.all(0)
    values = np.where(mask, found[inner], np.nan).astype(np.float32)
    return Prepared(values, mask, grid, len(np.unique(stands[inner][mask])), notes)


def write(prepared: Prepared, folder: Path, overwrite: bool = False) -> None:
    """Write FILES to a folder, which is made if it does not exist."""
    make(folder, FILES, overwrite)
    place = prepared.grid.metadata
    carbon = {"nodata": "nan", "descriptions": ["forest carbon density (Mg/ha)"], "units": ["Mg/ha"]}
    Scene(prepared.density[None], metadata=place | carbon).save(folder / DENSITY, overwrite=overwrite)
    forest = {"descriptions": ["1 = forest of known carbon"]}
    Scene(prepared.mask[None].astype(np.uint8), metadata=place | forest).save(folder / MASK, overwrite=overwrite)


def _usable(forest: Inventory, grid: Grid, notes: list[str]) -> tuple[list[dict], list[int]]:
    """The outlines in the grid's CRS, and their indices in the inventory."""
    empty = [at for at, outline in enumerate(forest.outlines) if outline is None]
    unknown = [at for at, value in enumerate(forest.volume) if not (np.isfinite(value) and value >= 0)]
    _note(notes, [forest.numbers[at] for at in empty], "empty outlines: left out")
    _note(notes, [forest.numbers[at] for at in unknown], "no volume, or a negative one: left out")
    kept = sorted(set(range(len(forest.numbers))) - set(empty) - set(unknown))
    if not kept:
        raise InputError(f"{forest.path} has no stand with both an outline and a volume")
    return grid.projected([forest.outlines[at] for at in kept], forest.crs, forest.path), kept


def _near(outlines: list[dict], kept: list[int], grid: Grid, forest: Inventory, image, notes: list[str]) -> list[int]:
    """The outlines that touch the image."""
    boxes = np.array([grid.box(outline) for outline in outlines])
    touch = (boxes[:, :2] < [grid.width, grid.height]).all(1) & (boxes[:, 2:] > 0).all(1) & np.isfinite(boxes).all(1)
    if not touch.any():
        west, north, east, south = *np.nanmin(boxes[:, :2], 0), *np.nanmax(boxes[:, 2:], 0)
        raise InputError(
            f"no stand of {forest.path} touches {image}: in its pixels, they are in columns {west:.0f} to "
            f"{east:.0f}, rows {north:.0f} to {south:.0f}; check their CRSs"
        )
    _note(notes, [forest.numbers[kept[at]] for at in np.flatnonzero(~touch)], "outside of the image")
    return np.flatnonzero(touch).tolist()


def _frame(outlines: list[dict], grid: Grid, canopy: Grid) -> tuple[int, int, int, int]:
    """Column, row, width and height of a window that contains the image and its stands, within the canopy heights."""
    boxes, most = np.array([grid.box(outline) for outline in outlines]), np.array(grid.box_of(canopy))
    first = np.maximum(boxes[:, :2].min(0), most[:2] - 1)  # one more pixel, to detect stands that continue
    last = np.minimum(boxes[:, 2:].max(0), most[2:] + 1)
    first = np.floor(np.minimum(first, 0)).astype(int)
    last = np.ceil(np.maximum(last, [grid.width, grid.height])).astype(int)
    return (*first.tolist(), *(last - first).tolist())


def _note_gaps(stands: np.ndarray, height: np.ndarray, numbers: np.ndarray, notes: list[str]) -> None:
    """Note stands without canopy heights."""
    known = np.isfinite(height)
    pixels, measured, covered = (
        np.bincount(stands[which], minlength=len(numbers)) > 0
        for which in (np.ones_like(known), known, known & (height > 0))
    )
    cut = np.bincount(stands[~known], minlength=len(numbers)) > 0
    for which, what in (
        (~pixels, "too small to contain the centre of a pixel: left out"),
        (pixels & ~measured, "without canopy heights: left out"),
        (measured & ~covered, "no canopy higher than zero: left out"),
        (measured & cut, "extend beyond the canopy heights: only the part inside counts"),
    ):
        _note(notes, numbers[1:][which[1:]].tolist(), what)


def _note(notes: list[str], numbers: list[int], what: str) -> None:
    if numbers:
        named = ", ".join(map(str, numbers[:NAMED])) + (", ..." if len(numbers) > NAMED else "")
        notes.append(f"{len(numbers)} of the stands (feature {named}): {what}")
