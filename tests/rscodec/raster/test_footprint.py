"""Outlines on the globe."""

from __future__ import annotations

import itertools
import math

import pytest
from rasterio.warp import transform_bounds

from rscodec.raster.footprint import footprint


def utm(code: int, east: float, north: float) -> dict:
    return {"crs": f"EPSG:{code}", "transform": [10.0, 0.0, east, 0.0, -10.0, north]}


def test_a_scene_in_utm():
    geometry, box = footprint(utm(32632, 500000, 5600000), 1000, 2000)
    assert box == pytest.approx(transform_bounds("EPSG:32632", "EPSG:4326", 500000, 5580000, 510000, 5600000), abs=1e-6)
    ring = geometry["coordinates"][0]
    assert geometry["type"] == "Polygon" and ring[0] == ring[-1]
    assert _area(ring) > 0  # counter-clockwise, as GeoJSON wants outer rings


def test_a_scene_in_degrees_keeps_them():
    _, box = footprint({"crs": "EPSG:4326", "transform": [0.5, 0, 10, 0, -0.5, 50]}, 4, 2)
    assert box == [10, 49, 12, 50]


def test_ground_control_points_will_do():
    points = [
        [r, c, 10 + c / 100, 50 - r / 100, 0.0, str(i), ""]
        for i, (r, c) in enumerate([(0, 0), (0, 100), (100, 0), (100, 100)])
    ]
    _, box = footprint({"gcps": points, "gcps_crs": "EPSG:4326"}, 100, 100)
    assert box == pytest.approx([10, 49, 11, 50])


def test_a_scene_across_the_antimeridian_has_two_parts():
    geometry, (west, _, east, _) = footprint(utm(32601, 270000, 5600000), 5000, 5000)
    assert geometry["type"] == "MultiPolygon" and len(geometry["coordinates"]) == 2
    assert west > 170 and east < -170


def degrees(west: float, width: float, crs: str = "EPSG:4326") -> dict:
    return {"crs": crs, "transform": [width / 10, 0, west, 0, -1, 5]}


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4269"])
@pytest.mark.parametrize(
    "start, width, west, east",
    [
        (170, 19.2, 170, -170.8),
        (-190, 15, 170, -175),
        (530, 19.2, 170, -170.8),
        (-200, 30, 160, -170),
    ],
)
def test_degrees_across_the_antimeridian_are_cut_there(crs, start, width, west, east):
    geometry, box = footprint(degrees(start, width, crs), 10, 10)
    assert box == pytest.approx([west, -5, east, 5]) and geometry["type"] == "MultiPolygon"
    boxes = [_bounds(part[0]) for part in geometry["coordinates"]]
    assert boxes == [pytest.approx((west, -5, 180, 5)), pytest.approx((-180, -5, east, 5))]
    for (ring,) in geometry["coordinates"]:
        assert ring[0] == ring[-1] and _area(ring) > 0


@pytest.mark.parametrize("start, west", [(190, -170), (-195, 165), (340, -20), (-180, -180), (170, 170)])
def test_degrees_beyond_it_are_moved(start, west):
    geometry, box = footprint(degrees(start, 10), 10, 10)
    assert box == [west, -5, west + 10, 5] and geometry["type"] == "Polygon"
    assert _area(geometry["coordinates"][0]) == pytest.approx(100)


@pytest.mark.parametrize("start, width", [(0, 360), (-180, 360), (-180.5, 361)])
def test_a_whole_circle_is_the_whole_world(start, width):
    geometry, box = footprint(degrees(start, width), 10, 10)
    assert box == [-180, -5, 180, 5] and _bounds(geometry["coordinates"][0]) == (-180, -5, 180, 5)


@pytest.mark.parametrize("down", [-1, 1])
@pytest.mark.parametrize("code, pole", [(3413, 90), (6931, 90), (3031, -90), (6932, -90), (3571, 90), (3409, -90)])
def test_an_outline_around_the_pole_keeps_its_bends(code, pole, down):
    """Polar stereographic and Lambert azimuthal, seen from either end of the Earth, with rows from either side."""
    metadata = {"crs": f"EPSG:{code}", "transform": [1e4, 0, -3e6, 0, down * 1e4, -down * 3e6]}
    geometry, box = footprint(metadata, 600, 600)
    ring = geometry["coordinates"][0]
    assert box[0::2] == [-180, 180] and len(ring) > 32 and ring[0] == ring[-1] and _area(ring) > 0
    assert pole in box[1::2] and 45 < min(abs(box[1]), abs(box[3])) < 60


@pytest.mark.parametrize("code, pole, turn", [(3413, 90, -45), (3031, -90, 0)])
@pytest.mark.parametrize("east, north", [(0, 0), (-1, 0), (0, -1), (-1, -1)])
def test_a_scene_with_a_corner_at_the_pole_is_a_quarter(code, pole, turn, east, north):
    """The four tiles around the origin, each 600 km wide: every one spans 90 degrees."""
    edge = 6e5
    transform = [1e4, 0, east * edge, 0, -1e4, (north + 1) * edge]
    geometry, box = footprint({"crs": f"EPSG:{code}", "transform": transform}, 60, 60)
    angle = math.degrees(math.atan2(north + 0.5, east + 0.5))
    centre = turn + 90 + angle if pole > 0 else turn + 90 - angle
    west, _, east, _ = box
    assert (east - west) % 360 == pytest.approx(90) and pole in box
    assert ((west + (east - west) % 360 / 2) - centre + 180) % 360 == pytest.approx(180, abs=1e-3)
    assert all(_area(part[0]) > 0 for part in _parts(geometry))


@pytest.mark.parametrize("code", [3413, 3031])
@pytest.mark.parametrize("east, north, width, height", [(0, -3, 3, 7), (-3, -3, 3, 6), (-3, 0, 7, 3), (-3, -3, 6, 3)])
def test_a_scene_with_an_edge_through_the_pole_is_half(code, east, north, width, height):
    transform = [1e4, 0, east * 1e5, 0, -1e4, (north + height) * 1e5]
    metadata = {"crs": f"EPSG:{code}", "transform": transform}
    _, (west, south, east, north) = footprint(metadata, 10 * width, 10 * height)
    assert (east - west) % 360 == pytest.approx(180, abs=0.1) and max(-south, north) == 90


def test_an_edge_beside_the_pole_reaches_as_near_as_it_does():
    transform = [1e4, 0, -1.15e6, 0, -1e4, -1e3]
    _, box = footprint({"crs": "EPSG:3413", "transform": transform}, 230, 50)
    assert 89.98 < box[3] < 90


@pytest.mark.parametrize("pixel, west", [(36032.22, 17367530.45), (25025.26, 17367530.45), (9008.05521, 17367530.44)])
def test_a_grid_of_the_whole_earth_is_one_part(pixel, west):
    size = round(2 * west / pixel), round(2 * 7314540.83 / pixel)
    geometry, box = footprint({"crs": "EPSG:6933", "transform": [pixel, 0, -west, 0, -pixel, 7314540.83]}, *size)
    assert geometry["type"] == "Polygon" and box[0::2] == pytest.approx([-180, 180], abs=0.01)


def _parts(geometry: dict) -> list:
    return geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]


SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m"
TILE = 1111950.519667  # metres along the edge of a tile of MODIS


@pytest.mark.parametrize("column, row, box", [(18, 4, (0, 40, 15.5572383, 50)), (0, 8, None), (3, 5, None)])
def test_a_tile_that_is_partly_off_the_earth_has_no_outline(column, row, box):
    metadata = {
        "crs": SINUSOIDAL,
        "transform": [TILE / 1200, 0, (column - 18) * TILE, 0, -TILE / 1200, (9 - row) * TILE],
    }
    found = footprint(metadata, 1200, 1200)
    assert (found and found[1]) == (box and pytest.approx(box))


@pytest.mark.parametrize("west, box", [(1.98e7, (177.8664, -177.6420)), (-2.03e7, (177.6420, -177.8664))])
def test_mercator_goes_on_beyond_the_antimeridian(west, box):
    geometry, found = footprint({"crs": "EPSG:3857", "transform": [1000, 0, west, 0, -1000, 5e6]}, 500, 500)
    assert geometry["type"] == "MultiPolygon" and found[0::2] == pytest.approx(box, abs=1e-4)


def test_half_a_turn_from_greenwich_on_stays():
    _, box = footprint(degrees(0, 180), 10, 10)
    assert box == [0, -5, 180, 5]


def _bounds(ring: list) -> tuple:
    xs, ys = zip(*ring, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _area(ring: list) -> float:
    """Positive for a ring that runs counter-clockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) / 2


DISK = ("+proj=geos +h=35785831 +lon_0=0 +sweep=y +a=6378169 +b=6356583.8 +units=m", [3e3, 0, -5.57e6, 0, -3e3, 5.57e6])


@pytest.mark.parametrize(
    "crs, transform",
    [
        DISK,
        ('LOCAL_CS["site",UNIT["metre",1]]', [1, 0, 0, 0, -1, 0]),
        ("no such thing", [1, 0, 0, 0, -1, 0]),
        ("EPSG:32601", [math.inf, 0, 5e5, 0, -1, 0]),
        ("EPSG:4326", [math.nan, 0, 5, 0, -1, 0]),
    ],
    ids=["disk", "local", "unknown", "infinite", "nan"],
)
def test_a_scene_that_has_no_place_in_degrees_has_none(crs, transform):
    assert footprint({"crs": crs, "transform": transform}, 3712, 3712) is None


@pytest.mark.parametrize("metadata", [{}, {"crs": "EPSG:4326"}, {"transform": [1, 0, 0, 0, 1, 0]}])
def test_a_scene_that_does_not_say_has_none(metadata):
    assert footprint(metadata, 10, 10) is None


def test_points_on_both_sides_of_the_antimeridian():
    points = [
        [r, c, 178.6 + c / 50 - (360 if 178.6 + c / 50 > 180 else 0), -17 - r / 100, 0.0, f"{r} {c}", ""]
        for r in (0, 100) for c in (0, 50, 100, 120)
    ]  # fmt: skip
    geometry, box = footprint({"gcps": points, "gcps_crs": "EPSG:4326"}, 120, 100)
    assert geometry["type"] == "MultiPolygon" and box == pytest.approx([178.6, -18, -179, -17], abs=1e-6)


def test_two_points_are_no_outline():
    points = [[0, 0, 10, 50, 0.0, "a", ""], [9, 9, 11, 49, 0.0, "b", ""]]
    assert footprint({"gcps": points, "gcps_crs": "EPSG:4326"}, 10, 10) is None


def test_pixels_whose_centre_is_a_pole_end_there():
    _, box = footprint({"crs": "EPSG:4326", "transform": [0.25, 0, -180, 0, -0.25, 90.125]}, 1440, 721)
    assert box == [-180, -90, 180, 90]
