"""Turns a scene of any type into a picture that any viewer shows: 8 bits, grey or RGB, transparent where invalid.

scene --choose bands--> one or three --stretch each between two percentiles--> uint8 --invalid pixels--> alpha
"""

from __future__ import annotations

from numbers import Real
from typing import cast

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.raster.colours import COLOURS, band_colours, named_colours
from rscodec.raster.metadata import Metadata, alpha_bands
from rscodec.raster.scene import Scene

Percentiles = tuple[float, float]

DEFAULT_STRETCH: Percentiles = (2.0, 98.0)
PLACE = ("crs", "transform", "gcps", "gcps_crs", "rpcs", "tags")  # metadata that a picture keeps


def shown_bands(metadata: Metadata, count: int, dtype: str) -> tuple[int, ...]:
    """The bands (counted from 1) to show: red, green and blue if the scene names them, otherwise the first three; the
    first band of a scene with fewer.
    """
    coded = tuple(band for band in range(count) if band not in alpha_bands(metadata)) or (0,)
    chosen = named_colours(band_colours(metadata, count, dtype), coded, coded) or coded[:1]
    return tuple(band + 1 for band in chosen)


def guessed_bands(metadata: Metadata, count: int, dtype: str) -> tuple[int, ...]:
    """The bands that are shown as red, green and blue although the scene does not name them; none if it does."""
    bands = shown_bands(metadata, count, dtype)
    named = named_colours(band_colours(metadata, count, dtype), ())
    return () if named or len(bands) == 1 else bands


def quicklook(scene: Scene, stretch: Percentiles = DEFAULT_STRETCH, bands: tuple[int, ...] | None = None) -> Scene:
    """The picture of a scene. Each band is stretched so that its percentiles become 0 and 255. Pixels that are invalid,
    or where alpha is 0, are transparent. `bands`: the one or three bands to show, counted from 1.
    """
    check_stretch(stretch)
    count = len(scene.pixels)
    chosen = bands or shown_bands(scene.metadata, count, str(scene.pixels.dtype))
    if len(chosen) not in (1, 3):
        raise InputError(f"a stretched picture shows one band or three, not {len(chosen)}: choose them with `bands`")
    places = [band - 1 for band in chosen]
    pixels, visible = scene.pixels[places], scene.mask[places].all(0)
    for band in alpha_bands(scene.metadata):
        visible &= scene.pixels[band] != 0
    planes = [_stretched(band, visible, stretch) for band in pixels]
    metadata = cast(Metadata, {key: value for key, value in scene.metadata.items() if key in PLACE})
    if not visible.all():
        planes.append(np.where(visible, np.uint8(255), np.uint8(0)))
        metadata["colorinterp"] = [*(COLOURS if len(chosen) == 3 else ["gray"]), "alpha"]
    return Scene(np.stack(planes), None, metadata)


def check_stretch(stretch: Percentiles) -> None:
    """Raise InputError unless these are two percentiles in order."""
    if not isinstance(stretch, (tuple, list)) or len(stretch) != 2 or not all(isinstance(one, Real) for one in stretch):
        raise InputError(f"`stretch={stretch!r:.80}`: give two percentiles, such as (2, 98)")
    low, high = stretch
    if not 0 <= low < high <= 100:
        raise InputError(f"`stretch={low:g},{high:g}`: give two percentiles from 0 to 100, the lower one first")


def _stretched(band: np.ndarray, visible: np.ndarray, stretch: Percentiles) -> np.ndarray:
    """One band in 8 bits, 0 where it is not visible."""
    picture = np.zeros(band.shape, np.uint8)
    if visible.any():
        values = band[visible].astype(np.float64)
        low, high = np.percentile(values, stretch)
        shares = (values - low) / (high - low if high > low else 1.0)
        picture[visible] = np.rint(shares.clip(0, 1) * 255)
    return picture
