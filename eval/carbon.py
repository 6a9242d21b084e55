"""Evaluates forest carbon models on the simulated county, and the effect of compressed imagery on the map.

    simulated()    the models that ship, and baselines trained in the west, evaluated in the east
    task_rate()    the east coded by every contender at every rate --> map --> RMSE and bias, beside the error of NDVI;
                   a row of carbon.csv, written at once; carbon.json: curves, and what each codec adds to the RMSE where
                   JPEG2000 adds 5 %

The models that draw the maps were trained on uncompressed imagery.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import OutputError
from rscodec.carbon.baselines import BASELINES, fit
from rscodec.carbon.features import KINDS, features
from rscodec.carbon.prepare import prepare
from rscodec.carbon.scores import scale_of, score
from rscodec.carbon.simulation import county
from rscodec.carbon.simulation.reflectance import BANDS
from rscodec.eval import spectral
from rscodec.eval.rd import line_up
from rscodec.eval.table import Table
from rscodec.models.registry import CARBON
from rscodec.models.weights import mapper_for, ships
from rscodec.raster.scene import Scene

SIZE, SEED = 1024, 1  # of the county on which figures are measured
BY_NAME = {baseline.name: baseline for baseline in BASELINES}
FITTED = ("ols", "rf", "svr")
RIVAL, ADDED = "jpeg2000", 5.0  # percent added to the RMSE


@dataclass(frozen=True)
class East:
    """The county, and the columns that contain its test region. In these columns, `mask` (h,w) marks the pixels to
    evaluate, and `forest` marks forest.
    """

    imagery: np.ndarray
    density: np.ndarray
    region: np.ndarray
    columns: slice
    scale: float

    @property
    def east(self) -> np.ndarray:
        return self.imagery[..., self.columns]

    @property
    def mask(self) -> np.ndarray:
        return (np.isfinite(self.density) & (self.region == county.TEST))[:, self.columns]

    @property
    def forest(self) -> np.ndarray:
        return np.isfinite(self.density)[:, self.columns]

    def score(self, found: np.ndarray) -> dict:
        return asdict(score(self.density[:, self.columns], found, self.mask, self.scale))


@cache
def county_east(size: int = SIZE) -> East:
    made = county.simulate(size, SEED)
    with tempfile.TemporaryDirectory() as folder:
        county.write(made, Path(folder), {})
        files = (Path(folder) / name for name in ("imagery.tif", "forest.geojson", "canopy_height.tif"))
        density = prepare(*files, county.VOLUME).density
    judged = np.flatnonzero((np.isfinite(density) & (made.region == county.TEST)).any(0))
    learn = np.isfinite(density) & (made.region == county.TRAIN)
    columns = slice(int(judged[0]), int(judged[-1]) + 1)
    return East(made.imagery, density, made.region, columns, scale_of(density, learn))


def simulated(draws: int, progress: Callable[[int, int], None] | None = None) -> tuple[dict, dict[str, np.ndarray]]:
    """Return {"county", "models": {name: scores}}, and the maps (h,w) of the east by name. Models that ship are not
    trained again; baselines are fitted to the training region.
    """
    where, maps = county_east(), {}
    fitted = [(name, kind) for kind in KINDS for name in FITTED]
    shipping = [row.name for row in CARBON if ships(row)]
    learnt = [(name, lambda name=name: _shipped(where, name, draws)) for name in shipping]
    learnt += [
        (name if kind == "pixel" else f"{name}-5x5", lambda name=name, kind=kind: _fitted(where, name, kind))
        for name, kind in fitted
    ]
    for name, make in learnt:
        maps[name] = make()(where.east)
        if progress:
            progress(len(maps), len(learnt))
    models = {name: where.score(found) for name, found in maps.items()}
    return {"county": {"size": SIZE, "seed": SEED, "simulated": True}, "models": models}, maps


@dataclass(frozen=True)
class CarbonRow:
    """A line of carbon.csv. `model` draws the map. The rate is that of the whole file. `added_percent`: the increase of
    the map's RMSE over uncompressed imagery.
    """

    codec: str
    version: str
    parameter: float
    rate_bpp_file: float
    model: str
    rmse_mg_ha: float
    bias_mg_ha: float
    added_percent: float
    ndvi_mae: float


def task_rate(
    codecs: Iterable[str],
    anchors: Iterable[str],
    out: Path,
    model: str,
    draws: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Measure, write carbon.csv and carbon.json to `out`, and return the content of carbon.json. `model`: a model that
    ships, a weights file, or a baseline, which is then fitted to pixels and their neighbourhoods.
    """
    if (out / "carbon.csv").exists():
        raise OutputError(f"{out / 'carbon.csv'} exists; give another `out`")
    where, (taking_part, skipped) = county_east(), line_up([*codecs, *anchors])
    scene = Scene(where.east, metadata={"descriptions": list(BANDS)})
    if model in BY_NAME:
        drawn, weights = _fitted(where, model, "window"), ""
    else:
        drawn, mapper = _shipped(where, model, draws), mapper_for(model)
        model, weights = mapper.model, mapper.weights_hash
    clear, rows = where.score(drawn(where.east)), []
    for spec in [spec for spec, one in taking_part.items() if one.refuses(scene)]:
        skipped[spec] = taking_part.pop(spec).refuses(scene)
    with Table(out / "carbon.csv", CarbonRow) as table:
        for one in taking_part.values():
            prepared = one.prepare(scene)
            for parameter in one.parameters:
                data = one.encode(prepared, parameter)
                decoded = one.decode(data, scene)
                found = where.score(drawn(decoded))
                rows.append(
                    CarbonRow(
                        codec=one.name,
                        version=one.version,
                        parameter=float(parameter),
                        rate_bpp_file=8 * len(data) / where.mask.size,
                        model=model,
                        rmse_mg_ha=found["rmse_mg_ha"],
                        bias_mg_ha=found["bias_mg_ha"],
                        added_percent=100 * (found["rmse_mg_ha"] / clear["rmse_mg_ha"] - 1),
                        ndvi_mae=spectral.ndvi_mae(
                            where.east,
                            decoded,
                            np.broadcast_to(where.mask, decoded.shape),
                            BANDS.index("red"),
                            BANDS.index("nir"),
                        ),
                    )
                )
                table.add(rows[-1])
                if progress:
                    progress(len(rows), sum(len(one.parameters) for one in taking_part.values()))
    summary = {"model": model, "weights": weights, "simulated": True, "uncompressed": clear, "skipped": skipped}
    summary |= curves(rows)
    with AtomicPath(out / "carbon.json", overwrite=True) as target:
        target.write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def curves(rows: list[CarbonRow]) -> dict:
    """The points of each codec by rising rate, and `at`: the highest rate at which JPEG2000 adds 5 %, with the increase
    of every codec at that rate (linear between points).
    """
    found: dict[str, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row.rate_bpp_file):
        point = asdict(row)
        found.setdefault(point.pop("codec"), []).append(point)
    rate = crossing(found.get(RIVAL, []))
    added = {}
    for name, points in found.items():
        rates, adds = ([point[key] for point in points] for key in ("rate_bpp_file", "added_percent"))
        if rate is not None and rates[0] <= rate <= rates[-1]:
            added[name] = float(np.interp(rate, rates, adds))
    return {"curves": found, "at": {"rate_bpp_file": rate, "rival": RIVAL, "added_percent": added}}


def crossing(points: list[dict]) -> float | None:
    """The highest rate at which a curve falls through ADDED."""
    for left, right in reversed(list(pairwise(points))):
        high, low = left["added_percent"], right["added_percent"]
        if high >= ADDED > low:
            share = (high - ADDED) / (high - low)
            return left["rate_bpp_file"] + share * (right["rate_bpp_file"] - left["rate_bpp_file"])
    return None


def _shipped(where: East, model: str, draws: int) -> Callable[[np.ndarray], np.ndarray]:
    mapper = mapper_for(model)
    return lambda imagery: np.maximum(mapper.maps(imagery, where.forest, draws), 0).mean(0)


def _fitted(where: East, name: str, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    learn = np.isfinite(where.density) & (where.region == county.TRAIN)
    model = fit(BY_NAME[name], features(where.imagery, kind), where.density, learn)
    return lambda imagery: model.predict(features(imagery, kind), where.mask)
