"""Writes report.html of super-resolution: curves over the scale, all means, and a few images by every model.

rscodec.eval.sr.Result --upsample again, once; saved in OUT/pictures--> PNGs --> rscodec.eval.report
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from rscodec.eval.datasets import Image
from rscodec.eval.pictures import choose, png, show, uri
from rscodec.eval.plots import model_colours
from rscodec.eval.report import table, write_page
from rscodec.eval.sr import BICUBIC, Result, SrRow, pair_of, upsampled, upsampler
from rscodec.raster.scene import Scene

METRICS = {
    "psnr_db": "PSNR, mean over images (dB)",
    "psnr_db_luma": "PSNR of the luma (dB)",
    "ssim_luma": "SSIM of the luma",
    "lpips": "LPIPS (lower is better)",
    "niqe": "NIQE (lower is more natural)",
    "frechet_alexnet": "Fréchet distance, AlexNet",
    "seconds": "seconds an image",
}
COLUMNS = {
    "scale": ["scale", 2],
    "images": ["images", 0],
    "psnr_db": ["PSNR, dB", 2],
    "psnr_db_gain": ["PSNR minus bicubic's, dB", 2, 1],
    "psnr_db_luma": ["PSNR of luma, dB", 2],
    "ssim_luma": ["SSIM of luma", 4],
    "lpips": ["LPIPS", 4],
    "lpips_ratio": ["LPIPS over bicubic's", 3],
    "niqe": ["NIQE", 2],
    "frechet_alexnet": ["Fréchet distance, AlexNet", 1],
    "frechet_crops": ["crops", 0],
    "seconds": ["s an image", 2],
}
SHRUNK = {BICUBIC: "bicubic, without aliasing", "degraded": "with blur, noise and JPEG of random strength"}
PICTURED = (2.0, 4.0, 8.0)  # those that were measured; if none was, the first three measured scales


def write_sr_report(result: Result, out: Path, count: int) -> Path:
    """Write the report, with pictures of `count` images."""
    models = list(dict.fromkeys(row.model for row in result.rows))
    return write_page(out, {
        "title": "Super-resolution",
        "preface": f"Images are shrunk ({SHRUNK[result.summary['degradation']]}, to whole pixels of 8 bits), upsampled "
                   "again and compared with what they were. Every mean is over images.",
        "x": {"key": "scale", "label": "scale", "unit": "scale", "from": 1},
        "choice": "Scale",
        "sets": {name: _set(found) for name, found in result.summary["sets"].items()},
        "skipped": result.summary["skipped"],
        "metrics": METRICS,
        "colours": model_colours(models),
        "pictures": [_picture(result, result.images[name], out / "pictures") for name in choose(result.rows, count)],
    })  # fmt: skip


def _set(found: dict) -> dict:
    """The curves and table of a set of the summary."""
    rows = [[model, *(point[key] for key in COLUMNS)] for model, points in found.items() for point in points]
    return {
        "about": f"{max(point['images'] for points in found.values() for point in points)} images",
        "curves": {model: {"dashed": model != BICUBIC, "points": points} for model, points in found.items()},
        "tables": [table("means", "Means", [["model"], *COLUMNS.values()], rows)],
    }


def _picture(result: Result, image: Image, folder: Path) -> dict:
    """All models at some scales, cropped to the part of the original that all of them show."""
    rows = [row for row in result.rows if row.image == image.name]
    scales = sorted({row.scale for row in rows})
    scales = [scale for scale in scales if scale in PICTURED] or scales[:3]
    rows = [row for row in rows if row.scale in scales]
    height, width = min(row.height for row in rows), min(row.width for row in rows)
    original = pair_of(image, scales[0], rows[0].degradation)[1][:, :height, :width]
    choices = [
        {"label": f"{scale:g}", "views": [_view(image, row, result.device, folder, height, width)
                                          for row in rows if row.scale == scale]}
        for scale in scales
    ]  # fmt: skip
    return {"image": image.name, "original": uri(png(show(Scene(original), original))), "choices": choices}


def _view(image: Image, row: SrRow, device: str, folder: Path, height: int, width: int) -> dict:
    label = re.sub(r"\W+", "-", " ".join(map(str, (*row.key, width, height))))
    path = folder / f"{label[:80]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}.png"
    if not path.exists():
        small, _ = pair_of(image, row.scale, row.degradation)
        found = upsampled(small, row.scale, upsampler(row.model, device))[:, :height, :width]
        folder.mkdir(exist_ok=True)
        path.write_bytes(png(show(Scene(found), found)))
    lpips = "" if row.lpips is None else f", LPIPS {row.lpips:.3f}"
    return {"codec": row.model, "caption": f"{row.psnr_db:.2f} dB{lpips}", "png": uri(path.read_bytes())}
