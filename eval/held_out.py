"""Evaluates upsamplers on the held-out images, for the figures in manifests of weights."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rscodec.eval import datasets
from rscodec.eval.sr import BICUBIC, DETERMINISTIC, sr


def held_out(count: int | None = None) -> list[datasets.Image]:
    """All held-out images, or `count` of each set, spread evenly."""
    data, files = Path(os.environ["RSCODEC_DATA"]), []
    for pattern in datasets.HELD_OUT:
        found = sorted(map(str, data.glob(pattern)))
        files += found if count is None else datasets.spread(found, count)
    return datasets.images(files)


def against_bicubic(
    path: Path,
    images: list[datasets.Image],
    scales: tuple[float, ...],
    degradation: str = BICUBIC,
    deterministic: bool = False,
) -> dict:
    """The figures of an upsampler: {set: {"bicubic", "ours", optionally "deterministic": [a point for each scale]}}."""
    names = {BICUBIC: "bicubic", str(path): "ours"}
    if deterministic:
        names[f"{path}{DETERMINISTIC}"] = "deterministic"
    with tempfile.TemporaryDirectory() as folder:
        found = sr(images, scales, tuple(names), Path(folder), degradation=degradation).summary["sets"]
    return {name: {names[model]: points for model, points in models.items()} for name, models in found.items()}
