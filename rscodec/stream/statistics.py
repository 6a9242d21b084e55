"""Computes the statistics of a scene for its `Radiometry`, in one pass over its windows and in bounded memory.

    coded bands (C,h,w), classes --add--> min, max, mean, covariance, percentiles --radiometry--> Radiometry

Percentiles come from full histograms for integer types, and from a bounded random sample for floats. The random
generator has a fixed seed, so the same scene gives the same file.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from math import gcd

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.raster.validity import NOT_FINITE
from rscodec.stream.radiometry import MATRIX_ONE, Radiometry, to_angles
from rscodec.stream.reach import ExtremeBlocks

MAX_SAMPLE = 2**17  # pixels kept for the percentiles of float scenes
FEW_PIXELS, THINNED = 2**16, 7  # in a window with more pixels, about every seventh counts for the covariance
LOW_PERCENT, HIGH_PERCENT = 0.1, 99.9
MIN_INTEGER_SCALE = 16.0
MOST_WEIGHT = 256.0  # for a band that hardly varies
COARSER = 4.0  # how much the scale of all bands may grow, except for uint8, for outliers of a band that varies little
LARGEST = 1e140  # the largest float64 pixel: sums of squares must stay finite


class Statistics:
    """Statistics of the coded bands of a scene.

    >>> statistics = Statistics("uint16", coded=4)
    >>> for each window: statistics.add(pixels, classes)
    >>> radiometry = statistics.radiometry(bands=4)
    """

    def __init__(self, dtype: str, coded: int):
        self.dtype = dtype
        self.coded = coded
        self.planes = 0
        self.low = np.full(coded, np.inf)
        self.high = np.full(coded, -np.inf)
        self.count = 0
        self.mean = np.zeros(coded)
        self.scatter = np.zeros((coded, coded))
        integer = np.issubdtype(dtype, np.integer)
        self.blocks = ExtremeBlocks(coded)
        self._percentiles: _Histogram | _Sample = _Histogram(dtype, coded) if integer else _Sample(coded)

    def add(self, pixels: np.ndarray, classes: np.ndarray | None = None) -> None:
        """Add a window: coded bands (C,h,w) and class planes (P,h,w). Raises InputError for infinite and extremely
        large values.
        """
        shape = pixels.shape
        pixels = pixels.reshape(self.coded, -1)
        valid = np.ones(pixels.shape, bool)
        if classes is not None and classes.any():
            valid = np.broadcast_to(classes.reshape(len(classes), -1) == 0, pixels.shape)
            self.planes = max(self.planes, 1 if (classes == classes[:1]).all() else 2)
        for band in range(self.coded):
            values = pixels[band, valid[band]]
            if values.size:
                self.low[band] = min(self.low[band], values.min())
                self.high[band] = max(self.high[band], values.max())
                if not np.isfinite([self.low[band], self.high[band]]).all():
                    raise InputError(NOT_FINITE)
                if max(-self.low[band], self.high[band]) > LARGEST:
                    raise InputError(
                        f"the scene has pixels beyond {LARGEST:g} either way ({values.min():g} to {values.max():g}): "
                        "if one value stands for missing data, give that value as `nodata`"
                    )
        if self.dtype != "uint8":
            self._percentiles.add(pixels, valid)
        self.blocks.add(pixels.reshape(shape), valid.reshape(shape))
        step = 1 if pixels.shape[1] < FEW_PIXELS else next(step for step in count(THINNED) if gcd(step, shape[2]) == 1)
        self._merge(pixels[:, ::step][:, valid[:, ::step].all(0)].astype(np.float64))

    def _merge(self, values: np.ndarray) -> None:
        """Update mean and scatter with new pixels, without cancellation (Chan et al. 1979)."""
        new = values.shape[1]
        if not new or self.coded < 2:
            return
        mean = values.mean(1)
        centred = values - mean[:, None]
        step = mean - self.mean
        total = self.count + new
        self.scatter += centred @ centred.T + np.outer(step, step) * (self.count * new / total)
        self.mean += step * (new / total)
        self.count = total

    def radiometry(
        self, bands: int, exact: tuple[int, ...] = (), planes: int | None = None, balance: bool = False
    ) -> Radiometry:
        """The Radiometry of a scene with `bands` bands, of which `exact` are lossless. `planes`: by default the fewest
        that suffice. `balance`: give errors more weight in bands that vary less.
        """
        planes = self.planes if planes is None else planes
        seen = self.high >= self.low
        low, high = (np.where(seen, edge, 0.0) for edge in (self.low, self.high))
        floor, ceiling = (np.where(seen, edge, 0.0) for edge in self._percentiles.edges())
        if self.coded > 1:
            offset = self.mean if self.count else (low / 2 + high / 2)
        else:
            offset = np.zeros(self.coded) if self.dtype == "uint8" else floor
        spread, quarter_range, weights = ceiling - floor, high / 4 - low / 4, np.ones(self.coded)
        scale = _scale(self.dtype, spread, quarter_range)
        if balance:
            coarser = 1 if self.dtype == "uint8" else COARSER
            weights = self._weights(coarser * scale, quarter_range)
            scale = _scale(self.dtype, weights * spread, weights * quarter_range)
        short = self.dtype == "uint8" and self.coded in (2, 3)
        if short:
            offset = np.rint(offset)
        if self.dtype != "float64":  # rounded as in the file, so that encoder and decoder agree
            scale, offset = float(np.float32(scale)), offset.astype(np.float32)
        plain = Radiometry(self.dtype, bands, tuple(exact), planes, scale, tuple(offset.tolist()))
        if self.coded < 2:
            return plain
        if balance:
            plain = replace(plain, weights=tuple(weights.tolist()))
        scatter = weights[:, None] * self.scatter * weights
        rows = _eigenvectors(scatter)
        if short:
            rows[-1] *= np.sign(np.linalg.det(rows))  # a rotation
            found = replace(plain, angles=to_angles(rows))
        else:
            found = replace(plain, matrix=np.rint(rows * MATRIX_ONE).astype(np.int16))
        variances = np.diag(found.klt @ scatter @ found.klt.T) / max(self.count, 1)
        return replace(found, deviations=tuple((np.sqrt(variances.clip(min=0)) / scale).tolist()))

    def _weights(self, most_range: float, ranges: np.ndarray) -> np.ndarray:
        """Factors that make bands vary equally: 1 for the band that varies most. No factor stretches one of the
        `ranges` beyond `most_range`: an outlier in a band that varies little must not reduce the detail of the other
        bands.
        """
        deviations = np.sqrt(np.diag(self.scatter) / max(self.count, 1))
        most = deviations.max(initial=0)
        weights = np.where(deviations > 0, most / np.maximum(deviations, most / MOST_WEIGHT), 1) if most else 1.0
        weights = np.minimum(weights, most_range / np.maximum(ranges, most_range / MOST_WEIGHT))
        return weights.astype(np.float32).astype(float)


def _eigenvectors(scatter: np.ndarray) -> np.ndarray:
    """Eigenvectors as rows, by falling variance, each with a positive sum."""
    largest = np.abs(scatter).max()
    _, vectors = np.linalg.eigh(scatter / largest if largest else scatter)
    rows = vectors.T[::-1]
    return rows * np.where(rows.sum(1, keepdims=True) < 0, -1, 1)


def _scale(dtype: str, spread: np.ndarray, quarter_range: np.ndarray) -> float:
    """The network's 1.0 in units of the scene: the widest range of most pixels of a band, but at least a quarter of the
    widest full range. It is constant for eight bits.
    """
    if dtype == "uint8":
        return 255.0
    scale = float(max(spread.max(initial=0.0), quarter_range.max(initial=0.0)))
    if np.issubdtype(dtype, np.integer):
        return max(scale, MIN_INTEGER_SCALE)
    info = np.finfo(dtype)
    return min(max(scale, float(info.tiny)), float(info.max)) if scale > 0 else 1.0


class _Histogram:
    """Exact percentiles of integer bands."""

    def __init__(self, dtype: str, coded: int):
        self.first = int(np.iinfo(dtype).min)
        self.counts = np.zeros((coded, int(np.iinfo(dtype).max) - self.first + 1), np.int64)

    def add(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        for counts, band, good in zip(self.counts, pixels, valid, strict=True):
            counts += np.bincount(band[good].astype(np.int64) - self.first, minlength=counts.size)

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        cumulative = self.counts.cumsum(1)
        shares = np.array([LOW_PERCENT, HIGH_PERCENT]) / 100
        edges = [self.first + np.searchsorted(band, band[-1] * shares) for band in cumulative]
        return _columns(edges)


class _Sample:
    """Percentiles of float bands, from a random sample of pixels. A sample that gets too large is halved."""

    def __init__(self, coded: int):
        self.random = np.random.Generator(np.random.PCG64(0))
        self.rate = 1.0
        self.kept = np.empty((coded, 0))

    def add(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        chosen = valid.any(0) & (self.random.random(pixels.shape[1]) < self.rate)
        new = np.where(valid[:, chosen], pixels[:, chosen], np.nan).astype(np.float64)
        self.kept = np.concatenate([self.kept, new], axis=1)
        while self.kept.shape[1] > MAX_SAMPLE:
            self.kept = self.kept[:, self.random.random(self.kept.shape[1]) < 0.5]
            self.rate /= 2

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        known = [band[~np.isnan(band)] for band in self.kept]
        shares = [LOW_PERCENT, HIGH_PERCENT]
        return _columns([np.percentile(band, shares) if band.size else (0.0, 0.0) for band in known])


def _columns(edges: list) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.array(edges, float).reshape(-1, 2).T
    return low, high
