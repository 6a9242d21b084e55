"""Where a scene lies, as rasterio says it."""

from __future__ import annotations

import pytest
import rasterio

from rscodec.bitstreams.errors import InputError
from rscodec.raster.georeference import bounds_of, crs_of, transform_of, window_of
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize

TURNED = {"transform": [0.0, 1.0, 10.0, 1.0, 0.0, 20.0]}


def test_it_is_what_rasterio_says(tmp_path):
    pixels, metadata = synthesize((40, 30))
    Scene(pixels, metadata=metadata).save(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert crs_of(metadata) == file.crs and transform_of(metadata) == file.transform
        assert bounds_of(metadata, 40, 30) == file.bounds
        corners = file.xy(10, 5, offset="ul") + file.xy(25, 20, offset="ul")
        assert window_of(metadata, corners[0], corners[3], corners[2], corners[1]) == (5, 10, 15, 15)


def test_a_scene_without_a_place():
    assert crs_of({}) is None and transform_of({}).is_identity and bounds_of({}, 4, 3) == (0, 3, 4, 0)


def test_corners_are_moved_to_corners_of_pixels_and_contain_one():
    north = {"transform": [2.0, 0.0, 100.0, 0.0, -2.0, 200.0]}
    assert window_of(north, 100.9, 189.1, 109.1, 199.1) == (0, 0, 5, 5)
    assert window_of(north, 104, 194, 104.1, 194.1) == (2, 3, 1, 1)
    south = {"transform": [2.0, 0.0, 100.0, 0.0, 2.0, 200.0]}
    assert window_of(south, 100, 200, 104, 206) == (0, 0, 2, 3)


def test_a_turned_scene():
    assert bounds_of(TURNED, 4, 3) == (10, 20, 13, 24)
    with pytest.raises(InputError, match="rotated"):
        window_of(TURNED, 0, 0, 1, 1)


@pytest.mark.parametrize("corner", [float("nan"), float("inf"), 1e308])
def test_corners_that_are_nowhere(corner):
    tiny = {"transform": [1e-9, 0.0, 100.0, 0.0, -1e-9, 200.0]}
    with pytest.raises(InputError, match="corners are finite numbers in units of the CRS, not .*0, 1, 1"):
        window_of(tiny, corner, 0, 1, 1)
