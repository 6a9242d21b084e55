"""Areas against figures that others publish, in projections that distort them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from rasterio.warp import transform

from rscodec.carbon import area
from rscodec.carbon.area import pixel_areas
from rscodec.carbon.grid import Grid

EARTH = 510_065_621_724_088.4  # m2: the surface of the ellipsoid of WGS 84


def test_the_whole_earth():
    areas = pixel_areas(Grid("EPSG:4326", (10.0, 0, -180, 0, -10, 90), 36, 18))
    assert areas.sum() == pytest.approx(EARTH, rel=1e-9)
    assert np.ptp(areas, axis=1).max() < 1e-3 * areas.min()


@pytest.mark.parametrize(
    "grid",
    [
        Grid("EPSG:4326", (0.001, 0, 10, 0, -0.001, 60), 2, 2),
        Grid("EPSG:3857", (100.0, 0, 1_149_600, 0, -100, 6_626_100), 2, 2),
        Grid("EPSG:2154", (16.0, 3, 700_000, 2, -16, 6_600_000), 2, 2),
    ],
    ids=lambda grid: grid.crs,
)
def test_as_geodesics_have_it(grid: Grid):
    pyproj = pytest.importorskip("pyproj")
    ring = grid.degrees(np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 1, 0]))
    area, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(*ring)
    assert pixel_areas(grid)[0, 0] == pytest.approx(area, rel=1e-6)


@pytest.mark.parametrize(("east", "scale"), [(500_000, 0.9996), (166_000, 1.00098)])
def test_utm_is_a_little_too_small_in_the_middle_and_too_large_at_the_border(east: float, scale: float):
    areas = pixel_areas(Grid("EPSG:32633", (16.0, 0, east, 0, -16, 5_000), 3, 3))
    assert areas == pytest.approx(256 / scale**2, rel=2e-5)


def test_web_mercator_is_four_times_too_large_at_60_degrees():
    (x,), (y,) = transform("EPSG:4326", "EPSG:3857", [10.3], [60.0])
    areas = pixel_areas(Grid("EPSG:3857", (100.0, 0, x, 0, -100, y), 2, 2))
    assert areas == pytest.approx(10_000 * 0.25, rel=0.01)
    # 1.0067 * cos(60)^2 more exactly: the sphere's scale over the ellipsoid's radii of curvature at 60 degrees
    squared = 0.0066943799901413
    bulge = (1 - squared) / (1 - squared * 0.75) ** 2
    assert areas[0, 0] == pytest.approx(10_000 * 0.25 * bulge, rel=1e-4)


def test_an_equal_area_projection_is_right_already():
    areas = pixel_areas(Grid("EPSG:3035", (500.0, 30, 4_321_000, 20, -400, 3_210_000), 4, 3))
    assert areas == pytest.approx(500 * 400 + 30 * 20, rel=1e-6)


def test_the_antimeridian_is_no_border():
    grid = ("EPSG:32660", (100.0, 0, 833_000, 0, -100, 1_000), 2_000, 1)
    areas = pixel_areas(Grid(*grid))
    assert areas.max() / areas.min() < 1.005


def test_south_up_rasters_have_areas_too():
    up = pixel_areas(Grid("EPSG:4326", (1.0, 0, 0, 0, 1, -10), 2, 20))
    assert up == pytest.approx(pixel_areas(Grid("EPSG:4326", (1.0, 0, 0, 0, -1, 10), 2, 20))[::-1])


def test_memory_is_that_of_some_rows(monkeypatch):
    grid = Grid("EPSG:32633", (16.0, 1, 412_000, 2, -16.0, 5_318_000), 500, 600)
    tracemalloc.start()
    areas = pixel_areas(grid)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * areas.size
    monkeypatch.setattr(area, "POSITIONS", 10**6)
    assert np.array_equal(pixel_areas(grid), areas)
