"""report.html: one file that opens from disk without a network.

    summary (curves, BD-rates, skips) + pictures --JSON--> page.html with page.css and page.js inside
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from bitstreams.atomic import AtomicPath
from eval.pictures import pictures
from eval.plots import colours

PAGE = Path(__file__).parent / "page"
METRICS = {
    "psnr_db_image_mean": "PSNR, mean over images (dB)",
    "psnr_db_of_mean_mse": "PSNR of the mean MSE (dB)",
    "ms_ssim_db": "MS-SSIM (dB)",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS (lower is better)",
    "niqe": "NIQE (lower is more natural)",
    "spectral_angle_deg": "spectral angle (degrees)",
    "ndvi_mae": "NDVI, mean absolute error",
    "max_abs_error": "largest error, mean over images",
}


def write_report(result, out: Path, count: int) -> Path:
    """`result` of eval.rd.rd; `count` images to look at."""
    codecs = list(result.contenders)
    data = {
        "sets": result.summary["sets"],
        "skipped": result.summary["skipped"],
        "metrics": METRICS,
        "colours": colours(codecs),
        "pictures": pictures(result, out, count),
    }
    with AtomicPath(out / "report.html", overwrite=True) as path:
        path.write_text(page(data), encoding="utf-8")
    return out / "report.html"


def page(data: dict) -> str:
    """The page with its data. `</` is broken up, so that no text can end the script element."""
    text = json.dumps(_finite(data), allow_nan=False).replace("</", "<\\/")
    html = (PAGE / "page.html").read_text(encoding="utf-8")
    for mark, part in (("{{css}}", _part("page.css")), ("{{js}}", _part("page.js")), ("{{data}}", text)):
        html = html.replace(mark, part)
    return html


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _finite(value):
    """Infinities, which JSON does not know, as null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
