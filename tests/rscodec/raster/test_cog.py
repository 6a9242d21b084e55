"""Overviews of Cloud-Optimised GeoTIFFs: they are there, and right where pixels are invalid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED
from rscodec.synthetic.sample import synthesize

SIZE = 1300, 900


def overviews(path: Path) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """(factor, pixels, dataset mask) of each."""
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        factors = file.overviews(1)
    found = []
    for level, factor in enumerate(factors):
        with rasterio.open(path, overview_level=level) as file:
            found.append((factor, file.read(), file.dataset_mask() != 0))
    return found


def shares(invalid: np.ndarray, factor: int) -> np.ndarray:
    """How much of each pixel of an overview is invalid."""
    rows, cols = (edge // factor for edge in invalid.shape[-2:])
    whole = invalid[..., : rows * factor, : cols * factor]
    return whole.reshape(*invalid.shape[:-2], rows, factor, cols, factor).mean((-3, -1))


@pytest.mark.parametrize("dtype, nodata", [("uint8", 0.0), ("uint16", 0.0), ("int16", -9999.0), ("float32", np.nan)])
def test_nodata_neither_bleeds_nor_vanishes(tmp_path, dtype, nodata):
    pixels, metadata = synthesize(SIZE, 3, dtype, nodata)
    Scene(pixels, None, metadata).save(tmp_path / "a.tif", "COG")
    invalid = np.isnan(pixels) if np.isnan(nodata) else pixels == nodata
    low, high = pixels[~invalid].min(), pixels[~invalid].max()
    found = overviews(tmp_path / "a.tif")
    assert [factor for factor, _, _ in found] == [2, 4]
    for factor, small, _ in found:
        share = shares(invalid, factor)
        small = small[:, : share.shape[1], : share.shape[2]]
        empty = np.isnan(small) if np.isnan(nodata) else small == nodata
        assert empty[share == 1].all() and not empty[share == 0].any()
        assert low <= small[~empty].min() and small[~empty].max() <= high


def test_the_dataset_mask_has_overviews(tmp_path):
    pixels, metadata = synthesize(SIZE, 3)
    classes = np.zeros((1, *pixels.shape[1:]), np.uint8)
    classes[:, :400, :501] = MASKED
    Scene(pixels, classes, metadata | {"masked": True}).save(tmp_path / "a.tif", "COG")
    for factor, _, mask in overviews(tmp_path / "a.tif"):
        share = shares(classes[0] == MASKED, factor)
        mask = mask[: share.shape[0], : share.shape[1]]
        assert not mask[share == 1].any() and mask[share == 0].all() and (share == 1).any()


@pytest.mark.parametrize("option", ["RESAMPLING", "OVERVIEW_RESAMPLING"])
def test_the_user_may_choose_another_resampling(tmp_path, option):
    pixels, metadata = synthesize((600, 600), 1, "uint16")
    Scene(pixels, None, metadata).save(tmp_path / "a.tif", "COG", **{option: "NEAREST"})
    ((_, small, _),) = overviews(tmp_path / "a.tif")
    corners = [pixels[:, row::2, col::2] for row in (0, 1) for col in (0, 1)]
    assert any((small == corner).all() for corner in corners)


@pytest.mark.parametrize("dtype, predictor", [("uint16", "2"), ("float32", "3")])
def test_a_cog_is_as_small_as_a_geotiff(tmp_path, dtype, predictor):
    pixels, metadata = synthesize(SIZE, 3, dtype)
    for name, driver in (("a.tif", "GTiff"), ("b.tif", "COG")):
        Scene(pixels, None, metadata).save(tmp_path / name, driver)
        with rasterio.open(tmp_path / name) as file:
            structure = file.tags(ns="IMAGE_STRUCTURE")
            assert structure["COMPRESSION"] == "DEFLATE" and structure["PREDICTOR"] == predictor
    overviews = 4 / 3
    assert (tmp_path / "b.tif").stat().st_size < 1.1 * overviews * (tmp_path / "a.tif").stat().st_size


def test_another_compression_of_a_cog(tmp_path):
    pixels, metadata = synthesize(100)
    Scene(pixels, None, metadata).save(tmp_path / "a.tif", "COG", COMPRESS="LERC")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "LERC"


def test_tags_of_all_kinds(tmp_path):
    pixels, _ = synthesize(64, 2, "uint16")
    tags = {
        "": {"a": "1"},
        "IMD": {"bandId": "P"},
        "GEOLOCATION": {"X_BAND": "1"},
        "xml:ISO": {"xml:ISO": '<a b="1"/>'},
    }
    for band_tags in ([{}, {"": {"note": "one"}}], [{"": {"note": "two"}}, {"BAND": {"key": "three"}}]):
        metadata = {"tags": tags, "band_tags": band_tags}
        Scene(pixels, None, metadata).save(tmp_path / "a.tif", "COG", overwrite=True)
        assert Scene.load(tmp_path / "a.tif").metadata == metadata
