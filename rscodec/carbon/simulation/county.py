"""Simulates a county for models of forest carbon: all inputs of the method, from one seed.

    terrain.py --> stands.py --> canopy.py --> reflectance.py
        |             |             |               |
     dem.tif    forest.geojson  canopy_height.tif  imagery.tif       and region.tif, county.json
     climate.tif

Training and test region are two parts of the county with a strip between them. Stands that touch the strip belong to
neither, so no stand is in both. The county was never tuned to a model: tests check its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.carbon.folder import make
from rscodec.carbon.grid import Grid
from rscodec.carbon.simulation.canopy import canopy
from rscodec.carbon.simulation.reflectance import BANDS, imagery
from rscodec.carbon.simulation.stands import SPECIES, stands
from rscodec.carbon.simulation.terrain import PIXEL, terrain
from rscodec.raster.scene import Scene
from rscodec.synthetic.noise import View

NEITHER, TRAIN, TEST = 0, 1, 2
TRAIN_SHARE = 0.7  # of the columns, from the west
STRIP_SHARE = 1 / 16  # of the columns, between train and test
MARGIN = 4  # extra pixels that are cut off, so that the sensor's blur has no edge effects
CRS, WEST, NORTH = "EPSG:32633", 412_000.0, 5_318_000.0
FILES = ("imagery.tif", "canopy_height.tif", "dem.tif", "climate.tif", "region.tif", "forest.geojson", "county.json")
VOLUME = "volume_m3_ha"
ORIGIN = "simulated by rscodec carbon simulate; no place on Earth"


@dataclass(frozen=True)
class County:
    """Rasters (h,w) or (bands,h,w). `stand`: the number of each pixel's stand, 0 outside forest. The inventory's values
    are indexed by that number.
    """

    imagery: np.ndarray
    canopy_height: np.ndarray
    dem: np.ndarray
    climate: np.ndarray
    region: np.ndarray
    stand: np.ndarray
    volume: np.ndarray
    species: np.ndarray
    age: np.ndarray

    @property
    def grid(self) -> Grid:
        height, width = self.stand.shape
        return Grid(CRS, (PIXEL, 0.0, WEST, 0.0, -PIXEL, NORTH), width, height)

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for name, values in vars(self).items():
            digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def simulate(size: int, seed: int) -> County:
    view = View(0, 0, size, size).grown(MARGIN)
    land = terrain(view, seed)
    lots = stands(view, seed, land)
    trees = canopy(view, seed, lots)
    inner = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    label = lots.label[inner]
    here = np.flatnonzero(lots.forest & np.isin(np.arange(len(lots.forest)), label))
    number = np.zeros(len(lots.forest), np.int32)
    number[here] = np.arange(1, len(here) + 1)
    by_number = np.concatenate([[0], here])
    climate = np.stack([np.round(land.temperature, 2), np.round(land.precipitation)])
    return County(
        imagery=imagery(view, seed, land, lots, trees)[inner],
        canopy_height=_tenths(trees.lidar)[inner],
        dem=_tenths(land.elevation)[inner],
        climate=climate[inner].astype(np.float32),
        region=_regions(label),
        stand=number[label],
        volume=lots.surveyed[by_number],
        species=lots.species[by_number].astype(np.uint8),
        age=np.round(lots.age[by_number]).astype(np.int16),
    )


def write(county: County, folder: Path, about: dict, overwrite: bool = False) -> None:
    """Write all FILES to a folder, which is made if it does not exist. `about`: the settings for county.json."""
    make(folder, FILES, overwrite)
    metadata = county.grid.metadata | {"tags": {"": {"simulated": "yes", "origin": ORIGIN}}}
    for name, pixels, bands in (
        ("imagery", county.imagery, [*BANDS]),
        ("canopy_height", county.canopy_height, ["canopy height (m)"]),
        ("dem", county.dem, ["elevation (m)"]),
        ("climate", county.climate, ["mean temperature (deg C)", "precipitation (mm)"]),
        ("region", county.region, ["0 neither, 1 train, 2 test"]),
    ):
        pixels = pixels.reshape(-1, *county.stand.shape)
        Scene(pixels, metadata=metadata | {"descriptions": bands}).save(folder / f"{name}.tif", overwrite=overwrite)
    about = {"origin": ORIGIN, **about, "stands": len(county.volume) - 1, "sha256": county.sha256}
    _write_json(folder / "forest.geojson", _inventory(county), overwrite)
    _write_json(folder / "county.json", about, overwrite, indent=2)


def _inventory(county: County) -> dict:
    """The stands as GeoJSON (RFC 7946: degrees of WGS 84)."""
    part = np.zeros(len(county.volume), int)
    part[county.stand] = county.region
    features = [
        {
            "type": "Feature",
            "id": int(number),
            "properties": {
                "stand": int(number),
                "species": SPECIES[county.species[number]].name,
                "age": int(county.age[number]),
                VOLUME: float(county.volume[number]),
                "region": ("neither", "train", "test")[part[number]],
            },
            "geometry": geometry,
        }
        for number, geometry in county.grid.outlines(county.stand).items()
    ]
    return {"type": "FeatureCollection", "features": features}


def _regions(label: np.ndarray) -> np.ndarray:
    columns = np.arange(label.shape[1])
    train = columns < round(TRAIN_SHARE * len(columns))
    test = columns >= round((TRAIN_SHARE + STRIP_SHARE) * len(columns))
    region = np.zeros(label.shape, np.uint8)
    for value, inside in ((TRAIN, train), (TEST, test)):
        region[np.isin(label, np.setdiff1d(label[:, inside], label[:, ~inside]))] = value
    return region


def _tenths(values: np.ndarray) -> np.ndarray:
    return np.round(values, 1).astype(np.float32)


def _write_json(path: Path, content: dict, overwrite: bool, indent: int | None = None) -> None:
    with AtomicPath(path, overwrite) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
