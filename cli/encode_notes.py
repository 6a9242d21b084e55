"""What `rscodec encode` prints at its end: a summary, and notes on the result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.cli.paths import is_pipe

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".jxl", ".webp", ".vrt", ".img", ".nc", ".zarr")
MASK_BPP = 2  # bits per pixel of an alpha band: no mask takes this many, not even one of noise


def summary(result, name: str) -> str:
    """Size, rate and operating point."""
    point = "fixed rate" if result.quality is None else f"quality {result.quality:g}"
    if result.psnr_db_estimated is not None:
        point += f", about {result.psnr_db_estimated:.2f} dB"
    return (
        f"{name}: {result.bytes} bytes, {result.ratio:.1f} times smaller, {result.bpp:.4f} bpp, {point}, "
        f"{result.width} x {result.height} x {result.bands}, {result.seconds:.1f} s"
    )


def error_summary(result, measured) -> str:
    """Mean and largest error of the sample: PSNR of 8 bits, unless the search measured it on more pixels; else RMSE."""
    sample = f"in a sample of the pixels of {measured.tiles} of {measured.of} tiles"
    if measured.largest == 0:
        return f"no error {sample}"
    psnr = result.dtype == "uint8" and result.psnr_db_estimated is None
    mean = f"{measured.psnr_db:.2f} dB" if psnr else f"RMSE {measured.rmse:.4g}"
    return f"{mean}, largest error {measured.largest:g}, {sample}"


def remarks(result, scene: str | Path | tuple, output: Path, goal: dict, settings: dict) -> Iterator[str | None]:
    """Notes on the result."""
    yield remark(result, goal["bpp"], goal["psnr"])
    yield highest_remark(result)
    yield balance_remark(result, settings["balance"])
    yield nodata_remark(scene, settings["bands"], settings["nodata"])
    yield alpha_remark(result, scene)
    yield suffix_remark(output)


def remark(result, bpp: float | None, psnr: float | None) -> str | None:
    """The reason why the file misses its target, or None."""
    lowest, highest, missed = (
        result.quality == QUALITY_MIN,
        result.quality == result.highest,
        result.target_met is False,
    )
    if psnr is not None and missed:
        return f"the PSNR is out of reach for this scene; the highest quality has {result.psnr_db_estimated:.2f} dB"
    if psnr is not None and lowest:
        return f"{psnr:g} dB is less than the lowest quality has, {result.psnr_db_estimated:.2f} dB"
    if bpp is not None and missed and lowest:
        return f"{bpp:g} bpp is out of reach for this scene; this is the lowest quality"
    if bpp is not None and missed:
        return f"{bpp:g} bpp is missed, because the search encoded a sample of tiles only; give a slightly lower target"
    if bpp is not None and highest:
        return f"{bpp:g} bpp is more than the highest quality takes, {result.bpp:.4f} bpp"
    return None


def highest_remark(result) -> str | None:
    """A note that this is the highest quality of a scene with areas far brighter or darker than the rest, or None."""
    if result.quality != result.highest or result.highest == QUALITY_MAX:
        return None
    return (
        f"the highest quality for this scene is {result.highest:g}, because some areas are far brighter or darker than "
        "the rest; --max-error has no such limit"
    )


def balance_remark(result, balance: bool) -> str | None:
    """A note that there was nothing to balance, or None."""
    if not balance or result.bands - len(result.alpha) > 1:
        return None
    return "--balance has no effect on a single band: it weighs bands against each other"


def nodata_remark(scene: str | Path | tuple, bands: tuple[int, ...] | None, nodata: float | None) -> str | None:
    """A note that the scene names another nodata value than the given one, or None."""
    from rscodec.raster.pixel_source import open_source

    if nodata is None or is_pipe(scene):
        return None
    try:
        with open_source(scene, bands) as source:
            named = source.nodata
    except InputError:  # its own value cannot be used
        return None
    if named is None or repr(named) == repr(float(nodata)):
        return None
    return f"the scene names nodata {named:g}; --nodata {nodata:g} replaces it, so pixels of {named:g} count as valid"


def suffix_remark(output: Path) -> str | None:
    """A note that the output has the name of an image, or None."""
    if output.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    return f"{output} is a compressed file of rscodec, which other programs do not open; .bin is the usual suffix"


def bound_remark(result, measured) -> str | None:
    """A note on --max-error for scenes of measurements, or None."""
    if not (result.dtype.startswith("float") or (result.dtype == "int16" and result.bands == 1)):
        return None
    return (
        f"the sample has errors up to {measured.largest:g}, and other pixels may have larger ones; "
        "--max-error E limits all errors to E, as elevation and measurements need"
    )


def alpha_remark(result, scene: str | Path | tuple) -> str | None:
    """Advice for a file that consists mostly of an alpha band that is not a mask, or None."""
    planes = result.sections.get("bytes_planes", 0)
    most = MASK_BPP * len(result.alpha) * result.width * result.height / 8
    if not result.alpha or planes <= max(most, result.bytes / 2) or isinstance(scene, tuple):
        return None
    bands = ", ".join(map(str, result.alpha))
    roles = (word for band in result.alpha for word in (f"-colorinterp_{band}", "undefined"))
    edit = shlex.join(["gdal_edit.py", *roles, str(scene)])
    return (
        f"alpha (band {bands}) is kept exactly and takes {100 * planes / result.bytes:.0f} % of the file; "
        f"if it is a measurement, such as near infrared, run `{edit}` and encode it again"
    )
