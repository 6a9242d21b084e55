"""The stands of the simulated county: their borders, their trees, and their entries in an inventory.

    cells of a jittered grid, their borders bent --> land use by slope and chance --> species by climate
    age by chance, site by climate and soil --> height --> basal area --> m3/ha --> surveyed m3/ha

Each stand has one value of each property; canopy.py makes it vary between pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rscodec.carbon.simulation.terrain import Terrain
from rscodec.synthetic.noise import View, bell, fractal, hashed, smooth

CELL = 22  # pixels; a stand has about 12 ha
OPEN_LAND = ("meadow", "crop", "soil")


@dataclass(frozen=True)
class Species:
    """Best climate (deg C, mm), speed of height growth (1/years), largest basal area (m2/ha), form factor, crown radius
    (m): a constant, and an increase for each metre of height.
    """

    name: str
    temperature: float
    precipitation: float
    rate: float
    basal_area: float
    form: float
    crown: tuple[float, float]


SPECIES = (
    Species("broadleaf", 10.0, 950.0, 0.022, 27.0, 0.46, (0.9, 0.125)),
    Species("pine", 9.0, 800.0, 0.026, 29.0, 0.47, (0.8, 0.095)),
    Species("spruce", 6.5, 1050.0, 0.024, 34.0, 0.49, (0.7, 0.085)),
    Species("larch", 5.5, 950.0, 0.028, 26.0, 0.46, (0.8, 0.100)),
)


@dataclass(frozen=True)
class Stands:
    """`label` (h,w): the number of each pixel's stand, from 1. The other fields are arrays by that number, whose entry
    0 is unused. `second`: a second species with `share` of the crowns. `volume`: the true volume. `surveyed`: the
    volume in the inventory.
    """

    label: np.ndarray
    forest: np.ndarray
    open_land: np.ndarray
    species: np.ndarray
    second: np.ndarray
    share: np.ndarray
    age: np.ndarray
    height: np.ndarray
    stocking: np.ndarray
    volume: np.ndarray
    surveyed: np.ndarray

    def of(self, name: str) -> np.ndarray:
        """A value of each stand as a map (h,w)."""
        return getattr(self, name)[self.label]


def stands(view: View, seed: int, land: Terrain) -> Stands:
    cells, label = _cells(view, seed)

    def chance(ticket: int) -> np.ndarray:
        return hashed(seed + ticket, *cells).astype(np.float64)

    def mean(field: np.ndarray) -> np.ndarray:
        sums, counts = (np.bincount(label.ravel(), weight) for weight in (field.ravel(), None))
        return sums / np.maximum(counts, 1)

    temperature, rain = mean(land.temperature), mean(land.precipitation)
    liking = mean(smooth(view, seed + 11, 150))
    forest = 4 * (mean(land.slope) - 0.16) + 0.35 * liking + 1.3 * (chance(12) - 0.3) > 0
    forest[0] = False
    liked = [
        -(((temperature - kind.temperature) / 2.5) ** 2) - ((rain - kind.precipitation) / 250) ** 2 + 3 * chance(20 + k)
        for k, kind in enumerate(SPECIES)
    ]
    order = np.argsort(liked, axis=0)
    species, second = order[-1], order[-2]
    rate, most, form = (
        np.array([getattr(kind, name) for kind in SPECIES])[species] for name in ("rate", "basal_area", "form")
    )
    age = 6 + 125 * chance(13) ** 1.3
    soil = mean(smooth(view, seed + 14, 120))
    site = np.clip(22 - 0.25 * (temperature - 8) ** 2 + 0.008 * (rain - 950) + 1.8 * soil, 9, 30)
    height = site * ((1 - np.exp(-rate * age)) / (1 - np.exp(-rate * 100))) ** 1.2
    stocking = 0.3 + 0.7 * chance(15)
    basal_area = stocking * most * (1 - np.exp(-height / 8)) * (1 + 0.08 * bell(seed + 16, *cells))
    volume = form * basal_area * height
    surveyed = np.round(volume * (1 + 0.05 * bell(seed + 17, *cells)), 1)
    return Stands(
        label,
        forest,
        (3 * chance(18)).astype(int),
        species,
        second,
        0.5 * chance(19) ** 2,
        age,
        height,
        stocking,
        np.where(forest, volume, 0),
        np.where(forest, surveyed, 0),
    )


def _cells(view: View, seed: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Column and row of each stand in the grid, and the stand of each pixel. Every cell contains one point; the stand
    of a pixel is the point nearest to the pixel's position, shifted by a smooth field.
    """
    x, y = view.coordinates()
    x = x + 5 * fractal(view, seed + 6, 45, 3).astype(np.float64)
    y = y + 5 * fractal(view, seed + 7, 45, 3).astype(np.float64)
    column, row = np.floor(x / CELL), np.floor(y / CELL)
    nearest = np.full(x.shape, np.inf)
    found = np.zeros((2, *x.shape), np.int64)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            at = np.stack([column + i, row + j]).astype(np.int64)
            dx = (at[0] + 0.1 + 0.8 * hashed(seed + 8, *at)) * CELL - x
            dy = (at[1] + 0.1 + 0.8 * hashed(seed + 9, *at)) * CELL - y
            distance = dx * dx + dy * dy
            closer = distance < nearest
            nearest = np.where(closer, distance, nearest)
            found = np.where(closer, at, found)
    cells, label = np.unique(found.reshape(2, -1), axis=1, return_inverse=True)
    void = np.zeros((2, 1), np.int64)
    return tuple(np.concatenate([void, cells], 1)), label.reshape(x.shape) + 1
