"""GDAL's drivers: which one belongs to a file name, their options, what they can hold, and which outputs are lossy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jp2": "JP2OpenJPEG"}
LOSSLESS = (  # drivers that keep all values of each type that they accept; others may change some
    *("BMP", "COG", "EHdr", "ENVI", "ERS", "GTiff", "HFA", "JP2OpenJPEG", "NITF", "PNG", "PNM", "RRASTER", "RST"),
    *("SAGA", "Zarr", "netCDF"),
)
PNG_DTYPES, PNG_BANDS = ("uint8", "uint16"), 4
TRUE = ("yes", "true", "on", "1")
COG_RESAMPLES = ("tiling_scheme", "target_srs", "res", "extent")


def driver_for(path: str | os.PathLike) -> str:
    """The GDAL driver for a file name's suffix; GTiff for unknown suffixes."""
    return DRIVERS.get(Path(path).suffix.lower(), "GTiff")


def unfit(driver: str, count: int, dtype: str, alpha: tuple[int, ...]) -> str | None:
    """Why a format cannot hold an image with these alpha bands (0-based), for an error; None if it can, or if GDAL says
    so itself.
    """
    if driver == "PNG":
        if dtype not in PNG_DTYPES:
            return f"holds {' or '.join(PNG_DTYPES)}, not {dtype}: write a .tif"
        if count > PNG_BANDS:
            return f"has at most {PNG_BANDS} bands, not {count}: choose three with `bands`, or write a .tif"
        if count in (2, 4) and count - 1 not in alpha:
            fewer = "three" if count == 4 else "one"
            return f"would take band {count} for alpha, which it is not: choose {fewer} with `bands`, or write a .tif"
    if driver == "JPEG":
        if dtype != "uint8":
            return f"holds uint8, not {dtype}: write a .tif"
        if count not in (1, 3) and (count, alpha) != (4, (3,)):
            return f"has one band, or three, or three and alpha, not {count}: choose some with `bands`, or write a .tif"
    return None


def creation_options(driver: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The creation options in lower case, with defaults: COGs and JPEG 2000 are lossless."""
    options = {key.lower(): value for key, value in given.items()}
    if driver == "COG":  # GDAL's cubic overviews overshoot, and spread NaN
        options.setdefault("overview_resampling", options.get("resampling", "AVERAGE"))
        options.setdefault("compress", "DEFLATE")
        if str(options["compress"]).upper() in ("DEFLATE", "LZW", "ZSTD"):
            options.setdefault("predictor", "YES")
    if driver == "JP2OpenJPEG":
        options = {"codec": "JP2", "reversible": "YES", "quality": "100", **options}
    return options


def lossy_option(driver: str, given: Mapping[str, Any]) -> str:
    """The driver or option that makes this output lossy; empty if it is lossless."""
    options = {key: str(value) for key, value in creation_options(driver, given).items()}

    def on(key: str, default: str = "no") -> bool:
        return options.get(key, default).lower() in TRUE

    if driver not in LOSSLESS or driver == "NITF" and options.get("ic", "NC").upper() != "NC":
        return driver
    if driver == "COG":
        moving = next((key for key in COG_RESAMPLES if options.get(key, "custom").lower() != "custom"), None)
        if moving:
            return f"{moving.upper()}={options[moving]}"
    if driver == "JP2OpenJPEG" and not (on("reversible") and options["quality"] == "100" and not on("ycbcr420")):
        return "JP2OpenJPEG without REVERSIBLE=YES and QUALITY=100"
    compression = options.get("compress", "").lower()
    loses = {
        "jpeg": True,
        "webp": not on("webp_lossless"),
        "jxl": not on("jxl_lossless", "yes"),
    }.get(compression, compression.startswith("lerc") and options.get("max_z_error", "0").strip("0.") != "")
    if loses:
        return f"COMPRESS={options['compress']}"
    return next((f"{key.upper()}={options[key]}" for key in ("discard_lsb", "nbits") if key in options), "")
