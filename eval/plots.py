"""Curves of one summary as PNG and SVG: a figure for each set of images, a panel for each metric.

Codecs and anchors are drawn solid, whatever generates pixels dashed; a finite colour ceiling is a dotted line.
"""

from __future__ import annotations

import re
from pathlib import Path

from eval.summary import base_of

PANELS = (
    ("psnr_db_image_mean", "PSNR, mean over images (dB)"),
    ("ms_ssim_db", "MS-SSIM (dB)"),
    ("lpips", "LPIPS"),
)
OURS = "#c1272d"
OTHERS = ("#1f5fa8", "#2a8c4a", "#8a4fa3", "#c77f1a", "#4a4a4a", "#1a9aa0", "#a8731f", "#6b8e23")


def colours(codecs: list[str]) -> dict[str, str]:
    """Ours is red everywhere; what is enhanced has the colour of what it enhances; the others keep their order."""
    rest, found = iter(OTHERS * len(codecs)), {}
    for codec in sorted(codecs, key=lambda codec: base_of(codec) in codecs):
        ours = codec.startswith("rscodec:")
        found[codec] = OURS if ours else found.get(base_of(codec)) or next(rest)
    return found


def write_curves(summary: dict, out: Path) -> list[Path]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = []
    for name, one in summary["sets"].items():
        panels = [panel for panel in PANELS if any(_line(curve, panel[0]) for curve in one["curves"].values())]
        figure = Figure(figsize=(5.2 * len(panels), 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, (metric, label) in zip(axes, panels, strict=True):
            _panel(axis, one["curves"], metric, label)
        axes[0].legend(fontsize=8)
        peaks = ", ".join(f"{peak:g}" for peak in one["peak"])
        figure.suptitle(f"{name}: {one['images']} images, peak {peaks}", fontsize=10)
        for suffix in (".png", ".svg"):
            path = out / f"curves_{re.sub('[^a-z0-9]+', '_', name.lower()).strip('_')}{suffix}"
            figure.savefig(path, dpi=120)
            written.append(path)
    return written


def _panel(axis, curves: dict, metric: str, label: str) -> None:
    palette = colours(list(curves))
    for codec, curve in curves.items():
        points = _line(curve, metric)
        if points:
            style = "-" if curve["kind"] in ("codec", "anchor") else "--"
            axis.plot(*zip(*points, strict=True), style, marker="o", markersize=3, color=palette[codec], label=codec)
        ceiling = curve["points"][0]["ceiling_psnr_db"]
        if ceiling is not None and metric.startswith("psnr"):
            axis.axhline(ceiling, linestyle=":", linewidth=0.8, color=palette[codec])
    axis.set_xlabel("bits per pixel (file)")
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)


def _line(curve: dict, metric: str) -> list[tuple[float, float]]:
    return [(point["rate_bpp_file"], point[metric]) for point in curve["points"] if point[metric] is not None]
