"""Inventory and canopy heights onto the pixels of an image; whatever is wrong with them is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rasterio.warp import transform, transform_geom

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.area import pixel_areas
from rscodec.carbon.density import density
from rscodec.carbon.grid import Grid
from rscodec.carbon.prepare import prepare, write
from rscodec.carbon.simulation import county
from rscodec.raster.provenance import marked
from rscodec.raster.scene import Scene

pytest.importorskip("pyogrio")
UTM, EAST, NORTH, SIZE = "EPSG:32633", 412_000, 5_318_000, 20
GRID = Grid(UTM, (16.0, 0, EAST, 0, -16.0, NORTH), SIZE, SIZE)


def box(left: float, top: float, right: float, bottom: float) -> dict:
    """A polygon in UTM from columns and rows."""
    x = [EAST + 16 * column for column in (left, right, right, left, left)]
    y = [NORTH - 16 * row for row in (bottom, bottom, top, top, bottom)]
    return {"type": "Polygon", "coordinates": [list(zip(x, y, strict=True))]}


def save(path: Path, pixels: np.ndarray, grid: Grid = GRID, **more) -> Path:
    Scene(pixels.reshape(-1, grid.height, grid.width), metadata=grid.metadata | more).save(path, overwrite=True)
    return path


def stands(path: Path, *rows: tuple[dict | None, object], column: str = "volume_m3_ha", crs: str = UTM) -> Path:
    """A GeoJSON in degrees, as it has to be: outlines are given in UTM."""
    shapes = [shape for shape, _ in rows]
    outlines = [transform_geom(crs, "EPSG:4326", one) if one and one["coordinates"] else one for one in shapes]
    features = [
        {"type": "Feature", "properties": {column: value, "name": "x"}, "geometry": shape}
        for shape, (_, value) in zip(outlines, rows, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


class Place:
    """An image, canopy heights of 10 m, and paths for an inventory."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.image = save(folder / "image.tif", np.full((4, SIZE, SIZE), 500, np.uint16))
        self.heights = save(folder / "heights.tif", np.full((SIZE, SIZE), 10, np.float32))

    def prepare(self, *rows, **options):
        return prepare(
            self.image, stands(self.folder / "forest.geojson", *rows, **options), self.heights, "volume_m3_ha"
        )


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)


def test_even_heights_give_the_density_of_the_stand(place):
    made = place.prepare((box(2, 3, 8, 9), 100.0), (box(10, 3, 15, 9), 0.0))
    wanted = np.full((SIZE, SIZE), np.nan)
    wanted[3:9, 2:8], wanted[3:9, 10:15] = 115.8525, 0.0
    assert made.density == pytest.approx(wanted, rel=1e-4, nan_ok=True)
    assert np.array_equal(made.mask, np.isfinite(wanted)) and made.stands == 2 and made.notes == []


def test_as_the_equations_have_it_on_the_simulated_county(tmp_path):
    made = county.simulate(64, 5)
    county.write(made, tmp_path, {})
    files = [tmp_path / name for name in ("imagery.tif", "forest.geojson", "canopy_height.tif")]
    found = prepare(*files, county.VOLUME)
    wanted = density(made.stand, made.volume, made.canopy_height.astype(float), pixel_areas(made.grid))
    assert np.array_equal(found.mask, made.stand > 0)
    assert found.density[found.mask] == pytest.approx(wanted[found.mask], rel=1e-5)


@pytest.mark.parametrize("driver", ["GPKG", "ESRI Shapefile"])
def test_other_files_and_another_crs(place, tmp_path, driver):
    pyogrio, shapely = pytest.importorskip("pyogrio"), pytest.importorskip("shapely")
    first = place.prepare((box(2, 3, 8, 9), 100.0))
    shape = transform_geom(UTM, "EPSG:3035", box(2, 3, 8, 9))
    path = tmp_path / {"GPKG": "a.gpkg", "ESRI Shapefile": "a.shp"}[driver]
    pyogrio.raw.write(
        path,
        np.array([shapely.to_wkb(shapely.geometry.shape(shape))]),
        [np.array([100.0])],
        ["vol"],
        driver=driver,
        geometry_type="Polygon",
        crs="EPSG:3035",
    )
    found = prepare(place.image, path, place.heights, "vol")
    assert np.array_equal(found.density, first.density, equal_nan=True)


def test_heights_of_another_grid_are_warped(place):
    (x,), (y,) = transform(UTM, "EPSG:32632", [EAST + 8 * SIZE], [NORTH - 8 * SIZE])
    fine = Grid("EPSG:32632", (4.0, 0, x - 500, 0, -4.0, y + 500), 250, 250)
    x, y = np.meshgrid(np.arange(250), np.arange(250))
    longitude, _ = fine.degrees(x + 0.5, y + 0.5)
    first = longitude.mean()
    save(place.heights, (10 + 2000 * (longitude - first)).astype(np.float32), fine)
    made = place.prepare((box(0, 0, SIZE, SIZE), 100.0))
    column, row = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    wanted = 10 + 2000 * (GRID.degrees(column, row)[0] - first)
    inside = made.mask
    assert inside.sum() > 100
    assert made.density[inside] / made.density[inside].mean() == pytest.approx(
        wanted[inside] / wanted[inside].mean(), rel=2e-3
    )


def test_tiles_get_what_the_mosaic_gets(place):
    rng = np.random.default_rng(2)
    save(place.heights, rng.uniform(1, 30, (SIZE, SIZE)).astype(np.float32))
    rows = [(box(2, 3, 13, 9), 100.0), (box(5, 9, 20, 20), 260.0), (box(0, 12, 4, 18), 30.0)]
    whole = place.prepare(*rows)
    for column, width in ((0, 10), (10, 10)):
        tile = GRID.window(column, 0, width, SIZE)
        save(place.image, np.full((4, SIZE, width), 500, np.uint16), tile)
        part = place.prepare(*rows)
        assert part.grid == tile
        assert np.array_equal(part.density, whole.density[:, column : column + width], equal_nan=True)
        assert not any("beyond" in note for note in part.notes)
    assert [note for note in part.notes if "outside of the image" in note] == [
        "1 of the stands (feature 2): outside of the image"
    ]


def test_a_stand_beyond_the_canopy_heights_is_cut_and_named(place):
    made = place.prepare((box(15, 3, 30, 9), 100.0))
    assert len(made.notes) == 1 and made.notes[0].startswith("1 of the stands (feature 0): extend beyond the canopy")
    assert made.density[made.mask] == pytest.approx(115.8525, rel=1e-4)


def test_what_is_left_out_is_named(place):
    heights = np.full((SIZE, SIZE), 10, np.float32)
    heights[:, :4], heights[:, 4:6] = np.nan, 0
    save(place.heights, heights)
    made = place.prepare(
        (None, 10.0),
        (box(8, 8, 9, 9), None),
        (box(8, 8, 9, 9), -5.0),
        (box(8.6, 8.6, 9.4, 9.4), 5.0),
        (box(0, 0, 4, 4), 5.0),
        (box(4, 0, 6, 4), 5.0),
        (box(50, 0, 60, 4), 5.0),
        (box(10, 10, 12, 12), 5.0),
        ({"type": "Polygon", "coordinates": []}, 5.0),
    )
    assert made.notes == [
        "2 of the stands (feature 0, 8): empty outlines: left out",
        "2 of the stands (feature 1, 2): no volume, or a negative one: left out",
        "1 of the stands (feature 6): outside of the image",
        "1 of the stands (feature 3): too small to contain the centre of a pixel: left out",
        "1 of the stands (feature 4): without canopy heights: left out",
        "1 of the stands (feature 5): no canopy higher than zero: left out",
    ]
    assert made.stands == 1 and made.mask.sum() == 4


def test_pixels_that_the_image_lacks_are_masked(place):
    pixels = np.full((4, SIZE, SIZE), 500, np.uint16)
    pixels[2, 5, 5] = 0
    save(place.image, pixels, nodata="0.0")
    made = place.prepare((box(2, 3, 8, 9), 100.0))
    assert not made.mask[5, 5] and made.mask.sum() == 35


def test_columns_that_are_not_there_or_hold_no_numbers(place):
    with pytest.raises(InputError, match=r"no column 'volume_m3_ha'; there are timber, name; give the one .* `volume`"):
        place.prepare((box(2, 3, 8, 9), 100.0), column="timber")
    with pytest.raises(InputError, match="holds no numbers"):
        place.prepare((box(2, 3, 8, 9), "much"))


def test_stands_elsewhere(place):
    with pytest.raises(InputError, match="in columns 500 to 600, rows 3 to 9; check their CRSs"):
        place.prepare((box(500, 3, 600, 9), 100.0))


def test_metres_in_a_file_of_degrees(place):
    path = place.folder / "metres.geojson"
    feature = {"type": "Feature", "properties": {"volume_m3_ha": 1.0}, "geometry": box(2, 3, 8, 9)}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(InputError, match="outlines of .*metres.geojson cannot be projected .* check its CRS"):
        prepare(place.image, path, place.heights, "volume_m3_ha")


def test_canopy_heights_elsewhere_or_of_several_bands(place):
    rows = [(box(2, 3, 8, 9), 100.0)]
    save(place.heights, np.full((SIZE, SIZE), 10, np.float32), GRID.window(500, 0, SIZE, SIZE))
    with pytest.raises(InputError, match="no canopy height where .* check their CRSs"):
        place.prepare(*rows)
    save(place.heights, np.full((2, SIZE, SIZE), 10, np.float32))
    with pytest.raises(InputError, match="has 2 bands"):
        place.prepare(*rows)


def test_rasters_and_inventories_without_a_crs(place, tmp_path):
    pyogrio, shapely = pytest.importorskip("pyogrio"), pytest.importorskip("shapely")
    path = tmp_path / "a.shp"
    with pytest.warns(UserWarning, match="crs"):
        pyogrio.raw.write(
            path,
            np.array([shapely.to_wkb(shapely.geometry.shape(box(2, 3, 8, 9)))]),
            [np.array([1.0])],
            ["vol"],
            driver="ESRI Shapefile",
            geometry_type="Polygon",
            crs=None,
        )
    with pytest.raises(InputError, match="a.shp has no CRS"):
        prepare(place.image, path, place.heights, "vol")
    Scene(np.full((1, SIZE, SIZE), 10, np.float32)).save(place.heights, overwrite=True)
    with pytest.raises(InputError, match="heights.tif has no georeference"):
        place.prepare((box(2, 3, 8, 9), 100.0))


def test_files_that_are_no_inventories(place, tmp_path):
    with pytest.raises(InputError, match="no such inventory"):
        prepare(place.image, tmp_path / "none.gpkg", place.heights, "v")
    (tmp_path / "a.gpkg").write_bytes(b"hello")
    with pytest.raises(InputError, match="no vector file"):
        prepare(place.image, tmp_path / "a.gpkg", place.heights, "v")
    with pytest.raises(InputError, match="contains Point; stands must be polygons"):
        place.prepare(({"type": "Point", "coordinates": (EAST, NORTH)}, 1.0))
    with pytest.raises(InputError, match="no stand with both"):
        place.prepare((None, 1.0))


def test_what_is_written(place, tmp_path):
    made = place.prepare((box(2, 3, 8, 9), 100.0))
    write(made, tmp_path / "out")
    read = Scene.load(tmp_path / "out" / "density.tif")
    assert np.array_equal(read.pixels[0], made.density, equal_nan=True)
    assert read.metadata["units"] == ["Mg/ha"] and read.metadata["nodata"] == "nan"
    assert Grid.of(read.metadata, SIZE, SIZE, "it") == made.grid
    assert np.array_equal(Scene.load(tmp_path / "out" / "mask.tif").pixels[0], made.mask)


@pytest.mark.parametrize("name", ["image", "heights"])
def test_generated_rasters_are_refused(place, name):
    path = getattr(place, name)
    save(path, Scene.load(path).pixels, **marked({}, [1], {"model": "dreamer-1"}))
    with pytest.raises(InputError, match=f"{name}.tif is generated .bands 1 by dreamer-1.*give the original"):
        place.prepare((box(0, 0, SIZE, SIZE), 100.0))
