"""GDAL's errors under a public name.

`rasterio.warp` and `rasterio.shutil` raise errors whose classes lie in a private module and have no public base.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import RasterioError


@contextmanager
def public_errors() -> Iterator[None]:
    """Turn errors of private modules of rasterio into RasterioError, with the same message. Others pass."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("rasterio._"):
            raise
        raise RasterioError(str(error)) from error
