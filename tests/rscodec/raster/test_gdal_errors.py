"""Errors of GDAL are caught under a public name; other errors stay what they are."""

from __future__ import annotations

import pytest
from rasterio.errors import CRSError, RasterioError, RasterioIOError
from rasterio.warp import transform_geom

from rscodec.raster.gdal_errors import public_errors


def test_an_error_of_a_private_class_becomes_a_public_one():
    with pytest.raises(RasterioError, match="Invalid latitude") as caught, public_errors():
        transform_geom("EPSG:4326", "EPSG:32632", {"type": "Point", "coordinates": (5e5, 4e6)})
    assert str(caught.value) == str(caught.value.__cause__)


@pytest.mark.parametrize("kind", [CRSError, RasterioIOError, ValueError, KeyError])
def test_other_errors_pass(kind: type[Exception]):
    raised = kind("as it was")
    with pytest.raises(kind) as caught, public_errors():
        raise raised
    assert caught.value is raised
