"""Which pixels are measured, and how the others are restored exactly.

Every pixel of a coded band has a class. The codec stores the classes losslessly, fills all but VALID smoothly before
the network, and restores them after it:

    0 VALID    coded by the network; decodes to a similar value
    1 NODATA   the nodata value; decodes to this value
    2 NAN      not a number (also nodata=NaN); decodes to NaN
    3 MASKED   outside the dataset mask, so without meaning; decodes to nodata, or else 0

A VALID pixel must never decode to the nodata value by accident. `protect_nodata` moves such a pixel by one step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from rscodec.bitstreams.errors import InputError

VALID, NODATA, NAN, MASKED = range(4)

Pixel = np.integer | np.floating  # a pixel value of any type

# GDAL treats a float or a double as nodata if its relative difference from the nodata value is at most this.
FLOAT_TOLERANCE = 4 * 2.0**-23
NOT_FINITE = (
    "the scene has infinite pixels: replace them with NaN, or with its nodata value; where it has no other, "
    "encode takes `nodata=inf`"
)


def check_nodata(nodata: float | None, dtype: str) -> None:
    """Raise InputError for a nodata value that no integer pixel can have. GDAL truncates a fraction and masks the
    result.
    """
    if nodata is None or not np.issubdtype(dtype, np.integer):
        return
    if not possible_nodata(nodata, dtype):
        raise InputError(f"nodata {nodata:g} is beyond {dtype} pixels: give one within their range, or none")
    if nodata != int(nodata):
        raise InputError(
            f"nodata {nodata:g} is no {dtype} pixel, and GDAL takes pixels of {int(nodata)} for it: set "
            f"it to a whole number (gdal_edit.py -a_nodata {int(nodata)} FILE, or `nodata={int(nodata)}`)"
        )


def possible_nodata(nodata: float, dtype: str) -> bool:
    """Whether GDAL accepts this nodata value for a band of this type: for integers, any number within their range."""
    return not np.issubdtype(dtype, np.integer) or np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max


def classify(pixels: np.ndarray, nodata: float | None = None, mask: np.ndarray | None = None) -> np.ndarray:
    """pixels (C,h,w), mask (h,w) nonzero where valid -> classes (C,h,w). Raises InputError on infinity."""
    classes = np.zeros(pixels.shape, np.uint8)
    if nodata is not None and not np.isnan(nodata):
        classes[_is_nodata(pixels, nodata)] = NODATA
    if np.issubdtype(pixels.dtype, np.floating):
        classes[np.isnan(pixels)] = NAN
        if np.isinf(pixels[classes == VALID]).any():
            raise InputError(NOT_FINITE)
    if mask is not None:
        classes[:, mask == 0] = MASKED
    return classes


def protect_nodata(pixels: np.ndarray, classes: np.ndarray | None, nodata: float | None) -> np.ndarray:
    """Decoded pixels (C,h,w), classes (1,h,w), (C,h,w) or None -> pixels with exact invalid pixels.

    A valid pixel that became equal to the nodata value is moved by one step, so that it stays valid.
    """
    pixels = pixels.copy()
    value = native(nodata, pixels.dtype)
    if value is not None and not np.isnan(value):
        pixels[_is_nodata(pixels, nodata)] = _beside(value)
    if classes is not None:
        classes = np.broadcast_to(classes, pixels.shape)
        background = pixels.dtype.type(0) if value is None else value
        pixels[(classes == NODATA) | (classes == MASKED)] = background
        if np.issubdtype(pixels.dtype, np.floating):
            pixels[classes == NAN] = np.nan
    return pixels


def same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """bool for each pixel: equal, or both NaN."""
    return (a == b) | ((a != a) & (b != b))


def native(nodata: float | None, dtype: DTypeLike) -> Pixel | None:
    """The nodata value as a pixel of this type; None if there is none or the type cannot hold it (-9999 in uint8)."""
    kind: np.dtype = np.dtype(dtype)
    if nodata is None:
        return None
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        holds = limits.min <= nodata <= limits.max and nodata == int(nodata)
        return kind.type(nodata) if holds else None
    with np.errstate(over="ignore"):
        value = kind.type(nodata)
    return None if np.isinf(value) and not np.isinf(nodata) else value


def _is_nodata(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    value = native(nodata, pixels.dtype)
    if value is None:
        return np.zeros(pixels.shape, bool)
    if np.issubdtype(pixels.dtype, np.integer) or np.isinf(value):
        return pixels == value
    distance = np.abs(pixels.astype(np.float64) - float(value))
    return (pixels == value) | (distance < FLOAT_TOLERANCE * abs(float(value)))


def _beside(value: Pixel) -> Pixel:
    """The nearest value that is not nodata: one step for integers, outside the tolerance for floats."""
    kind = value.dtype.type
    if isinstance(value, np.integer):
        return kind(int(value) + (1 if value < np.iinfo(value.dtype).max else -1))
    info = np.finfo(value.dtype)
    if value == 0:
        return info.tiny
    if np.isinf(value):
        return kind(np.copysign(info.max, value))
    return kind(float(value) * (1 - 2 * FLOAT_TOLERANCE))
