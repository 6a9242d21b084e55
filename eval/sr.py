"""Super-resolution at any scale: every image shrunk and upsampled again by every model, against the original.

    original --crop to round(S * floor(H / S))--> HR
       |  to floor(H / S), 8 bits: bicubic without aliasing, or degraded (rscodec/training/degradation.py) with a seed
       |  that is a function of the image's name and the scale
       v
      LR --model--> PSNR, LPIPS, NIQE, seconds         a row of sr.csv, at once on disk
                                                       sr.json: means by set, model and scale;  eval.plots: curves
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitstreams.atomic import AtomicPath
from bitstreams.errors import InputError, OutputError
from eval import niqe
from eval.datasets import Image
from eval.measure import is_picture, unavailable
from eval.table import Table
from rscodec.metrics import psnr
from rscodec.perceptual import lpips_distance
from rscodec.picture import opened
from rscodec.radiometry import to_dtype
from rscodec.resample import shrink
from rscodec.resized import resized
from rscodec.scene import Scene
from rscodec.source import SceneSource
from rscodec.training.degradation import degrade
from rscodec.upsamplers.base import UpscaleSettings
from rscodec.upsamplers.scene import UpscaledScene
from rscodec.weights import upsampler_for

BICUBIC = "bicubic"  # the model that is none
DEGRADATIONS = BICUBIC, "degraded"
PEAK = 255.0
MEANS = ("psnr_db", "lpips", "niqe", "seconds")


@dataclass(frozen=True)
class SrRow:
    """A line of sr.csv. `psnr_db` is over three bands; a blank cell was not measured."""

    image: str
    model: str
    weights: str
    degradation: str
    scale: float
    width_small: int
    height_small: int
    width: int
    height: int
    psnr_db: float
    lpips: float | None
    niqe: float | None
    seconds: float


def sr(images: list[Image], scales: tuple[float, ...], models: tuple[str, ...], out: Path, *, device: str = "cpu",
       degradation: str = BICUBIC, progress: Callable[[int, int], None] | None = None) -> dict:  # fmt: skip
    """Measure, and write sr.csv and sr.json into `out`. {"sets": {name: {model: [a point for each scale]}}}"""
    path = out / "sr.csv"
    if path.exists():
        raise OutputError(f"{path} exists; give another --out")
    for model in models:
        _check(model, device, scales)
    rows = []
    with Table(path, SrRow) as table:
        for row in _rows(images, scales, models, device, degradation):
            table.add(row)
            rows.append(row)
            if progress:
                progress(len(rows), len(images) * len(scales) * len(models))
    summary = {"degradation": degradation, "sets": summarise(rows), "skipped": unavailable()}
    with AtomicPath(out / "sr.json", overwrite=True) as target:
        target.write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def pair(scene: Scene, scale: float, degradation: str = BICUBIC, name: str = "") -> tuple[Scene, np.ndarray]:
    """(what is upsampled, the original (3, H, W) that it stands for)."""
    pixels = scene.pixels[:3]
    if pixels.dtype != np.uint8 or len(pixels) < 3:
        raise InputError(f"super-resolution is measured on three bands of uint8, not {len(pixels)} of {pixels.dtype}")
    short = [math.floor(edge / scale) for edge in pixels.shape[1:]]
    if not min(short):
        raise InputError(f"an image of {pixels.shape[2]} x {pixels.shape[1]} has nothing left at a scale of {scale:g}")
    height, width = (math.floor(scale * edge + 0.5) for edge in short)
    original = pixels[:, :height, :width]
    if degradation == BICUBIC:
        return Scene(to_dtype(shrink(original, *short), "uint8")), original
    seed = zlib.crc32(name.encode()), round(1000 * scale)
    return Scene(degrade(original, *short, np.random.default_rng(seed))), original


def upsampled(small: Scene, scale: float, model: str, device: str) -> np.ndarray:
    settings, picture = UpscaleSettings(model, scale), opened(SceneSource(small))
    if model == BICUBIC:
        found = resized(picture, settings.target(picture.scene.width), settings.target(picture.scene.height))
        return found.read(found.scene)[0]
    found = UpscaledScene(picture, upsampler_for(model, device), settings, {})
    return found.read(found.target)[0]


def _check(model: str, device: str, scales: tuple[float, ...] = ()) -> str:
    """The hash of its weights; an error if there are none, or if it does not know a scale."""
    if model == BICUBIC:
        return ""
    upsampler = upsampler_for(model, device)
    for scale in scales:
        upsampler.check(scale)
    return upsampler.weights_hash


def _rows(images: list[Image], scales: tuple[float, ...], models: tuple[str, ...], device: str,
          degradation: str) -> Iterator[SrRow]:  # fmt: skip
    for image in images:
        scene = Scene.load(image.path)
        for scale in scales:
            small, original = pair(scene, scale, degradation, image.name)
            for model in models:
                started = time.perf_counter()
                found = upsampled(small, scale, model, device)
                seconds = time.perf_counter() - started
                judged = is_picture(*original.shape, "uint8")
                yield SrRow(
                    image=image.name, model=model, weights=_check(model, device), degradation=degradation,
                    scale=scale,
                    width_small=small.pixels.shape[2], height_small=small.pixels.shape[1],
                    width=original.shape[2], height=original.shape[1],
                    psnr_db=psnr(float(np.square(original.astype(float) - found).mean()), PEAK),
                    lpips=lpips_distance(original, found) if judged and "lpips" not in unavailable() else None,
                    niqe=niqe.niqe(found) if judged and "niqe" not in unavailable() else None,
                    seconds=seconds,
                )  # fmt: skip


def summarise(rows: list[SrRow]) -> dict:
    """Means over the images of each set, by model and rising scale."""
    found: dict = {}
    for row in rows:
        models = found.setdefault(row.image.rpartition("/")[0] or ".", {})
        models.setdefault(row.model, {}).setdefault(row.scale, []).append(row)
    return {
        name: {model: [_mean(scale, scales[scale]) for scale in sorted(scales)] for model, scales in models.items()}
        for name, models in found.items()
    }


def _mean(scale: float, rows: list[SrRow]) -> dict:
    point: dict = {"scale": scale, "images": len(rows)}
    for name in MEANS:
        values = [value for row in rows if (value := getattr(row, name)) is not None and math.isfinite(value)]
        point[name] = float(np.mean(values)) if values else None
    return point
