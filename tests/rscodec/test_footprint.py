"""Outlines on the globe."""

from __future__ import annotations

import pytest
from rasterio.warp import transform_bounds

from rscodec.footprint import footprint


def utm(code: int, east: float, north: float) -> dict:
    return {"crs": f"EPSG:{code}", "transform": [10.0, 0.0, east, 0.0, -10.0, north]}


def test_a_scene_in_utm():
    geometry, box = footprint(utm(32632, 500000, 5600000), 1000, 2000)
    assert box == pytest.approx(transform_bounds("EPSG:32632", "EPSG:4326", 500000, 5580000, 510000, 5600000), abs=1e-6)
    ring = geometry["coordinates"][0]
    assert geometry["type"] == "Polygon" and ring[0] == ring[-1]
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False))
    assert area > 0  # counter-clockwise, as GeoJSON wants outer rings


def test_a_scene_in_degrees_keeps_them():
    _, box = footprint({"crs": "EPSG:4326", "transform": [0.5, 0, 10, 0, -0.5, 50]}, 4, 2)
    assert box == [10, 49, 12, 50]


def test_ground_control_points_will_do():
    points = [[r, c, 10 + c / 100, 50 - r / 100, 0.0, str(i), ""] for i, (r, c) in
              enumerate([(0, 0), (0, 100), (100, 0), (100, 100)])]  # fmt: skip
    _, box = footprint({"gcps": points, "gcps_crs": "EPSG:4326"}, 100, 100)
    assert box == pytest.approx([10, 49, 11, 50])


def test_a_scene_across_the_antimeridian_has_two_parts():
    geometry, (west, _, east, _) = footprint(utm(32601, 270000, 5600000), 5000, 5000)
    assert geometry["type"] == "MultiPolygon" and len(geometry["coordinates"]) == 2
    assert west > 170 and east < -170


@pytest.mark.parametrize("metadata", [{}, {"crs": "EPSG:4326"}, {"transform": [1, 0, 0, 0, 1, 0]}])
def test_a_scene_that_does_not_say_has_none(metadata):
    assert footprint(metadata, 10, 10) is None
