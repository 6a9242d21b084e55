"""Which driver a name asks for, and which of them lose something."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.raster.drivers import LOSSLESS, driver_for, lossy_option
from rscodec.raster.reader import RasterReader
from rscodec.raster.window import Window
from rscodec.raster.writer import RasterWriter
from rscodec.synthetic.sample import synthesize

# The tests themselves open images without georeference; that the project does so silently has its own test.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def test_the_suffix_of_a_name_decides():
    assert driver_for("x.PNG") == "PNG" and driver_for("x.tif") == driver_for("x") == "GTiff"


@pytest.mark.parametrize(
    "driver,options,lossy",
    [
        ("GTiff", {}, ""),
        ("GTiff", {"COMPRESS": "ZSTD", "predictor": "2"}, ""),
        ("PNG", {}, ""),
        ("COG", {}, ""),
        ("GTiff", {"COMPRESS": "jpeg"}, "COMPRESS=jpeg"),
        ("COG", {"COMPRESS": "WEBP"}, "COMPRESS=WEBP"),
        ("GTiff", {"COMPRESS": "WEBP", "WEBP_LOSSLESS": "YES"}, ""),
        ("GTiff", {"compress": "LERC"}, ""),
        ("GTiff", {"COMPRESS": "LERC_ZSTD", "MAX_Z_ERROR": "0.5"}, "COMPRESS=LERC_ZSTD"),
        ("GTiff", {"COMPRESS": "JXL", "JXL_LOSSLESS": "NO"}, "COMPRESS=JXL"),
        ("GTiff", {"COMPRESS": "JXL"}, ""),
        ("GTiff", {"DISCARD_LSB": "2"}, "DISCARD_LSB=2"),
        ("JPEG", {}, "JPEG"),
        ("WEBP", {}, "WEBP"),
        ("GPKG", {}, "GPKG"),
        ("MBTiles", {"TILE_FORMAT": "JPEG"}, "MBTiles"),
        ("NITF", {}, ""),
        ("NITF", {"IC": "C8"}, "NITF"),
        ("ENVI", {}, ""),
        ("JP2OpenJPEG", {}, ""),
        ("JP2OpenJPEG", {"REVERSIBLE": "NO"}, "JP2OpenJPEG without REVERSIBLE=YES and QUALITY=100"),
        ("JP2OpenJPEG", {"QUALITY": "25"}, "JP2OpenJPEG without REVERSIBLE=YES and QUALITY=100"),
        ("JP2OpenJPEG", {"REVERSIBLE": "YES", "QUALITY": "100"}, ""),
        ("COG", {"TILING_SCHEME": "GoogleMapsCompatible"}, "TILING_SCHEME=GoogleMapsCompatible"),
        ("COG", {"tiling_scheme": "CUSTOM"}, ""),
        ("COG", {"RES": "2"}, "RES=2"),
        ("GTiff", {"RES": "2"}, ""),
    ],
    ids=str,
)
def test_what_changes_pixels_when_they_are_written(driver, options, lossy):
    assert lossy_option(driver, options) == lossy


@pytest.mark.parametrize("options", [{}, {"REVERSIBLE": "NO"}, {"QUALITY": "25"}, {"NBITS": "5"}], ids=str)
def test_a_jp2_loses_pixels_where_it_is_said_to(tmp_path, options):
    pixels = synthesize(96)[0][:3]
    with RasterWriter(tmp_path / "a.jp2", (96, 96, 3, "uint8"), {}, "JP2OpenJPEG", options) as target:
        target.write(pixels, 0, 0)
    with RasterReader(tmp_path / "a.jp2") as reader:
        kept = np.array_equal(reader.read(Window(0, 0, 96, 96))[0], pixels)
    assert kept == (not lossy_option("JP2OpenJPEG", options))


@pytest.mark.parametrize("driver", sorted(set(LOSSLESS) - {"netCDF", "RST", "SAGA"}))
def test_lossless_drivers_keep_pixels(tmp_path, driver):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 30, 40), np.uint8)
    path = tmp_path / ("a" + {"ERS": ".ers", "PNM": ".ppm", "RRASTER": ".grd"}.get(driver, ".img"))
    with RasterWriter(path, (40, 30, 3, "uint8"), {}, driver) as target:
        target.write(pixels, 0, 0)
    with RasterReader(path) as reader:
        assert np.array_equal(reader.read(Window(0, 0, 40, 30))[0], pixels)
