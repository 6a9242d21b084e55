"""Gives GDAL's errors a public class.

`rasterio.warp` and `rasterio.shutil` raise errors whose classes are in a private module and have no public base class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import RasterioError


@contextmanager
def public_errors() -> Iterator[None]:
    """Turn errors of rasterio's private modules into RasterioError with the same message. Other errors pass."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("rasterio._"):
            raise
        raise RasterioError(str(error)) from error
