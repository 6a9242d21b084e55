"""Writes report.html: one file that opens from disk, without a network.

curves, tables, skips, pictures --JSON--> page.html with page.css and page.js inside
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.eval.pictures import pictures
from rscodec.eval.plots import colours
from rscodec.eval.published import KIND
from rscodec.eval.summary import drawable

PAGE = Path(__file__).parent / "page"
METRICS = {
    "psnr_db_image_mean": "PSNR, mean over images (dB)",
    "psnr_db_of_mean_mse": "PSNR of the mean MSE (dB)",
    "psnr_db_luma": "PSNR of the luma (dB)",
    "ssim_luma": "SSIM of the luma",
    "ms_ssim_db": "MS-SSIM (dB)",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS (lower is better)",
    "niqe": "NIQE (lower is more natural)",
    "frechet_alexnet": "Fréchet distance, AlexNet",
    "spectral_angle_deg": "spectral angle (degrees)",
    "ndvi_mae": "NDVI, mean absolute error",
    "max_abs_error": "largest error, mean over images",
}

DELTAS = {
    "codec": ["codec"],
    "anchor": ["against"],
    "metric": ["metric"],
    "bd_rate_percent": ["BD-rate %", 2, -1],
    "bd_quality_db": ["BD dB", 3, 1],
    "overlap_mean": ["overlap", 2],
    "overlap_min": ["least overlap", 2],
    "images": ["images", 0],
    "images_without_overlap": ["without overlap", 0],
}
PREFACE = (
    "A rate is the size of the whole file in bits, divided by the valid pixels. Metrics compare integers of the "
    "original depth. A negative BD-rate means fewer bits than the anchor at equal quality; it is the mean over images."
)


def write_report(result, out: Path, count: int) -> Path:
    """Write the report of a `result` of rscodec.eval.rd.rd, with pictures of `count` images."""
    sets = result.summary["sets"]
    return write_page(out, {
        "title": "Rate and distortion",
        "preface": PREFACE,
        "x": {"key": "rate_bpp_file", "label": "bits per pixel (file)", "unit": "bpp", "from": 0},
        "choice": "Rate",
        "sets": {name: _set(one) for name, one in sets.items()},
        "skipped": result.summary["skipped"],
        "metrics": METRICS,
        "colours": colours(list(dict.fromkeys(codec for one in sets.values() for codec in one["curves"]))),
        "pictures": pictures(result, out, count),
    })  # fmt: skip


def _set(one: dict) -> dict:
    """The curves and tables of a set of the summary."""
    curves = {
        codec: {"dashed": curve["kind"] not in ("codec", "anchor"), "points": curve["points"]}
        for codec, curve in drawable(one).items()
    }
    times = [
        [codec, *(fmean(point[key] for point in curve["points"]) for key in ("seconds_encode", "seconds_decode"))]
        for codec, curve in one["curves"].items()
        if curve["kind"] != KIND  # published points have no times
    ]
    who = [
        [codec, curve["version"], curve["command"], curve["points"][0]["ceiling_psnr_db"] or "none"]
        for codec, curve in one["curves"].items()
    ]
    deltas = [[row[key] for key in DELTAS] for row in one["deltas"]]
    return {
        "about": f"{one['images']} images, peak {', '.join(f'{peak:g}' for peak in one['peak'])}",
        "curves": curves,
        "tables": [
            table("deltas", "Bjontegaard deltas", list(DELTAS.values()), deltas),
            table("times", "Times", [["codec"], ["encode, s an image", 3], ["decode, s an image", 3]], times),
            table("who", "Who took part", [["codec"], ["version"], ["command"], ["colour ceiling, dB", 2]], who),
        ],
    }


def table(name: str, title: str, columns: list[list], rows: list[list]) -> dict:
    """A table of the page. A column is [label], or for numbers [label, digits] or [label, digits,
    sign of good values].
    """
    return {"id": name, "title": title, "columns": columns, "rows": rows}


def write_page(out: Path, data: dict) -> Path:
    with AtomicPath(out / "report.html", overwrite=True) as path:
        path.write_text(page(data), encoding="utf-8")
    return out / "report.html"


def page(data: dict) -> str:
    """The page with its data. `</` is escaped, so that no text can end the script element."""
    text = json.dumps(_finite(data), allow_nan=False).replace("</", "<\\/")
    html = (PAGE / "page.html").read_text(encoding="utf-8")
    for mark, part in (("{{css}}", _part("page.css")), ("{{js}}", _part("page.js")), ("{{data}}", text)):
        html = html.replace(mark, part)
    return html


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _finite(value):
    """Replace infinities by null, because JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
