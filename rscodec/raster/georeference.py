"""Where a scene lies: its metadata as the objects that rasterio has for CRS, transform and bounds."""

from __future__ import annotations

import math

from rasterio import Affine
from rasterio.coords import BoundingBox
from rasterio.crs import CRS
from rasterio.errors import CRSError

from rscodec.bitstreams.errors import InputError
from rscodec.raster.metadata import Metadata, crs_text, parse_crs
from rscodec.raster.window import Window


def crs_of(metadata: Metadata) -> CRS | None:
    """The CRS, or None."""
    return parse_crs(metadata.get("crs"))


def crs_from(text: str | None, name: str) -> str | None:
    """A CRS given as text, in the form that metadata hold. Raises InputError with the text's origin, `name`."""
    try:
        return crs_text(parse_crs(text))
    except CRSError as problem:
        raise InputError(f"{name} has an unknown CRS: {problem}") from None


def transform_of(metadata: Metadata) -> Affine:
    """The geotransform; the identity if there is none."""
    return Affine(*metadata["transform"]) if "transform" in metadata else Affine.identity()


def bounds_of(metadata: Metadata, width: int, height: int) -> BoundingBox:
    """The box around the scene: left, bottom, right, top in units of the CRS. As in rasterio, the top is where the
    first row is, unless the scene is rotated.
    """
    transform = transform_of(metadata)
    if not (transform.b or transform.d):
        (left, top), (right, bottom) = transform * (0, 0), transform * (width, height)
        return BoundingBox(left, bottom, right, top)
    corners = [transform * corner for corner in ((0, 0), (width, 0), (0, height), (width, height))]
    across, along = zip(*corners, strict=True)
    return BoundingBox(min(across), min(along), max(across), max(along))


def window_of(metadata: Metadata, left: float, bottom: float, right: float, top: float) -> Window:
    """The pixels between two corners, each moved to the nearest corner of a pixel. There is at least one pixel."""
    transform = transform_of(metadata)
    if transform.b or transform.d:
        raise InputError("the scene is rotated, so coordinates describe no window of it: give columns and rows")
    ends = [~transform * corner for corner in ((left, top), (right, bottom))]
    if not all(math.isfinite(value) for end in ends for value in end):
        raise InputError(f"corners are finite numbers in units of the CRS, not {(left, bottom, right, top)}")
    (col, end_col), (row, end_row) = (sorted(map(round, values)) for values in zip(*ends, strict=True))
    return Window(col, row, max(1, end_col - col), max(1, end_row - row))
