"""Summarises rows: mean curves and BD-rates, for each set of images and for all together.

A set is a folder of images with one number of bands. Names of averages say what is averaged: psnr_db_image_mean is the
mean of the images' PSNRs, psnr_db_of_mean_mse the PSNR of their mean squared error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import asdict

import numpy as np

from rscodec.eval.bd import METRICS, deltas
from rscodec.eval.features import Features
from rscodec.eval.measure import Row
from rscodec.eval.published import KIND
from rscodec.metrics.pixels import psnr

MEANS = (
    "rate_bpp_file",
    "psnr_db",
    "psnr_db_luma",
    "ssim_luma",
    "ms_ssim",
    "ms_ssim_db",
    "lpips",
    "niqe",
    "spectral_angle_deg",
    "ndvi_mae",
    "max_abs_error",
    "ceiling_psnr_db",
    "seconds_encode",
    "seconds_decode",
)


def sets(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by set. If several sets have the same kind of pixels, also all of them together."""
    found, kinds = defaultdict(list), defaultdict(list)
    for row in rows:
        kind = f"{row.bands} x {row.dtype}"
        found[f"{row.image.rpartition('/')[0] or '.'}, {kind}"].append(row)
        kinds[kind].append(row)
    together = {
        f"all, {kind}": members
        for kind, members in kinds.items()
        if len({row.image.rpartition("/")[0] for row in members}) > 1
    }
    return dict(found) | together


def summarise(rows: list[Row], features: Features | None = None) -> dict:
    """{"sets": {name: {"images", "peak", "curves", "deltas"}}}, ready for JSON."""
    return {"sets": {name: _summary(members, features) for name, members in sets(rows).items()}}


def _summary(rows: list[Row], features: Features | None) -> dict:
    by_codec: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_codec[row.codec].append(row)
    return {
        "images": len({row.image for row in rows}),
        "peak": sorted({row.peak for row in rows}),
        "curves": {codec: curve(members, features) for codec, members in by_codec.items()},
        "deltas": [asdict(delta) for delta in all_deltas(rows)],
    }


def curve(rows: list[Row], features: Features | None = None) -> dict:
    """Means over images at each parameter, by rising rate, and the tools that made them."""
    by_parameter: dict[float, list[Row]] = defaultdict(list)
    for row in rows:
        by_parameter[row.parameter].append(row)
    points = [_mean(parameter, members, features) for parameter, members in by_parameter.items()]
    first = rows[0]
    return {
        "kind": first.kind,
        "version": first.version,
        "command": first.command,
        "points": sorted(points, key=lambda point: point["rate_bpp_file"]),
    }


def _mean(parameter: float, rows: list[Row], features: Features | None) -> dict:
    point = {"parameter": parameter, "images": len(rows)}
    for name in MEANS:
        values = [value for row in rows if (value := getattr(row, name)) is not None and math.isfinite(value)]
        label = "psnr_db_image_mean" if name == "psnr_db" else name
        point[label] = float(np.mean(values)) if values else None
    of_mean = psnr(float(np.mean([row.mse for row in rows])), max(row.peak for row in rows))
    point["psnr_db_of_mean_mse"] = of_mean if math.isfinite(of_mean) else None
    if features:
        point |= features.distance((row.original for row in rows), (row.key for row in rows))
    return point


def drawable(one: dict) -> dict:
    """The curves of a set, as far as they are means over all of its images: others are not comparable."""
    found = {}
    for codec, curve in one["curves"].items():
        points = [point for point in curve["points"] if point["images"] == one["images"]]
        if points:
            found[codec] = curve | {"points": points}
    return found


def not_drawn(sets: dict[str, dict]) -> dict[str, str]:
    """The curves that `drawable` leaves out, with reasons."""
    return {
        f"curve of {codec} in {name}": f"its points are on {max(point['images'] for point in curve['points'])} of "
        f"{one['images']} images"
        for name, one in sets.items()
        for codec, curve in one["curves"].items()
        if codec not in drawable(one)
    }


def all_deltas(rows: list[Row]) -> list:
    """Deltas of every codec against every anchor and all published points, of codecs and anchors against the first of
    their kind, of enhanced contenders against their base, and of enhanced anchors also against other anchors.
    """
    codecs, anchors, enhanced, published = (
        list(dict.fromkeys(row.codec for row in rows if row.kind == kind))
        for kind in ("codec", "anchor", "enhanced", KIND)
    )
    pairs = [(codec, anchor) for codec in codecs for anchor in anchors + published]
    pairs += [(other, kind[0]) for kind in (codecs, anchors) for other in kind[1:]]
    pairs += [(name, base_of(name)) for name in enhanced if base_of(name) in codecs + anchors]
    rivals = [name for name in enhanced if base_of(name) in anchors]
    pairs += [(name, anchor) for name in rivals for anchor in anchors if anchor != base_of(name)]
    return [deltas(curves_of(rows, metric), codec, anchor, metric) for metric in METRICS for codec, anchor in pairs]


def without_figure(sets: dict[str, dict]) -> dict[str, str]:
    """The deltas of a summary's sets that have no figure, with reasons."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for one in sets.values():
        for delta in one["deltas"]:
            if delta["reason"]:
                name = f"BD of {delta['codec']} against {delta['anchor']} in {delta['metric']}"
                reasons[name].append(delta["reason"])
    return {name: "; ".join(dict.fromkeys(found)) for name, found in reasons.items()}


def base_of(enhanced: str) -> str:
    """The base of an enhanced contender, whose name is ENHANCER:BASE."""
    return enhanced.partition(":")[2]


def curves_of(rows: list[Row], metric: str) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """codec -> image -> [(rate, quality)], for rows in which the metric was measured."""
    curves: dict = defaultdict(lambda: defaultdict(list))
    for row in rows:
        value = getattr(row, metric)
        if value is not None:
            curves[row.codec][row.image].append((row.rate_bpp_file, value))
    for row in rows:
        curves[row.codec]  # a codec without a value of this metric gets an entry without curves
    return curves
