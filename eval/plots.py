"""Plots the curves of a summary as PNG and SVG: a figure for each set of images, a panel for each metric.

Lines are solid for codecs and anchors, and dashed for generated pixels and published points. A dotted line is the
colour ceiling of an anchor: the PSNR after its colour conversion alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.eval.summary import base_of, drawable

PANELS = (
    ("psnr_db_image_mean", "PSNR, mean over images (dB)"),
    ("ms_ssim_db", "MS-SSIM (dB)"),
    ("lpips", "LPIPS"),
)
CARBON_PANELS = (
    ("added_percent", "added to the RMSE of carbon (%)"),
    ("bias_mg_ha", "bias of carbon (Mg/ha)"),
    ("ndvi_mae", "mean error of NDVI"),
)
SCALE_PANELS = (("psnr_db", "PSNR (dB)"), ("lpips", "LPIPS"), ("niqe", "NIQE"), ("seconds", "seconds an image"))
MAP_ROW = 384  # first row of the part of the simulated county that is drawn
MAPS_A_LINE = 4
OURS = ("#c1272d", "#f08a4b", "#7d1538", "#e75480")
OTHERS = ("#1f5fa8", "#2a8c4a", "#8a4fa3", "#c77f1a", "#4a4a4a", "#1a9aa0", "#a8731f", "#6b8e23")


def colours(codecs: list[str]) -> dict[str, str]:
    """Ours are always red. An enhanced contender has the colour of its base. The others get colours in order."""
    reds, rest, found = iter(OURS * len(codecs)), iter(OTHERS * len(codecs)), {}
    for codec in sorted(codecs, key=lambda codec: base_of(codec) in codecs):
        ours = codec.startswith("rscodec:")
        found[codec] = next(reds) if ours else found.get(base_of(codec)) or next(rest)
    return found


def model_colours(models: list[str]) -> dict[str, str]:
    """The colours of upsamplers, in order."""
    return dict(zip(models, OTHERS * len(models), strict=False))


def write_curves(summary: dict, out: Path) -> list[Path]:
    written = []
    for name, one in summary["sets"].items():
        curves = drawable(one)
        panels = [panel for panel in PANELS if any(_line(curve, panel[0]) for curve in curves.values())]
        if not panels:  # everything is lossless
            continue
        peaks = ", ".join(f"{peak:g}" for peak in one["peak"])
        title = f"{name}: {one['images']} images, peak {peaks}"
        written += _figure(panels, partial(_panel, curves), title, out / f"curves_{_plain(name)}")
    return written


def write_scale_curves(summary: dict, out: Path) -> list[Path]:
    """Plot quality and time over the scale, from the results of rscodec.eval.sr."""
    written = []
    for name, models in summary["sets"].items():
        measured = [point for points in models.values() for point in points]
        panels = [panel for panel in SCALE_PANELS if any(point[panel[0]] is not None for point in measured)]
        title = f"{name}: {measured[0]['images']} images"
        written += _figure(panels, partial(_scale_panel, models), title, out / f"scales_{_plain(name)}")
    return written


def write_carbon_curves(summary: dict, out: Path) -> list[Path]:
    """Plot the results of rscodec.eval.carbon over the rate."""
    codecs, clear = summary["curves"], summary["uncompressed"]
    title = f"simulated county, map by {summary['model']}: {clear['rmse_mg_ha']:.1f} Mg/ha without compression"
    return _figure(CARBON_PANELS, partial(_carbon_panel, codecs), title, out / "carbon")


def write_carbon_maps(where, maps: dict, path: Path) -> None:
    """Plot imagery, true carbon and estimated maps for a part of the simulated county's east. `where`: from
    rscodec.eval.carbon. `maps` (h,w) are by name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = slice(MAP_ROW, MAP_ROW + where.mask.shape[1])
    bands = where.east[[3, 2, 1], rows].astype(float)
    low, high = (np.percentile(bands, share, (1, 2))[:, None, None] for share in (1, 99))
    panels = {"near infrared, red, green": None, "carbon": where.density[:, where.columns]} | maps
    lines = -(-len(panels) // MAPS_A_LINE)
    figure = Figure(figsize=(3.1 * MAPS_A_LINE + 0.6, 3.3 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, MAPS_A_LINE, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, found) in zip(axes.flat, panels.items(), strict=False):  # the last row may have fewer panels
        axis.set_title(name, fontsize=10)
        if found is None:
            axis.imshow(np.clip((bands - low) / (high - low), 0, 1).transpose(1, 2, 0))
        else:
            drawn = axis.imshow(np.where(where.mask, found, np.nan)[rows], cmap="viridis", vmin=0, vmax=where.scale)
    figure.colorbar(drawn, ax=axes, label="Mg/ha", shrink=0.5)
    with AtomicPath(path, overwrite=True) as target:
        figure.savefig(target, format="png", dpi=80)


def _figure(panels: list[tuple[str, str]], draw: Callable, title: str, path: Path) -> list[Path]:
    """Call draw(axis, metric, label) for each panel, and save as PNG and SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(5.2 * len(panels), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (metric, label) in zip(axes, panels, strict=True):
        draw(axis, metric, label)
    axes[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    written = [path.with_name(path.name + suffix) for suffix in (".png", ".svg")]
    for target in written:
        figure.savefig(target, dpi=120)
    with Image.open(written[0]) as picture:
        few = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)  # a third of the bytes
    few.save(written[0], optimize=True)
    return written


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def _scale_panel(models: dict, axis, metric: str, label: str) -> None:
    palette = model_colours(list(models))
    for model, points in models.items():
        line = [(point["scale"], point[metric]) for point in points if point[metric] is not None]
        style = "-" if model == "bicubic" else "--"
        if line:  # matplotlib takes an empty one for categories
            axis.plot(*zip(*line, strict=True), style, marker="o", markersize=3, color=palette[model], label=model)
    axis.set_xlabel("scale")
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)


def _carbon_panel(codecs: dict, axis, metric: str, label: str) -> None:
    palette = colours(list(codecs))
    for codec, points in codecs.items():
        line = [(point["rate_bpp_file"], point[metric]) for point in points]
        axis.plot(*zip(*line, strict=True), marker="o", markersize=3, color=palette[codec], label=codec)
    axis.set_xscale("log")
    axis.set_xlabel("bits per pixel (file)")
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)


def _panel(curves: dict, axis, metric: str, label: str) -> None:
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
