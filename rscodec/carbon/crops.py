"""Converts between rasters and the inputs and outputs of learned models: training crops, and whole maps by windows.

Imagery is scaled to mean 0 and deviation 1 in the forest of the training region, density to its 99th percentile there
(scores.py). The loss of a crop counts forest in the training region only. A crop contains no pixel of the test region,
and none of the part that is kept back for choosing between models. It is drawn in one of eight orientations and, if the
imagery has the four bands of HAZE, with random light and haze.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.base import CarbonModel
from rscodec.carbon.scores import scale_of
from rscodec.carbon.simulation.county import TEST, TRAIN
from rscodec.generative.blending import Windows
from rscodec.networks.precision import fast
from rscodec.raster.metadata import Metadata, alpha_bands
from rscodec.raster.window import Window

TOGETHER = 8  # windows in a batch
LEAST_FOREST = 1 / 8  # of the area of a crop
HAZE = (0.8, 0.6, 0.35, 0.1)  # deviation of the haze added to blue, green, red, infrared, in deviations of the band
LIGHT, BAND_LIGHT = 0.1, 0.03  # deviation of the logarithm of the factor of all bands, and of each band
NORTH_SHARE = 1 / 8  # of the rows
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Units:
    """Converts imagery and density to a model's units and back. Its numbers are stored with the weights."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    scale: float

    @classmethod
    def of(cls, imagery: np.ndarray, density: np.ndarray, learn: np.ndarray) -> Units:
        pixels = imagery[:, learn].astype(np.float64)
        spread = np.maximum(pixels.std(1), 1e-6)
        return cls(tuple(pixels.mean(1).tolist()), tuple(spread.tolist()), scale_of(density, learn))

    def inputs(self, imagery: np.ndarray) -> np.ndarray:
        mean, spread = (np.array(values)[:, None, None] for values in (self.mean, self.spread))
        return ((imagery - mean) / spread).astype(np.float32)


class Crops:
    """`imagery` (C,h,w); `density` (h,w) in Mg/ha, NaN outside forest; `region` (h,w) as in county.py; optionally a map
    (h,w) of pixels to keep back. The last `maps` bands of the imagery are maps, which light does not change.
    """

    def __init__(
        self,
        imagery: np.ndarray,
        density: np.ndarray,
        region: np.ndarray,
        batch: int,
        edge: int,
        seed: int,
        kept_back: np.ndarray | None = None,
        maps: int = 0,
    ):
        learn = np.isfinite(density) & (region == TRAIN)
        if not learn.any():
            raise InputError("the training region has no forest of known carbon")
        self.units = Units.of(imagery, density, learn)
        kept_back = np.zeros_like(learn) if kept_back is None else kept_back
        learn &= ~kept_back
        self._batch, self._edge, self._seed, self._lit = batch, edge, seed, len(imagery) - maps
        target = np.where(learn, density, 0) / self.units.scale
        self._layers = np.concatenate([self.units.inputs(imagery), target[None], learn[None]]).astype(np.float32)
        enough = _sums(learn, edge) >= LEAST_FOREST * edge**2
        self._corners = np.argwhere(enough & (_sums((region == TEST) | kept_back, edge) == 0))
        if not len(self._corners):
            raise InputError(f"the training region has no place for a crop of {edge} pixels with enough forest")

    def at(self, step: int) -> Batch:
        """Imagery (B,C,e,e), density (B,1,e,e) and forest (B,1,e,e). They depend on seed and step only."""
        rng, crops = np.random.default_rng((self._seed, step)), []
        for row, column in self._corners[rng.integers(len(self._corners), size=self._batch)]:
            crop = self._layers[:, row : row + self._edge, column : column + self._edge]
            crop = np.rot90(crop, rng.integers(4), (1, 2))
            crop = (crop[:, ::-1] if rng.integers(2) else crop).copy()
            if self._lit == len(HAZE):
                crop[: self._lit] = self._weather(crop[: self._lit], rng)
            crops.append(crop)
        batch = torch.from_numpy(np.stack(crops))
        return batch[:, :-2], batch[:, -2:-1], batch[:, -1:]

    def stream(self, first: int, last: int) -> Iterator[Batch]:
        return map(self.at, range(first, last))

    def _weather(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add random light and haze, so that a model does not rely on them."""
        mean, spread = (np.array(values)[: len(x), None, None] for values in (self.units.mean, self.units.spread))
        light = np.exp(LIGHT * rng.normal() + BAND_LIGHT * rng.normal(size=mean.shape))
        haze = np.array(HAZE)[:, None, None] * rng.normal()
        return light * x + (light - 1) * mean / spread + haze


def refuse_alpha(metadata: Metadata, name: str | Path, bands: tuple[int, ...] | None = None) -> None:
    """Raise InputError if a band of imagery is alpha. `bands`: their numbers in the file, if some were chosen."""
    for at in alpha_bands(metadata):
        band = bands[at] if bands else at + 1
        raise InputError(
            f"{name}: band {band} is alpha, not a measurement: leave it out, or, if it is a measurement, such as near "
            f"infrared, run `gdal_edit.py -colorinterp_{band} undefined {name}`"
        )


def north_of(region: np.ndarray) -> np.ndarray:
    """A map (h,w) of the northern eighth of an image, which may be kept back."""
    rows = np.arange(len(region))[:, None] < round(NORTH_SHARE * len(region))
    return rows & np.ones_like(region, bool)


def estimate_map(
    model: CarbonModel, units: Units, imagery: np.ndarray, forest: np.ndarray, edge: int, seed: int, device: str = "cpu"
) -> np.ndarray:
    """Estimate Mg/ha (h,w) for a raster of any size; only values in `forest` (h,w) are meaningful. Windows have the
    size of training crops and are blended where they overlap. A window without forest is 0.
    """
    _, height, width = imagery.shape
    windows = Windows(Window(0, 0, width, height), edge, edge // 4)
    parts = windows.touching(Window(0, 0, width, height))
    down, right = max(part.bottom for part in parts), max(part.right for part in parts)
    layers = np.concatenate([units.inputs(imagery), forest[None].astype(np.float32)])
    padded = np.pad(layers, ((0, 0), (0, down - height), (0, right - width)), "symmetric")
    found = np.zeros((down, right), np.float32)
    inside = [(slice(None), slice(part.row, part.bottom), slice(part.col, part.right)) for part in parts]
    shown = [at for at, place in enumerate(inside) if padded[-1][place[1:]].any()]
    for first in range(0, len(shown), TOGETHER):
        some = shown[first : first + TOGETHER]
        x = torch.from_numpy(np.stack([padded[inside[at]] for at in some])).to(device)
        generator = torch.Generator().manual_seed(1_000_003 * seed + first)
        with fast(device):
            y = model.estimate(x[:, :-1], x[:, -1:], generator)
        for at, one in zip(some, y.float()[:, 0].cpu().numpy(), strict=True):
            found[inside[at][1:]] += windows.share(parts[at]) * one
    return units.scale * found[:height, :width]


def _sums(flags: np.ndarray, edge: int) -> np.ndarray:
    """The number of True in every square of `edge` pixels that fits, by its upper left corner."""
    table = np.pad(flags.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return table[edge:, edge:] - table[:-edge, edge:] - table[edge:, :-edge] + table[:-edge, :-edge]
