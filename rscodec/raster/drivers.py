"""GDAL's drivers: which one belongs to a file name, and which outputs are lossy."""

from __future__ import annotations

import os
from pathlib import Path

DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jp2": "JP2OpenJPEG"}
TRUE = ("yes", "true", "on", "1")
COG_RESAMPLES = ("tiling_scheme", "target_srs", "res", "extent")


def driver_for(path: str | os.PathLike) -> str:
    """The GDAL driver for a file name's suffix; GTiff for unknown suffixes."""
    return DRIVERS.get(Path(path).suffix.lower(), "GTiff")


def lossy_option(driver: str, options: dict) -> str:
    """The driver or option that makes this output lossy; empty if it is lossless."""
    given = {key.lower(): str(value) for key, value in options.items()}

    def on(key: str, default: str = "no") -> bool:
        return given.get(key, default).lower() in TRUE

    if driver == "JPEG":
        return driver
    if driver == "COG":
        moving = next((key for key in COG_RESAMPLES if given.get(key, "custom").lower() != "custom"), None)
        if moving:
            return f"{moving.upper()}={given[moving]}"
    if driver == "JP2OpenJPEG":
        lossless = on("reversible") and given.get("quality") == "100" and not on("ycbcr420")
        return "" if lossless else "JP2OpenJPEG without REVERSIBLE=YES and QUALITY=100"
    compression = given.get("compress", "").lower()
    loses = {
        "jpeg": True,
        "webp": not on("webp_lossless"),
        "jxl": not on("jxl_lossless", "yes"),
    }.get(compression, compression.startswith("lerc") and given.get("max_z_error", "0").strip("0.") != "")
    if loses:
        return f"COMPRESS={given['compress']}"
    return next((f"{key.upper()}={given[key]}" for key in ("discard_lsb", "nbits") if key in given), "")
