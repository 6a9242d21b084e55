"""Images out: whole or not at all, in blocks that fit, and refused where a format cannot hold them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from rscodec.bitstreams.errors import OutputError
from rscodec.raster import writer as raster_writer
from rscodec.raster.metadata import differences
from rscodec.raster.scene import Scene
from rscodec.raster.writer import RasterWriter
from tests.rscodec.raster.images import UTM, copy, describe, make, pixels, set_names

# The tests themselves open images without georeference; that the project does so silently has its own test.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize(("suffix", "driver"), [(".png", "PNG"), (".jpg", "JPEG"), (".tif", "COG")])
def test_drivers_without_windows(tmp_path: Path, suffix: str, driver: str):
    source = make(tmp_path / "a.tif", pixels(size=(64, 64)), set_names, **UTM)
    target = tmp_path / f"b{suffix}"
    scene = copy(source, target, driver=driver)
    assert differences(describe(source), describe(target)) == []
    with rasterio.open(target) as back:
        assert back.driver == ("GTiff" if driver == "COG" else driver)
        assert np.abs(back.read().astype(int) - scene.pixels).max() < (80 if driver == "JPEG" else 1)
    assert {path.name for path in tmp_path.iterdir()} <= {"a.tif", target.name, target.name + ".aux.xml"}


def test_creation_options(tmp_path: Path):
    scene = Scene(pixels())
    scene.save(tmp_path / "a.tif", COMPRESS="deflate", BLOCKXSIZE=16, blockysize=32)
    with rasterio.open(tmp_path / "a.tif") as back:
        assert back.compression.name == "deflate" and back.block_shapes[0] == (32, 16)
    scene.save(tmp_path / "b.tif", compress="none")
    with rasterio.open(tmp_path / "b.tif") as back:
        assert back.compression is None


def test_outputs_appear_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "a.tif"
    with pytest.raises(RuntimeError), RasterWriter(target, (40, 30, 3, "uint8"), {}) as writer:
        writer.write(pixels(), 0, 0)
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []
    Scene(pixels()).save(target)
    before = target.read_bytes()
    with pytest.raises(OutputError, match="`overwrite=True`"):
        Scene(pixels(1)).save(target)
    with pytest.raises(RuntimeError), RasterWriter(target, (40, 30, 3, "uint8"), {}, overwrite=True) as writer:
        raise RuntimeError("stop")
    assert target.read_bytes() == before
    with pytest.raises(OutputError, match="no folder"):
        Scene(pixels()).save(tmp_path / "none" / "a.tif")
    with pytest.raises(OutputError, match="no driver NONSENSE"):
        Scene(pixels()).save(tmp_path / "b.tif", driver="NONSENSE")
    with pytest.raises(OutputError, match="cannot write"):
        Scene(pixels(3, "float32")).save(tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("dtype, predictor", [("uint8", "2"), ("int16", "2"), ("float32", "3"), ("float64", "3")])
def test_a_geotiff_is_deflated_and_its_blocks_fit(tmp_path: Path, dtype: str, predictor: str):
    data = pixels(1, dtype, (530, 70))
    Scene(data).save(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as back:
        assert back.compression.name == "deflate" and back.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == predictor
        assert back.block_shapes == [(80, 272)] and np.array_equal(back.read(), data)
    assert (tmp_path / "a.tif").stat().st_size < data.nbytes


def test_the_blocks_of_a_large_scene_are_those_of_its_tiles(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(raster_writer, "CACHE_BYTES", 10_000)
    Scene(pixels(1, size=(530, 70))).save(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as back:
        assert back.block_shapes == [(80, 512)]


def test_a_window_across_blocks_is_written_once(tmp_path: Path):
    """Every block is finished in GDAL's cache: one that leaves it half full is compressed twice, and the file grows."""
    data = np.random.default_rng(0).integers(0, 2**16, (4, 700, 1100), np.uint16)
    with RasterWriter(tmp_path / "a.tif", (1100, 700, 4, "uint16"), {}) as writer:
        for row in range(0, 700, 100):
            writer.write(data[:, row : row + 100], 0, row)
    assert (tmp_path / "a.tif").stat().st_size < 1.05 * data.nbytes


@pytest.mark.parametrize(
    "bands, dtype, words",
    [
        (4, "uint8", "would take band 4 for alpha.*choose three with `bands`"),
        (2, "uint16", "would take band 2 for alpha.*choose one with `bands`"),
        (5, "uint8", "at most 4 bands, not 5.*choose three with `bands`"),
        (3, "int16", "uint8 or uint16, not int16.*tif"),
        (1, "float32", "not float32"),
    ],
)
def test_what_a_png_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, bands, dtype, words):
    with pytest.raises(OutputError, match=words), RasterWriter(tmp_path / "a.png", (8, 8, bands, dtype), {}, "PNG"):
        pytest.fail("it was opened")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "metadata, bands, dtype, words",
    [
        ({}, 3, "uint16", "a JPEG holds uint8, not uint16: write a .tif"),
        ({}, 4, "uint8", "one band, or three, or three and alpha, not 4: choose some with `bands`"),
        ({}, 2, "uint8", "not 2"),
        ({"colorinterp": ["red", "green", "alpha", "blue"]}, 4, "uint8", "not 4"),
    ],
)
def test_what_a_jpeg_cannot_hold_is_refused_before_anything_is_written(tmp_path, metadata, bands, dtype, words):
    shape = (8, 8, bands, dtype)
    with pytest.raises(OutputError, match=words), RasterWriter(tmp_path / "a.jpg", shape, metadata, "JPEG"):
        pytest.fail("it was opened")
    assert not list(tmp_path.iterdir())


def test_the_alpha_of_a_jpeg_is_its_mask(tmp_path: Path):
    data = pixels(4)
    data[3] = 255
    data[3, :10] = 0
    Scene(data, metadata={"colorinterp": ["red", "green", "blue", "alpha"]}).save(tmp_path / "a.jpg")
    with rasterio.open(tmp_path / "a.jpg") as back:
        assert np.array_equal(back.dataset_mask(), data[3])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_nodata_value_of_a_png_is_that_of_each_band(tmp_path: Path, dtype: str):
    data = np.maximum(pixels(3, dtype), 1)
    data[:, :5], data[1, 5:9] = 0, 0
    metadata = {"nodata": "0.0", "descriptions": ["a", None, "c"], "colorinterp": ["red", "green", "blue"]}
    Scene(data, metadata=metadata).save(tmp_path / "a.png")
    back = Scene.load(tmp_path / "a.png")
    assert np.array_equal(back.pixels, data) and np.array_equal(back.mask, data != 0)
    assert back.metadata["descriptions"] == ["a", None, "c"]


@pytest.mark.parametrize("bands", [2, 4])
def test_a_png_takes_alpha_that_is_alpha(tmp_path: Path, bands: int):
    colours = [*["red", "green", "blue"][: bands - 1], "alpha"] if bands == 4 else ["gray", "alpha"]
    data = pixels(bands)
    Scene(data, metadata={"colorinterp": colours}).save(tmp_path / "a.png")
    with rasterio.open(tmp_path / "a.png") as back:
        assert np.array_equal(back.read(), data) and back.colorinterp[-1] == ColorInterp.alpha


def test_sidecars_of_a_replaced_file_go(tmp_path: Path):
    target = tmp_path / "a.png"
    Scene(pixels(), metadata={"crs": "EPSG:32633", "transform": [1.0, 0.0, 2.0, 0.0, -1.0, 3.0]}).save(target)
    assert describe(target)["crs"] == "EPSG:32633"
    Scene(pixels()).save(target, overwrite=True)
    assert "crs" not in describe(target)


@pytest.mark.parametrize("driver", ["GTiff", "COG", "PNG"])
def test_a_full_disk_is_an_error(tmp_path: Path, root: Path, driver: str):
    """GDAL says nothing if the disk is full when it closes a file. A limit on file sizes stands for the disk."""
    script = f"""
import resource, signal
import numpy as np
from rscodec.bitstreams.errors import OutputError
from rscodec.raster.scene import Scene
pixels = np.random.default_rng(0).integers(0, 256, (3, 300, 300), np.uint8)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Scene(pixels).save({str(tmp_path / "a")!r}, driver={driver!r})
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout and list(tmp_path.iterdir()) == []


def test_points_without_a_reference_system(tmp_path: Path):
    metadata = {"gcps": [[0.0, 0.0, 1.0, 2.0, 3.0, "1", ""]]}
    Scene(pixels(), metadata=metadata).save(tmp_path / "a.tif")
    assert Scene.load(tmp_path / "a.tif").metadata == metadata


@pytest.mark.parametrize("options", [{"compress": "NIX"}, {"nonsense": "1"}])
@pytest.mark.parametrize("driver", ["GTiff", "PNG"])
def test_creation_options_that_gdal_does_not_know_are_refused(tmp_path, options: dict, driver: str):
    path = tmp_path / "out.tif"
    with pytest.raises(OutputError, match="creation option.*`creation_options`"):
        with RasterWriter(path, (8, 8, 1, "uint8"), {}, driver, options) as writer:
            writer.write(np.zeros((1, 8, 8), np.uint8), 0, 0)
    assert not list(tmp_path.iterdir())


def test_a_value_of_a_creation_option_that_gdal_refuses_is_an_error(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot write .*: Illegal ZLEVEL value '99'"):
        Scene(pixels()).save(tmp_path / "a.png", ZLEVEL="99")
    assert not list(tmp_path.iterdir())


def test_no_copy_of_the_tags_imd_is_left(tmp_path: Path):
    metadata = {"tags": {"IMD": {"bandId": "Multi"}}}
    for driver in ("GTiff", "COG"):
        Scene(pixels(), metadata=metadata).save(tmp_path / "a.tif", driver, overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
        assert Scene.load(tmp_path / "a.tif").metadata == metadata


def test_files_that_come_with_an_image_have_its_name(tmp_path: Path):
    scene = Scene(pixels(), metadata={"crs": "EPSG:32633", "transform": [1.0, 0.0, 2.0, 0.0, -1.0, 3.0]})
    for name, driver, options, with_it in (
        ("a.tif", "GTiff", {"TFW": "YES"}, {"a.tfw"}),
        ("b.img", "ENVI", {}, {"b.hdr", "b.img.aux.xml"}),
        ("c.bil", "EHdr", {}, {"c.hdr", "c.prj", "c.bil.aux.xml"}),
    ):
        before = {path.name for path in tmp_path.iterdir()}
        scene.save(tmp_path / name, driver, **options)
        assert {path.name for path in tmp_path.iterdir()} - before == {name} | with_it
        back = Scene.load(tmp_path / name)
        assert np.array_equal(back.pixels, scene.pixels)
        assert back.metadata["transform"] == scene.metadata["transform"]


def test_a_jp2_is_lossless_and_keeps_colours_and_rpcs(tmp_path: Path):
    coefficients = {f"{axis}_{part}_COEFF": "1 " * 20 for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")}
    others = {f"{axis}_{kind}": "1" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT") for kind in ("OFF", "SCALE")}
    metadata = {"colorinterp": ["red", "green", "blue"], "rpcs": coefficients | others}
    scene = Scene(pixels(3, "uint16"), metadata=metadata)
    scene.save(tmp_path / "a.jp2")
    back = Scene.load(tmp_path / "a.jp2")
    assert np.array_equal(back.pixels, scene.pixels) and back.metadata["colorinterp"] == ["red", "green", "blue"]
    assert back.metadata["rpcs"].keys() >= scene.metadata["rpcs"].keys()
    assert (tmp_path / "a.jp2").read_bytes()[4:8] == b"jP  "


def test_the_keys_that_a_format_cannot_hold(tmp_path: Path):
    points = [[float(row), 0.0, 1.0, 2.0 + row, 3.0, name, ""] for row, name in enumerate(("door", "tower", "bell"))]
    metadata = {"gcps": points, "descriptions": ["a", "b", "c"], "colorinterp": ["red", "nir", "blue"]}
    for name, driver, changed in (
        ("a.tif", "GTiff", ["gcps"]),
        ("b.png", "PNG", ["colorinterp", "gcps"]),
    ):
        with RasterWriter(tmp_path / name, (40, 30, 3, "uint8"), metadata, driver) as writer:
            writer.write(pixels(), 0, 0)
        assert writer.changed == changed
    with RasterWriter(tmp_path / "c.tif", (40, 30, 1, "float32"), {"nodata": "0.1"}) as writer:
        writer.write(pixels(1, "float32"), 0, 0)
    assert writer.changed == []


def test_a_document_without_attributes_stays_as_it_is(tmp_path: Path):
    for document in ("<a>t</a>", '<?xml version="1.0"?><a b="1">t</a>'):
        metadata = {"tags": {"xml:ISO": {"xml:ISO": document}}}
        Scene(pixels(), metadata=metadata).save(tmp_path / "a.tif", overwrite=True)
        assert Scene.load(tmp_path / "a.tif").metadata == metadata


def test_several_bands_in_a_netcdf(tmp_path: Path):
    Scene(pixels()).save(tmp_path / "a.nc", "netCDF")
    with rasterio.open(f"netcdf:{tmp_path}/a.nc:Band2") as back:
        assert np.array_equal(np.sort(back.read(1), axis=None), np.sort(pixels()[1], axis=None))


def test_a_system_error_of_rasterio_is_an_output_error(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot write .*: Unknown GDAL Error"):
        Scene(pixels()).save(tmp_path / "a.pgm", "PNM")  # GDAL fails without a message: three bands need .ppm
    assert not list(tmp_path.iterdir())
