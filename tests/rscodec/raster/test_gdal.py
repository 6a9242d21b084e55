"""What GDAL says is heard where it matters, and nowhere else."""

from __future__ import annotations

import warnings

import pytest
from rasterio.errors import NotGeoreferencedWarning

from rscodec.raster import gdal


def test_threads_that_open_images_keep_each_other_silent():
    """The one that came first leaves first, as threads do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silence = gdal.Silence()
        silence.__enter__()
        silence.__enter__()
        silence.__exit__(None, None, None)
        warnings.warn("nowhere on Earth", NotGeoreferencedWarning, stacklevel=1)
        silence.__exit__(None, None, None)
        with pytest.raises(NotGeoreferencedWarning):
            warnings.warn("nowhere on Earth", NotGeoreferencedWarning, stacklevel=1)
