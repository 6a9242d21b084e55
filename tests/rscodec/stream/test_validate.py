"""What compression does not change is compared: which pixels are valid and lossless bands, not only the metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from rscodec import api
from rscodec.bitstreams.errors import InputError
from rscodec.stream.validate import PIECE
from tests.helpers.sizes import TILE

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def written(path: Path, pixels: np.ndarray, mask: np.ndarray | None = None, **profile) -> Path:
    count, height, width = pixels.shape
    shape = dict(driver="GTiff", count=count, height=height, width=width, dtype=pixels.dtype)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **shape | profile) as target:
        target.write(pixels)
        if mask is not None:
            target.write_mask(mask)
    return path


def test_nodata_elsewhere(tmp_path):
    a = np.full((2, 40, PIECE + 30), 7, np.uint16)
    b = a.copy()
    a[:, 3:5, -9:] = b[:, 5:7, -9:] = 0
    b[0, 20, 20] += 1
    one, two = (written(tmp_path / name, pixels, nodata=0) for name, pixels in (("a.tif", a), ("b.tif", b)))
    assert api.validate_files(one, two) == ["valid, nodata, NaN or masked: 72 differ, counted in all bands"]
    assert api.validate_files(one, written(tmp_path / "c.tif", a + np.uint16(100) * (a > 0), nodata=0)) == []


def test_pixels_that_only_gdal_takes_for_nodata(tmp_path):
    """GDAL masks pixels of 10 where nodata is 10.5: no comparison can be right, so it is refused by name."""
    a = np.full((1, 30, 30), 10, np.uint16)
    one, two = (written(tmp_path / f"{nodata}.tif", a, nodata=nodata) for nodata in (10.5, 10))
    with pytest.raises(InputError, match="10.5.tif: nodata 10.5 is no uint16 pixel"):
        api.validate_files(two, one)


def test_nan_elsewhere(tmp_path):
    a, b = np.ones((2, 1, 30, 30), np.float32)
    a[0, 0, :5] = b[0, 0, 3:8] = np.nan
    one, two = (written(tmp_path / name, pixels) for name, pixels in (("a.tif", a), ("b.tif", b)))
    assert api.validate_files(one, two) == ["valid, nodata, NaN or masked: 6 differ, counted in all bands"]


def test_nan_is_not_the_nodata_value(tmp_path):
    a, b = np.ones((2, 1, 30, 30), np.float32)
    a[0, 0, :5], b[0, 0, :5] = np.nan, -9999
    one, two = (written(tmp_path / name, pixels, nodata=-9999) for name, pixels in (("a.tif", a), ("b.tif", b)))
    assert api.validate_files(one, two) == ["valid, nodata, NaN or masked: 5 differ, counted in all bands"]


def test_a_mask_elsewhere(tmp_path):
    pixels, masks = np.full((3, 30, 30), 9, np.uint8), np.full((2, 30, 30), 255, np.uint8)
    masks[0, :4, 0] = masks[1, :4, 1] = 0
    one, two = (written(tmp_path / f"{number}.tif", pixels, mask) for number, mask in enumerate(masks))
    assert api.validate_files(one, two) == ["valid, nodata, NaN or masked: 24 differ, counted in all bands"]


def test_another_alpha(tmp_path, tiny_weights):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 70, 90), np.uint8)
    other = pixels.copy()
    other[3, :2, :5] ^= 1
    one, two = (written(tmp_path / f"{number}.png", each, driver="PNG") for number, each in enumerate((pixels, other)))
    stream = tmp_path / "a.bin"
    api.encode_file(one, stream, model="vec", weights=tiny_weights, tile=TILE)
    assert api.validate_files(one, stream) == []
    for first in (one, stream):
        assert api.validate_files(first, two) == ["alpha: 10 differ, counted in all bands"]


def test_a_stream_and_another_scene(tmp_path, tiny_weights):
    a = np.random.default_rng(0).integers(1, 900, (2, 100, 150), np.uint16)
    b = a.copy()
    a[:, 60:, 140:] = b[:, :40, :10] = 0
    one, two = (written(tmp_path / name, pixels, nodata=0) for name, pixels in (("a.tif", a), ("b.tif", b)))
    stream = tmp_path / "a.bin"
    api.encode_file(one, stream, model="vec", weights=tiny_weights, tile=TILE)
    assert api.validate_files(stream, one) == []
    assert api.validate_files(stream, two) == ["valid, nodata, NaN or masked: 1600 differ, counted in all bands"]


def test_a_stream_at_a_url(tmp_path, tiny_weights, site):
    pytest.importorskip("aiohttp")
    a = np.ones((1, 30, 30), np.uint8)
    one, two = (written(tmp_path / f"{number}.tif", a, nodata=number) for number in range(2))
    api.encode_file(one, tmp_path / "a.bin", model="vec", weights=tiny_weights, tile=TILE)
    site.files["/a.bin"] = (tmp_path / "a.bin").read_bytes()
    assert api.validate_files(one, f"{site.address}/a.bin") == []
    stream = f"{site.address}/a.bin"
    assert api.validate_files(stream, two) == [f"nodata: '0.0' in {stream}, '1.0' in {two}"]
