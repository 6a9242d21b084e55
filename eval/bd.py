"""Bjontegaard deltas: Akima interpolation with the bjontegaard package for each image, then the mean over images.

    BD-rate   mean difference in rate, in %, over the qualities that both curves reach; negative means fewer bits
    BD-PSNR   mean difference in quality, in dB, over the rates that both curves reach

The overlap is the share of the anchor's range that both curves cover; every figure states it. An image has no figure if
its curves share less than MIN_OVERLAP, or if one of them has too few points. Such images are counted.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MIN_OVERLAP = 0.3
LEAST_POINTS = 3
METRICS = ("psnr_db", "ms_ssim_db")


@dataclass(frozen=True)
class Delta:
    """A contender against an anchor, averaged over images."""

    codec: str
    anchor: str
    metric: str
    bd_rate_percent: float | None
    bd_quality_db: float | None
    overlap_mean: float
    overlap_min: float
    images: int
    images_without_overlap: int
    reason: str | None  # the reason if there is no figure


def frontier(points: Iterable[tuple[float, float]]) -> np.ndarray:
    """The points (rate, quality) sorted by rate, without points that another one beats. Both columns rise, as Akima
    needs.
    """
    kept: list[tuple[float, float]] = []
    finite = [point for point in points if all(map(math.isfinite, point))]
    for rate, quality in sorted(finite, key=lambda point: (point[0], -point[1])):
        if not kept or (quality > kept[-1][1] and rate > kept[-1][0]):
            kept.append((rate, quality))
    return np.array(kept).reshape(-1, 2)


def overlap(anchor: np.ndarray, other: np.ndarray) -> float:
    """The share of the anchor's range of qualities that both curves cover, 0 to 1."""
    low, high = max(anchor[0, 1], other[0, 1]), min(anchor[-1, 1], other[-1, 1])
    return max(0.0, high - low) / (anchor[-1, 1] - anchor[0, 1])


def no_figure(anchor: np.ndarray, other: np.ndarray) -> str | None:
    """The reason why two frontiers have no figure, or None."""
    if min(len(anchor), len(other)) < LEAST_POINTS:
        return f"a curve has fewer than {LEAST_POINTS} points that rise"
    if overlap(anchor, other) < MIN_OVERLAP:
        return f"curves share less than {100 * MIN_OVERLAP:g} % of the qualities that the anchor reaches"
    return None


def image_delta(anchor, other) -> tuple[float, float, float] | None:
    """(BD-rate in %, BD-quality in dB, overlap) of two lists of (rate, quality), or None without enough overlap."""
    import bjontegaard

    a, b = frontier(anchor), frontier(other)
    if no_figure(a, b):
        return None
    settings = {"method": "akima", "require_matching_points": False, "min_overlap": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rate = bjontegaard.bd_rate(a[:, 0], a[:, 1], b[:, 0], b[:, 1], **settings)
        quality = bjontegaard.bd_psnr(a[:, 0], a[:, 1], b[:, 0], b[:, 1], **settings)
    return float(rate), float(quality), overlap(a, b)


def deltas(curves: dict[str, dict[str, list[tuple[float, float]]]], codec: str, anchor: str, metric: str) -> Delta:
    """The mean delta over the images that both codecs have. `curves[codec][image]` is a list of (rate, quality)."""
    images = sorted(curves[codec].keys() & curves[anchor].keys())
    found = [delta for image in images if (delta := image_delta(curves[anchor][image], curves[codec][image]))]
    rates, qualities, shared = np.array(found).reshape(-1, 3).T
    qualities = qualities[np.isfinite(qualities)]  # curves that share qualities need not share rates
    reasons = {no_figure(frontier(curves[anchor][image]), frontier(curves[codec][image])) for image in images}
    return Delta(
        codec,
        anchor,
        metric,
        bd_rate_percent=float(rates.mean()) if found else None,
        bd_quality_db=float(qualities.mean()) if len(qualities) else None,
        overlap_mean=float(shared.mean()) if found else 0.0,
        overlap_min=float(shared.min()) if found else 0.0,
        images=len(found),
        images_without_overlap=len(images) - len(found),
        reason=None if found else "; ".join(sorted(reasons)) or f"no image has {metric} of both",
    )
