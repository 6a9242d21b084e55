"""Streams through xarray: lazy, georeferenced, and read no further than a computation needs."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams.errors import InputError, LimitExceeded, NotAStream
from rscodec.raster.data_array import scene_of
from rscodec.raster.scene import Scene
from rscodec.raster.validity import classify

xr = pytest.importorskip("xarray")
dask = pytest.importorskip("dask")

from rscodec.integrations.xarray_engine import RscodecBackend  # noqa: E402


@pytest.fixture
def opened(wide_file, tiny_weights):
    """The stream of `wide`, unread."""
    with xr.open_dataset(wide_file, engine=RscodecBackend, weights=tiny_weights) as dataset:
        yield dataset


@pytest.fixture
def open_scene(to_stream, tiny_weights, tmp_path):
    """open_scene(scene, **options): encoded, and opened by the engine."""

    def make(scene: Scene, **options) -> xr.Dataset:
        path = tmp_path / "scene.bin"
        path.write_bytes(to_stream(scene))
        return xr.open_dataset(path, engine=RscodecBackend, weights=tiny_weights, **options)

    return make


@pytest.fixture(scope="module")
def pixels(wide, tiny_weights) -> np.ndarray:
    return rscodec.decode(wide, weights=tiny_weights).pixels


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """What the format promises of two decodes of 16 bits: within 1/255 of the coded range."""
    return a.shape == b.shape and (np.abs(a.astype(int) - b).max(initial=0) < 40)


def test_closing_a_dataset_closes_its_file(wide_file, tiny_weights):
    def held() -> int:
        return sum(
            os.path.realpath(f"/proc/self/fd/{number}") == str(wide_file) for number in os.listdir("/proc/self/fd")
        )

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    before = held()
    with xr.open_dataset(wide_file, engine=RscodecBackend, weights=tiny_weights) as dataset:
        dataset.band_data[0, :4, :4].load()
        assert held() == before + 1
    assert held() == before


def test_tags_such_as_those_of_generated_pixels_survive_a_round_trip(open_scene, make_scene):
    tags = {"": {"SENSOR": "q", "synthetic": "yes"}}
    scene = make_scene((40, 50), 2)
    dataset = open_scene(replace(scene, metadata=scene.metadata | {"tags": tags}))
    for one in (dataset, dataset.band_data):
        assert scene_of(one).metadata["tags"] == tags


@pytest.mark.parametrize("offset, exact", [(0.0, np.float32), (5000.0, np.float64)])
def test_an_offset_is_added_without_rounding(open_scene, make_scene, offset, exact):
    scene = make_scene((40, 50), 1, "uint16")
    changed = {"scales": [1e-4], "offsets": [offset]} if offset else {"scales": [1e-4]}
    masked = open_scene(replace(scene, metadata=scene.metadata | changed), mask_and_scale=True).band_data
    assert masked.dtype == exact


KEYS = [
    (slice(None), slice(100, 180), slice(300, 420)),
    (2, slice(600, None), slice(-30, None)),
    (slice(0, 4, 3), slice(10, 200, 7), 639),
    (slice(None), slice(200, 100, -3), slice(0, 5)),
    ([3, 0], [5, 600, 7], slice(8)),
    (0, 5, 6),
    (slice(None), slice(4, 4), slice(None)),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("chunked", [False, True])
def test_any_part_is_the_same_part_of_the_decoded_scene(opened, pixels, key, chunked):
    lazy = opened.chunk({}) if chunked else opened
    found = lazy.band_data.isel(dict(zip(("band", "y", "x"), key, strict=True))).values
    rows = np.arange(640)[key[1]]
    expected = pixels[key[0]][..., np.atleast_1d(rows), :][..., key[2]]
    assert close(found, expected if np.ndim(rows) else expected[..., 0] if expected.ndim else expected[0])


def test_nothing_is_decoded_before_it_is_asked_for(wide_file, tmp_path):
    with xr.open_dataset(wide_file, engine=RscodecBackend, weights=tmp_path / "nowhere", chunks={}) as dataset:
        quotient = dataset.band_data.sel(band="nir") / dataset.band_data.sel(band="red")
        with pytest.raises(rscodec.RscodecError, match="nowhere"):
            quotient.compute()


def test_names_and_places(opened, make_scene):
    assert list(opened.band.values) == ["red", "green", "blue", "nir"]
    assert opened.band_data.attrs["long_name"] == ("red", "green", "blue", "nir")
    a, _, c, _, e, f = make_scene((640, 640), bands=4, dtype="uint16").metadata["transform"]
    assert opened.x.values[[0, -1]].tolist() == [c + a / 2, c + a * 639.5]
    assert opened.y.values[[0, -1]].tolist() == [f + e / 2, f + e * 639.5]
    assert opened.spatial_ref.attrs["crs_wkt"].startswith("PROJCS")


def test_rioxarray_finds_crs_transform_and_nodata(open_scene, make_scene, tmp_path):
    pytest.importorskip("rioxarray")
    scene = make_scene((90, 70), bands=4, dtype="uint16", nodata=7)
    dataset = open_scene(scene)
    assert dataset.rio.crs.to_epsg() == 32633
    assert list(dataset.rio.transform())[:6] == scene.metadata["transform"]
    assert dataset.band_data.rio.nodata == 7
    dataset.band_data.rio.to_raster(tmp_path / "back.tif")
    back = Scene.load(tmp_path / "back.tif").metadata
    assert all(back[key] == scene.metadata[key] for key in ("crs", "transform", "nodata", "descriptions"))


def test_a_turned_grid_has_its_transform_and_no_axes(open_scene, make_scene):
    scene = make_scene()
    scene.metadata["transform"] = [0.8, 0.6, 100.0, 0.6, -0.8, 200.0]
    dataset = open_scene(scene)
    assert set(dataset.coords) == {"band", "spatial_ref"}
    assert dataset.spatial_ref.attrs["GeoTransform"] == "100.0 0.8 0.6 200.0 0.6 -0.8"
    assert scene_of(dataset.band_data).metadata["transform"] == scene.metadata["transform"]
    with pytest.raises(InputError, match="6 x 150 pixels and comes from a rotated grid of 200 x 150"):
        scene_of(dataset.band_data.isel(x=slice(3, 9)))


def test_bands_without_names_are_counted(open_scene, make_scene):
    scene = make_scene(bands=3)
    scene.metadata["descriptions"] = ["one", None, "one"]
    dataset = open_scene(scene)
    assert dataset.band.values.tolist() == [1, 2, 3]
    assert dataset.band_data.attrs["long_name"] == ("one", "", "one")


def test_nodata_is_nan_on_request_only(open_scene, make_scene):
    scene = make_scene((90, 70), bands=2, dtype="int16", nodata=-9999)
    plain, masked = open_scene(scene), open_scene(scene, mask_and_scale=True)
    invalid = scene.pixels == -9999
    assert invalid.any() and not invalid.all()
    assert plain.band_data.dtype == np.int16 and (plain.band_data.values[invalid] == -9999).all()
    assert plain.band_data.attrs["_FillValue"] == -9999
    assert masked.band_data.dtype == np.float32
    assert np.array_equal(np.isnan(masked.band_data.values), invalid)
    assert "_FillValue" not in masked.band_data.attrs and masked.band_data.encoding["_FillValue"] == -9999


def test_scales_and_offsets_of_each_band(open_scene, make_scene):
    scene = make_scene((90, 70), bands=2, dtype="uint16")
    scene.metadata |= {"scales": [0.5, 2.0], "offsets": [-100.0, 0.0]}
    plain, scaled = open_scene(scene), open_scene(scene, mask_and_scale=True)
    assert plain.band_data.attrs["scales"] == (0.5, 2.0)
    stored = plain.band_data.values.astype(np.float32)
    assert np.array_equal(scaled.band_data.values, stored * [[[0.5]], [[2.0]]] + [[[-100]], [[0]]])
    scene.metadata |= {"scales": [0.5, 0.5], "offsets": [0.0, 0.0]}
    assert open_scene(scene).band_data.attrs["scale_factor"] == 0.5


@pytest.mark.parametrize(
    "nodata, changes, integers",
    [
        (0, {"scales": [0.5, 0.5], "offsets": [-100.0, -100.0]}, True),
        (0, {"scales": [0.5, 2.0]}, False),
        (0, {"scales": [0.5, 0.5], "offsets": [-100.0, 0.0]}, False),
        (0, {"masked": True}, True),
        (None, {"masked": True}, False),
        (None, {}, True),
    ],
)
@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
@pytest.mark.filterwarnings("ignore:saving variable .* without any _FillValue")
def test_masked_and_scaled_values_survive_saving(open_scene, make_scene, tmp_path, nodata, changes, integers, kind):
    pytest.importorskip({"netcdf": "scipy", "zarr": "zarr"}[kind])
    scene = make_scene((90, 70), bands=2, dtype="int16", nodata=nodata)
    mask = None if "masked" not in changes else np.arange(70 * 90).reshape(70, 90) >= 900
    scene = Scene(scene.pixels, classify(scene.pixels, nodata, mask), scene.metadata | changes)
    data = open_scene(scene, mask_and_scale=True)
    if kind == "netcdf":
        data.to_netcdf(tmp_path / "saved", engine="scipy")
        back = xr.open_dataset(tmp_path / "saved", engine="scipy")
    else:
        data.to_zarr(tmp_path / "saved", consolidated=False)
        back = xr.open_zarr(tmp_path / "saved", consolidated=False)
    with back:
        assert np.isnan(data.band_data.values).any() == (nodata is not None or "masked" in changes)
        assert np.allclose(back.band_data.values, data.band_data.values, rtol=1e-6, atol=1e-3, equal_nan=True)
        assert (back.band_data.encoding["dtype"].kind == "i") == integers


def test_doubles_stay_doubles(open_scene, make_scene):
    assert open_scene(make_scene(dtype="float64"), mask_and_scale=True).band_data.dtype == np.float64


def test_tags_are_attributes_and_variables_can_be_dropped(open_scene, make_scene):
    scene = make_scene()
    scene.metadata["tags"] = {"": {"SENSOR": "none"}, "EXTRA": {"a": "b"}}
    assert open_scene(scene).attrs == {"SENSOR": "none"}
    assert not open_scene(scene, drop_variables=["band_data"]).data_vars


def test_a_limit_of_pixels(open_scene, make_scene):
    data = open_scene(make_scene(), max_pixels=300).band_data
    assert data[:, :10, :10].values.size == 300
    with pytest.raises(LimitExceeded, match="max_pixels"):
        data[:, :10, :11].values  # noqa: B018


@pytest.mark.parametrize("chunks", [None, {}], ids=["lazy", "dask"])
def test_another_process_elsewhere_opens_the_stream_again(wide_file, tiny_weights, pixels, root, monkeypatch, chunks):
    monkeypatch.chdir(wide_file.parent)
    weights = os.path.relpath(tiny_weights)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).band_data[:, :40, :40].values.tolist())"
    with xr.open_dataset(wide_file.name, engine=RscodecBackend, weights=weights, chunks=chunks) as dataset:
        found = subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(dataset), cwd=root, capture_output=True, check=False
        )
    assert found.returncode == 0, found.stderr.decode()
    assert close(np.array(json.loads(found.stdout)), pixels[:, :40, :40])


@pytest.fixture(scope="module")
def coarse(make_scene, to_stream) -> bytes:
    """Tiles of 128 pixels, so that the halo is a small part of them."""
    return to_stream(make_scene((768, 768), bands=4, dtype="uint8"), tile=128)


def ndvi(bands: xr.DataArray) -> xr.DataArray:
    red, nir = (bands.sel(band=name).astype("float32") for name in ("red", "nir"))
    return (nir - red) / (nir + red + 1)


@pytest.mark.parametrize("chunks", [None, {}], ids=["lazy", "dask"])
def test_ndvi_over_a_window_reads_little_more_than_its_tiles(site, coarse, tiny_weights, tile_bytes, chunks):
    pytest.importorskip("aiohttp")
    site.files["/coarse.bin"] = coarse
    url = f"{site.address}/coarse.bin"
    with xr.open_dataset(url, engine=RscodecBackend, weights=tiny_weights, chunks=chunks) as dataset:
        opened = site.sent
        found = ndvi(dataset.band_data.isel(y=slice(200, 570), x=slice(200, 600))).values
    with rscodec.open(lambda offset, length: coarse[offset : offset + length], weights=tiny_weights) as scene:
        red, nir = scene.read((200, 200, 400, 370), (1, 4)).pixels.astype(np.float32)
    assert np.abs(found - (nir - red) / (nir + red + 1)).max() < 0.05
    touched = tile_bytes(coarse, [(row, col) for row in range(1, 5) for col in range(1, 5)])
    assert touched <= site.sent - opened <= 1.5 * touched


def test_what_is_no_stream_is_said_to_be_none(tmp_path):
    (tmp_path / "notes.bin").write_text("These are notes.")
    with pytest.raises(NotAStream, match="notes.bin"):
        xr.open_dataset(tmp_path / "notes.bin", engine=RscodecBackend)


def test_a_stream_is_known_by_its_first_bytes(wide, wide_file, tmp_path):
    engine = RscodecBackend()
    (tmp_path / "notes.bin").write_text("These are notes.")
    buffer = io.BytesIO(wide)
    buffer.seek(7)
    assert engine.guess_can_open(wide_file) and engine.guess_can_open(str(wide_file)) and engine.guess_can_open(buffer)
    assert buffer.tell() == 7
    others = tmp_path / "notes.bin", tmp_path / "nowhere", tmp_path, "https://host/a.bin", 5, io.BytesIO(b"notes")
    assert not any(map(engine.guess_can_open, others))


def test_xarray_finds_the_engine(wide, wide_file):
    if not entry_points(group="xarray.backends", name="rscodec"):
        pytest.skip("rscodec is used without being installed")
    for source in (wide_file, str(wide_file), io.BytesIO(wide)):
        with xr.open_dataset(source) as dataset:
            assert dataset.sizes == {"band": 4, "y": 640, "x": 640}


def test_the_engine_has_its_entry_point(wide_file):
    if not entry_points(group="xarray.backends", name="rscodec"):
        pytest.skip("rscodec is used without being installed")
    with xr.open_dataset(wide_file, engine="rscodec", chunks={}) as dataset:
        assert dataset.sizes == {"band": 4, "y": 640, "x": 640}
