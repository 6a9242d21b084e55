"""Which bands of a scene are red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence

from rscodec.raster.metadata import Metadata, default_colours

COLOURS = ("red", "green", "blue")
DESCRIBED = {"red": "red", "green": "green", "blue": "blue", "b04": "red", "b03": "green", "b02": "blue"}  # Sentinel-2


def named_colours(colours: Sequence[str], coded: tuple[int, ...], chosen: Sequence[int] = ()) -> tuple[int, ...]:
    """The bands (0-based) named red, green and blue; else the first three coded ones of `chosen`; else none."""
    if all(colours.count(colour) == 1 for colour in COLOURS):
        return tuple(colours.index(colour) for colour in COLOURS)
    first = tuple(band for band in chosen if band in coded)[:3]
    return first if len(first) == 3 else ()


def band_colours(metadata: Metadata, count: int, dtype: str) -> tuple[str, ...]:
    """The names of bands: their descriptions if these name red, green and blue, else their colour interpretation."""
    described = tuple(DESCRIBED.get((text or "").strip().lower(), "") for text in metadata.get("descriptions") or ())
    if all(described.count(colour) == 1 for colour in COLOURS):
        return described
    return tuple(metadata.get("colorinterp") or default_colours(count, dtype))
