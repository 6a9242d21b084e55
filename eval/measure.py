"""Measures one image at one operating point: encodes it to a file, decodes the file, and fills one flat row.

    scene --contender.encode--> a file on disk --contender.decode--> pixels --metrics--> Row

Names of numbers contain the unit. A blank cell was not measured: the image is too small for MS-SSIM, is no RGB picture
(luma, LPIPS, NIQE), has no named bands (NDVI), or the weights of a metric are missing.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import CheckError, MetricUnavailable
from rscodec.eval import niqe, spectral
from rscodec.eval.features import Features
from rscodec.metrics import perceptual
from rscodec.metrics.perceptual import lpips_distance
from rscodec.metrics.pixels import Difference, in_db, luma_psnr, luma_ssim, ms_ssim
from rscodec.raster.scene import Scene


@dataclass(frozen=True)
class Row:
    """A line of results.csv. Rates are bits of the whole file over pixels that are valid in at least one band.
    `bands_asked`: the bands to code, counted from 1, or `all`.
    """

    image: str
    bands_asked: str
    bands: int
    dtype: str
    width: int
    height: int
    pixels_valid: int
    codec: str
    kind: str
    parameter: float
    bytes_file: int
    bytes_header: int
    bytes_metadata: int
    bytes_mask: int
    rate_bpp_file: float
    peak: float
    mse: float
    psnr_db: float
    psnr_db_bands: str
    psnr_db_luma: float | None
    ssim_luma: float | None
    ms_ssim: float | None
    ms_ssim_db: float | None
    lpips: float | None
    niqe: float | None
    max_abs_error: float
    spectral_angle_deg: float | None
    ndvi_mae: float | None
    ceiling_psnr_db: float
    seconds_encode: float
    seconds_decode: float
    version: str
    command: str

    @property
    def key(self) -> tuple:
        """The key of the measurement. A measurement with the same key is not repeated."""
        return self.image, self.bands_asked, self.codec, self.version, self.command, self.parameter

    @property
    def original(self) -> tuple:
        """The key of the original."""
        return self.image, self.bands_asked


def band_list(bands: tuple[int, ...] | None) -> str:
    return "all" if bands is None else " ".join(map(str, bands))


def measure(
    scene: Scene,
    contender,
    parameter: float,
    image: str,
    ceiling_db: float,
    bands: tuple[int, ...] | None = None,
    features: Features | None = None,
) -> Row:
    prepared = contender.prepare(scene)
    started = time.perf_counter()
    data = contender.encode(prepared, parameter)
    encoded = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        size = path.stat().st_size
        data = path.read_bytes()
    read = time.perf_counter()
    decoded = contender.decode(data, scene)
    seconds_decode = time.perf_counter() - read
    count, height, width = scene.pixels.shape
    parts = contender.parts(data)
    pixels_valid = int(scene.mask.any(0).sum())
    row = Row(
        image=image,
        bands_asked=band_list(bands),
        bands=count,
        dtype=str(scene.pixels.dtype),
        width=width,
        height=height,
        pixels_valid=pixels_valid,
        codec=contender.name,
        kind=contender.kind,
        parameter=float(parameter),
        bytes_file=size,
        bytes_header=parts.header,
        bytes_metadata=parts.metadata,
        bytes_mask=parts.mask,
        rate_bpp_file=8 * size / pixels_valid,
        ceiling_psnr_db=ceiling_db,
        seconds_encode=encoded - started,
        seconds_decode=seconds_decode,
        version=contender.version,
        command=contender.command,
        **fidelity(scene, decoded),
    )
    if features and row.lpips is not None:
        features.add(row.original, scene.pixels[:3])
        features.add(row.key, decoded[:3])
    return row


def difference(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> Difference:
    found = Difference(str(original.dtype))
    found.add(original, decoded, valid)
    return found


def fidelity(scene: Scene, decoded: np.ndarray) -> dict:
    """All metrics of a decoded scene, by column."""
    original, valid = scene.pixels, scene.mask
    if decoded.shape != original.shape or decoded.dtype != original.dtype:
        raise CheckError(f"decoded {decoded.shape} {decoded.dtype} for {original.shape} {original.dtype}")
    whole = difference(original, decoded, valid)
    bands = [difference(*(side[[band]] for side in (original, decoded, valid))) for band in range(len(original))]
    similarity = ms_ssim(original, decoded, valid, whole.peak)
    named = spectral.red_and_infrared(scene.metadata, len(original))
    picture = is_picture(*original.shape, str(original.dtype)) and bool(valid.all())
    return {
        "peak": whole.peak,
        "mse": whole.mse,
        "psnr_db": whole.psnr_db,
        "psnr_db_bands": " ".join(f"{band.psnr_db:.4f}" for band in bands),
        "psnr_db_luma": luma_psnr(original[:3], decoded[:3]) if picture else None,
        "ssim_luma": luma_ssim(original[:3], decoded[:3]) if picture else None,
        "ms_ssim": similarity,
        "ms_ssim_db": None if similarity is None else in_db(similarity),
        "lpips": lpips_distance(original[:3], decoded[:3]) if picture and "lpips" not in unavailable() else None,
        "niqe": niqe.niqe(decoded[:3]) if picture and "niqe" not in unavailable() else None,
        "max_abs_error": whole.largest,
        "spectral_angle_deg": spectral.spectral_angle_deg(original, decoded, valid),
        "ndvi_mae": spectral.ndvi_mae(original, decoded, valid, *named) if named else None,
    }


def is_picture(bands: int, height: int, width: int, dtype: str) -> bool:
    """Whether the first three bands can be evaluated as an RGB picture."""
    return bands >= 3 and dtype == "uint8" and min(height, width) >= perceptual.EDGE


@cache
def unavailable() -> dict[str, str]:
    """Metrics whose weights were not found, with reasons. Computed once, since it may try a download."""
    reasons = {}
    for name, load in (("lpips", partial(perceptual.network, "alex")), ("niqe", niqe.model)):
        try:
            load()
        except MetricUnavailable as problem:
            reasons[name] = str(problem)
    return reasons
