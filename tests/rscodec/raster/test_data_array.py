"""DataArrays as scenes: pixels in any order of dimensions, place, nodata and names."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams.errors import InputError
from rscodec.raster.data_array import is_data_array, scene_of
from rscodec.raster.pixel_source import open_source
from rscodec.raster.scene import Scene

xr = pytest.importorskip("xarray")

KEPT = ("crs", "transform", "nodata", "descriptions")


@pytest.fixture
def arrays(tmp_path):
    """arrays(scene): the scene as rioxarray opens it."""
    rioxarray = pytest.importorskip("rioxarray")

    def make(scene: Scene) -> xr.DataArray:
        scene.save(tmp_path / "a.tif", overwrite=True)
        with rioxarray.open_rasterio(tmp_path / "a.tif") as array:
            return array.load()

    return make


@pytest.mark.parametrize("bands, dtype, nodata", [(4, "uint16", 0), (1, "float32", np.nan), (3, "int16", -9999)])
def test_what_rioxarray_opens(arrays, make_scene, bands, dtype, nodata):
    scene = make_scene((90, 70), bands, dtype, nodata)
    found = scene_of(arrays(scene))
    assert np.array_equal(found.pixels, scene.pixels, equal_nan=dtype == "float32")
    lost = {"colorinterp", "band_tags"}  # by rioxarray
    assert found.metadata == {key: value for key, value in scene.metadata.items() if key not in lost}


def test_any_order_of_dimensions_and_a_single_band(arrays, make_scene):
    scene = make_scene((90, 70), 3)
    array = arrays(scene)
    assert np.array_equal(scene_of(array.transpose("x", "band", "y")).pixels, scene.pixels)
    assert np.array_equal(scene_of(array[1]).pixels, scene.pixels[1:2])


def test_a_part_lies_where_its_coordinates_say(arrays, make_scene):
    part = arrays(make_scene((90, 70), 3))[:, 10:, 5::2]
    assert scene_of(part).metadata["transform"] == [2.0, 0.0, 412004.5, 0.0, -1.0, 5317990.0]
    assert scene_of(part[:, :1, :1]).metadata["transform"] == [1.0, 0.0, 412005.0, 0.0, -1.0, 5317990.0]


def test_a_transform_is_exact(arrays, make_scene):
    scene = make_scene((90, 70), 1)
    scene.metadata["transform"] = [0.1, 0.0, 7.3, 0.0, -0.3, 50.7]
    assert scene_of(arrays(scene)).metadata["transform"] == scene.metadata["transform"]
    scene.metadata["transform"] = [0.8, 0.6, 100.0, 0.6, -0.8, 200.0]
    assert scene_of(arrays(scene)).metadata["transform"] == scene.metadata["transform"]


def test_scales_units_and_tags(arrays, make_scene):
    scene = make_scene((90, 70), 2, "uint16")
    scene.metadata |= {"scales": [0.5, 0.5], "offsets": [3.0, 3.0], "units": ["m", "m"]}
    scene.metadata["tags"] = {"": {"SENSOR": "none"}}
    found = scene_of(arrays(scene)).metadata
    assert found["scales"] == [0.5, 0.5] and found["offsets"] == [3, 3] and found["units"] == ["m", "m"]
    assert found["tags"] == {"": {"SENSOR": "none"}}
    plain = scene_of(arrays(make_scene((90, 70), 2, "uint16"))).metadata
    assert not {"scales", "offsets", "units"} & plain.keys()


@pytest.mark.parametrize("labels", [None, ["blue", "green", "red"]])
def test_bands_that_are_reordered_or_selected_keep_what_is_theirs(labels):
    """xarray changes the coordinate only, not the attributes with an item for each band."""
    texts = {"long_name": ("blue", "green", "red"), "units": ("a", "b", "c"), "scales": (0.5, 1.0, 2.0)}
    array = xr.DataArray(np.arange(12, dtype=np.uint8).reshape(3, 2, 2), dims=("band", "y", "x"), attrs=texts)
    array = array.assign_coords(band=labels or [1, 2, 3])
    for chosen in ([2, 1, 0], [0, 2], [1]):
        found = scene_of(array.isel(band=chosen))
        wanted = {"descriptions": "long_name", "units": "units", "scales": "scales"}
        assert {key: found.metadata.get(key) for key in wanted} == {
            key: None if key == "scales" and chosen == [1] else [texts[name][band] for band in chosen]
            for key, name in wanted.items()
        }
    single = scene_of(array.isel(band=2))
    assert (single.metadata["descriptions"], single.metadata["units"]) == (["red"], ["c"])


def test_names_in_the_coordinate_are_those_of_the_bands():
    array = xr.DataArray(np.zeros((2, 2, 2), np.uint8), dims=("band", "y", "x"), coords={"band": ["nir", "red"]})
    array.attrs["long_name"] = "surface reflectance"
    assert scene_of(array).metadata["descriptions"] == ["nir", "red"]


def test_offsets_of_each_band_as_rioxarray_writes_them():
    array = xr.DataArray(np.zeros((2, 2, 2), np.int16), dims=("band", "y", "x"), coords={"band": [1, 2]})
    array.attrs |= {"scales": (0.1, 0.2), "offsets": (0.0, -5.0)}
    found = scene_of(array).metadata
    assert (found["scales"], found["offsets"]) == ([0.1, 0.2], [0.0, -5.0]) and "tags" not in found


def test_tags_of_a_dataset_stay():
    values = (("y", "x"), np.zeros((4, 5), np.uint8), {"SENSOR": "q"})
    found = scene_of(xr.Dataset({"a": values}, attrs={"synthetic": "yes", "SENSOR": "other"}))
    assert found.metadata["tags"] == {"": {"synthetic": "yes", "SENSOR": "q"}}


def placed(x: np.ndarray, y: np.ndarray, place: dict | None = None) -> xr.DataArray:
    values = np.zeros((len(y), len(x)), np.uint8)
    array = xr.DataArray(values, dims=("y", "x"), coords={"x": x, "y": y})
    return array.assign_coords(spatial_ref=((), 0, place)) if place else array


def test_coordinates_in_float32_are_even_enough():
    step = 1 / 336
    x, y = (np.arange(90) * step + 140).astype(np.float32), (45 - np.arange(70) * step).astype(np.float32)
    assert scene_of(placed(x, y)).metadata["transform"] == pytest.approx(
        [step, 0, 140 - step / 2, 0, -step, 45 + step / 2], abs=1e-5
    )


def test_uneven_rows_or_columns_have_no_transform():
    place = {"GeoTransform": "412000 10 0 5318000 0 -10"}
    x, y = 412005.0 + 10 * np.arange(60), 5317995.0 - 10 * np.arange(50)
    whole = placed(x, y, place)
    assert scene_of(whole[5:, 30:]).metadata["transform"] == [10, 0, 412300, 0, -10, 5317950]
    assert "transform" not in scene_of(whole[:, [0, 1, 2, 50]]).metadata
    assert "transform" not in scene_of(whole[[5, 6, 9], 30:]).metadata


def test_pixel_numbers_are_no_georeference():
    place = {"GeoTransform": "0 1 0 0 0 1"}
    assert "transform" not in scene_of(placed(np.arange(6) + 0.5, np.arange(5) + 0.5, place)).metadata


def test_an_unknown_crs():
    array = xr.DataArray(np.zeros((3, 4), "uint8"), dims=("y", "x"))
    array = array.assign_coords(spatial_ref=xr.DataArray(0, attrs={"crs_wkt": "PROJCS[nonsense"}))
    with pytest.raises(InputError, match="the array has an unknown CRS"):
        scene_of(array)


@pytest.mark.parametrize("kept", ["attrs", "encoding"])
def test_the_crs_is_where_the_grid_mapping_says(kept):
    array = xr.DataArray(np.zeros((3, 4), "uint8"), dims=("y", "x"))
    places = {"spatial_ref": xr.DataArray(0), "utm": xr.DataArray(0, attrs={"spatial_ref": "EPSG:32633"})}
    getattr(array, kept)["grid_mapping"] = "utm"
    assert scene_of(array.assign_coords(places)).metadata == {"crs": "EPSG:32633"}
    assert scene_of(xr.Dataset({"a": array, **places})).metadata == {"crs": "EPSG:32633"}


@pytest.mark.parametrize("name", ["_FillValue", "missing_value", "fill_value", "nodata"])
def test_nodata_is_where_rioxarray_looks(name):
    array = xr.DataArray(np.zeros((3, 4), "int16"), dims=("y", "x"), attrs={name: np.int16(-9)})
    assert scene_of(array).metadata == scene_of(array.astype("float32")).metadata == {"nodata": "-9.0"}
    array.attrs = {"nodata": -7, name: -9}
    assert scene_of(array).metadata == {"nodata": "-9.0"}
    array.attrs = {name: [1, 2]}
    with pytest.raises(InputError, match=r"the array has the nodata value \[1, 2\], which is not one number"):
        scene_of(array)


def test_floats_that_were_masked_have_no_nodata_value():
    array = xr.DataArray(np.full((3, 4), np.nan, "float32"), dims=("y", "x"), attrs={"nodata": -9})
    array.encoding["_FillValue"] = -9
    assert scene_of(array).metadata == {}


def test_attributes_that_are_texts_or_numbers_are_tags():
    attributes = {"orbit": 12, "cloud": np.float32(3.5), "name": "x", "list": [1, 2], "units": "m"}
    found = scene_of(xr.DataArray(np.zeros((3, 4), "uint8"), dims=("y", "x"), attrs=attributes)).metadata
    assert found == {"units": ["m"], "tags": {"": {"orbit": "12", "cloud": "3.5", "name": "x"}}}


def test_names_of_bands_and_axes_without_rioxarray():
    places = {"lat": [50.0, 49.0, 48.0], "lon": [6.0, 8.0, 10.0, 12.0], "b": ["red", "nir"]}
    array = xr.DataArray(np.zeros((2, 3, 4), "uint8"), places, ("b", "lat", "lon"))
    found = scene_of(array).metadata
    assert found == {"transform": [2.0, 0.0, 5.0, 0.0, -1.0, 50.5], "descriptions": ["red", "nir"]}
    uneven = array.assign_coords(lat=[50.0, 49.0, 40.0])
    assert "transform" not in scene_of(uneven).metadata and "transform" not in scene_of(array.drop_vars("lon")).metadata


def test_a_dataset_with_one_variable():
    band = xr.DataArray(np.ones((3, 4), "uint8"), dims=("y", "x"))
    assert scene_of(xr.Dataset({"a": band, "number": 5})).pixels.shape == (1, 3, 4)
    for dataset, names in ((xr.Dataset({"a": band, "b": band}), "a, b"), (xr.Dataset(), "none")):
        with pytest.raises(InputError, match=f"the dataset has the variables {names}; give one of them"):
            scene_of(dataset)


@pytest.mark.parametrize("dims", [("a", "b"), ("y", "b"), ("t", "band", "y", "x")])
def test_dimensions_that_make_no_scene(dims):
    with pytest.raises(InputError, match=f"the array has the dimensions {', '.join(dims)}"):
        scene_of(xr.DataArray(np.zeros((2,) * len(dims), "uint8"), dims=dims))


def test_other_things_are_no_data_arrays():
    assert not any(map(is_data_array, (np.zeros(3), Scene(np.zeros((1, 2, 2))), None, SimpleNamespace(dims=()))))


def test_a_stream_opened_by_xarray_can_be_encoded_again(make_scene, to_stream, tiny_weights, tmp_path):
    from rscodec.integrations.xarray_engine import RscodecBackend

    scene = make_scene((90, 70), 4, "uint16", 0)
    (tmp_path / "a.bin").write_bytes(to_stream(scene))
    with xr.open_dataset(tmp_path / "a.bin", engine=RscodecBackend, weights=tiny_weights) as dataset:
        with open_source(dataset) as source:
            assert source.metadata.get("crs") == "EPSG:32633" and source.nodata == 0
        again = dataset.band_data.assign_coords(spatial_ref=dataset.spatial_ref)
        data = rscodec.encode(again, model="vec", weights=tiny_weights, max_error=0, tile=64)
    back = rscodec.decode(data, weights=tiny_weights)
    assert {key: back.metadata[key] for key in KEPT} == {key: scene.metadata[key] for key in KEPT}
