"""Measures super-resolution at any scale: shrinks every image, upsamples it with every model, and compares with the
original.

    original --crop to round(S * floor(H / S))--> HR
       |  to floor(H / S), 8 bits: bicubic without aliasing, or degraded (rscodec/training/degradation.py) with a seed
       |  that depends on the image's name and the scale only
       v
      LR --model--> PSNR, SSIM, LPIPS, NIQE, seconds   a row of sr.csv, written at once; --resume measures missing rows
                                                       sr.json: means by set, model and scale
                                                       rscodec.eval.plots: curves;  rscodec.eval.sr_report: report.html

A model is `bicubic`, an upsampler of the registry, or a weights file. MODEL:deterministic omits random numbers.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.eval import niqe
from rscodec.eval.datasets import Image
from rscodec.eval.features import Features
from rscodec.eval.measure import is_picture, unavailable
from rscodec.eval.originals import check_originals, hash_of
from rscodec.eval.rd import load
from rscodec.eval.table import Table, read
from rscodec.generative.interpolated import InterpolatedPicture
from rscodec.generative.picture import SourcePicture
from rscodec.metrics.perceptual import lpips_distance
from rscodec.metrics.pixels import luma_psnr, luma_ssim, psnr
from rscodec.models.weights import upsampler_for
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.resample import shrink
from rscodec.raster.scene import Scene
from rscodec.training.degradation import degrade
from rscodec.upsamplers.base import Upsampler, UpscaleSettings
from rscodec.upsamplers.scene import UpscaledScene

BICUBIC = "bicubic"  # plain interpolation, without a model
DEGRADATIONS = BICUBIC, "degraded"
DETERMINISTIC = ":deterministic"
BANDS = (1, 2, 3)
PEAK = 255.0
MEANS = ("psnr_db", "psnr_db_luma", "ssim_luma", "lpips", "niqe", "seconds")


@dataclass(frozen=True)
class SrRow:
    """A line of sr.csv. `psnr_db` is over three bands. A blank cell was not measured."""

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
    psnr_db_luma: float
    ssim_luma: float | None
    lpips: float | None
    niqe: float | None
    seconds: float

    @property
    def key(self) -> tuple:
        """The key of the measurement. A measurement with the same key is not repeated."""
        return self.image, self.model, self.weights, self.degradation, self.scale


@dataclass(frozen=True)
class Result:
    """`summary`: the content of sr.json. The other fields are needed for the pictures of a report."""

    summary: dict
    rows: list[SrRow]
    images: dict[str, Image]
    device: str


def sr(
    images: list[Image],
    scales: tuple[float, ...],
    models: tuple[str, ...],
    out: Path,
    *,
    device: str = "cpu",
    degradation: str = BICUBIC,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Measure, and write sr.csv and sr.json to `out`. The summary is {"degradation", "sets": {name: {model: [a point
    for each scale]}}, "skipped"}.
    """
    path = out / "sr.csv"
    if path.exists() and not resume:
        raise OutputError(f"{path} exists; give `resume=True` to resume it, or another `out`")
    weights = {model: weights_of(model, scales, device) for model in models}
    unfit = {image.name: reason for image in images if (reason := refuses(load(image.path, BANDS), max(scales)))}
    images = [image for image in images if image.name not in unfit]
    asked = {
        (image.name, model, weights[model], degradation, scale): image
        for image in images for scale in scales for model in models
    }  # fmt: skip
    features = Features(out)
    done = {row.key for row in read(path, SrRow)}
    missing = [(key, image) for key, image in asked.items() if key not in done]
    with Table(path, SrRow) as table:
        check_originals(out, {image.name: hash_of(load(image.path, BANDS).pixels) for image in images})
        for number, (key, image) in enumerate(missing, 1):
            table.add(row_of(image, *key[1:], device, features))
            if progress:
                progress(number, len(missing))
    rows = [row for row in read(path, SrRow) if row.key in asked]
    summary = {"degradation": degradation, "sets": summarise(rows, features), "skipped": unfit | unavailable()}
    with AtomicPath(out / "sr.json", overwrite=True) as target:
        target.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n")
    return Result(summary, rows, {image.name: image for image in images}, device)


def refuses(scene: Scene, scale: float) -> str | None:
    """Why an image cannot be measured at a scale, or None."""
    pixels = scene.pixels[:3]
    if pixels.dtype != np.uint8 or len(pixels) < 3:
        return f"super-resolution is measured on three bands of uint8, not {len(pixels)} of {pixels.dtype}"
    if not scene.mask.all():
        return "it has invalid pixels, which no model is meant to restore"
    if min(pixels.shape[1:]) < scale:
        return f"an image of {pixels.shape[2]} x {pixels.shape[1]} has nothing left at a scale of {scale:g}"
    return None


def pair(scene: Scene, scale: float, degradation: str = BICUBIC, name: str = "") -> tuple[Scene, np.ndarray]:
    """(the image to upsample, the original (3, H, W) to compare with)."""
    if reason := refuses(scene, scale):
        raise InputError(reason)
    pixels = scene.pixels[:3]
    short = [math.floor(edge / scale) for edge in pixels.shape[1:]]
    height, width = (math.floor(scale * edge + 0.5) for edge in short)
    original = pixels[:, :height, :width]
    if degradation == BICUBIC:
        return Scene(to_dtype(shrink(original, *short), "uint8")), original
    seed = zlib.crc32(name.encode()), round(1000 * scale)
    return Scene(degrade(original, *short, np.random.default_rng(seed))), original


@lru_cache(maxsize=2)
def pair_of(image: Image, scale: float, degradation: str = BICUBIC) -> tuple[Scene, np.ndarray]:
    return pair(load(image.path, BANDS), scale, degradation, image.name)


def upsampler(model: str, device: str) -> Upsampler | None:
    """A model by its name; None for bicubic interpolation."""
    if model == BICUBIC:
        return None
    found = upsampler_for(model.removesuffix(DETERMINISTIC), device)
    return found.deterministic() if model.endswith(DETERMINISTIC) else found


def weights_of(model: str, scales: tuple[float, ...], device: str) -> str:
    """The hash of a model's weights. Raises an error if there are none, or if the model does not support one of the
    scales.
    """
    found = upsampler(model, device)
    if found is None:
        return ""
    for scale in scales:
        found.check(scale)
    return found.weights_hash


def upsampled(small: Scene, scale: float, by: Upsampler | None) -> np.ndarray:
    settings, picture = UpscaleSettings(by.model if by else BICUBIC, scale), SourcePicture(SceneSource(small))
    if by is None:
        size = settings.target(picture.scene.width), settings.target(picture.scene.height)
        found = InterpolatedPicture(picture, *size)
        return found.read(found.scene)[0]
    found = UpscaledScene(picture, by, settings, {})
    return found.read(found.target)[0]


def row_of(
    image: Image, model: str, weights: str, degradation: str, scale: float, device: str, features: Features
) -> SrRow:
    (small, original), by = pair_of(image, scale, degradation), upsampler(model, device)
    started = time.perf_counter()
    found = upsampled(small, scale, by)
    seconds = time.perf_counter() - started
    judged = is_picture(*original.shape, "uint8")
    row = SrRow(
        image=image.name,
        model=model,
        weights=weights,
        degradation=degradation,
        scale=scale,
        width_small=small.pixels.shape[2],
        height_small=small.pixels.shape[1],
        width=original.shape[2],
        height=original.shape[1],
        psnr_db=psnr(float(np.square(original.astype(float) - found).mean()), PEAK),
        psnr_db_luma=luma_psnr(original, found),
        ssim_luma=luma_ssim(original, found) if judged else None,
        lpips=lpips_distance(original, found) if judged and "lpips" not in unavailable() else None,
        niqe=niqe.niqe(found) if judged and "niqe" not in unavailable() else None,
        seconds=seconds,
    )
    if row.lpips is not None:
        features.add(original_of(row), original)
        features.add(row.key, found)
    return row


def original_of(row: SrRow) -> tuple:
    """The key of the original that a row is compared with."""
    return row.image, row.scale


def summarise(rows: list[SrRow], features: Features) -> dict:
    """Means over the images of each set, by model and rising scale, with the gain over bicubic if that was measured.
    The Fréchet distance is that of all crops of a set.
    """
    found: dict = {}
    for row in rows:
        models = found.setdefault(row.image.rpartition("/")[0] or ".", {})
        models.setdefault(row.model, {}).setdefault(row.scale, []).append(row)
    return {
        name: {
            model: [_beside(_mean(scale, scales[scale]), _mean(scale, models.get(BICUBIC, {}).get(scale, [])))
                    | features.distance(map(original_of, scales[scale]), (row.key for row in scales[scale]))
                    for scale in sorted(scales)]
            for model, scales in models.items()
        }
        for name, models in found.items()
    }  # fmt: skip


def _beside(point: dict, bicubic: dict) -> dict:
    """The point with its gain in mean PSNR over bicubic, and the ratio of its mean LPIPS to that of bicubic."""
    (psnr_db, psnr_before), (lpips, lpips_before) = ((point[name], bicubic[name]) for name in ("psnr_db", "lpips"))
    return point | {
        "psnr_db_gain": None if None in (psnr_db, psnr_before) else psnr_db - psnr_before,
        "lpips_ratio": lpips / lpips_before if lpips is not None and lpips_before else None,
    }


def _mean(scale: float, rows: list[SrRow]) -> dict:
    point: dict = {"scale": scale, "images": len(rows)}
    for name in MEANS:
        values = [value for row in rows if (value := getattr(row, name)) is not None and math.isfinite(value)]
        point[name] = float(np.mean(values)) if values else None
    return point
