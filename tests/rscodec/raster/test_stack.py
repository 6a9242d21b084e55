"""Several images as one scene."""

from __future__ import annotations

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams.errors import InputError
from rscodec.raster.pixel_source import SceneSource, open_source
from rscodec.raster.scene import Scene
from rscodec.raster.stack import RasterStack
from rscodec.raster.window import Window
from rscodec.synthetic.sample import synthesize
from tests.helpers.sizes import TILE

WHOLE = Window(0, 0, 90, 70)


@pytest.fixture
def bands(tmp_path):
    """bands("B02", "B03", nodata=0): a file for each, of one scene."""

    def make(*names: str, dtype: str = "uint16", nodata: float | None = None, **metadata):
        pixels, whole = synthesize((90, 70), len(names), dtype, nodata)
        place = {key: whole[key] for key in ("crs", "transform", "nodata") if key in whole}
        for name, band in zip(names, pixels, strict=True):
            Scene(band[None], metadata=place | metadata).save(tmp_path / f"{name}.tif", overwrite=True)
        return [tmp_path / f"{name}.tif" for name in names], pixels

    return make


def test_the_bands_of_files_are_those_of_a_scene(bands):
    paths, pixels = bands("B04", "B03", "B02", "B08")
    with RasterStack(paths) as stack:
        found, classes = stack.read(WHOLE)
        assert np.array_equal(found, pixels) and classes is None and stack.planes == 0
        assert (stack.count, stack.width, stack.height, stack.dtype) == (4, 90, 70, "uint16")
        assert stack.metadata["descriptions"] == ["B04", "B03", "B02", "B08"] and "colorinterp" not in stack.metadata
        assert stack.coded_bands == (0, 1, 2, 3) and [str(path) for path in paths] == stack.files


def test_nodata_is_that_of_each_band(bands):
    paths, pixels = bands("a", "b", dtype="int16", nodata=-5)
    with RasterStack(paths) as stack:
        _, classes = stack.read(WHOLE)
        expected = SceneSource(Scene(pixels, metadata={"nodata": "-5.0"})).read(WHOLE)[1]
        assert np.array_equal(classes, np.broadcast_to(expected, classes.shape)) and classes.any()
    with RasterStack(bands("c", "d")[0], nodata=7) as stack:
        assert stack.nodata == 7 and stack.metadata["nodata"] == "7.0"


def test_files_with_several_bands_and_alpha(bands, tmp_path):
    (one,), _ = bands("one")
    pixels, metadata = synthesize((90, 70), 2, "uint16")
    metadata |= {"colorinterp": ["gray", "alpha"], "descriptions": ["swir", None], "units": ["m", None]}
    Scene(pixels, metadata=metadata).save(tmp_path / "two.tif")
    with RasterStack([one, tmp_path / "two.tif"]) as stack:
        assert stack.metadata["descriptions"] == ["one", "swir", "two 2"] and stack.exact_bands == (2,)
        assert stack.metadata["colorinterp"] == ["gray", "undefined", "alpha"]
        assert stack.metadata["units"] == [None, "m", None]


def test_what_does_not_fit_together_is_refused(bands, tmp_path):
    paths, _ = bands("a", "b")
    with pytest.raises(InputError, match=r"a.tif has 90 x 70 uint16 pixels, .*c.tif has 90 x 70 uint8 pixels"):
        RasterStack([*paths, *bands("c", dtype="uint8")[0]])
    with pytest.raises(InputError, match="a.tif and .*d.tif differ in crs"):
        RasterStack([*paths, *bands("d", crs="EPSG:4326")[0]])
    with pytest.raises(InputError, match="differ in nodata"):
        RasterStack([*paths, *bands("e", nodata=0)[0]])
    with pytest.raises(InputError, match="34 bands together: give at most 16"):
        RasterStack(paths * 17)
    masked = Scene(np.ones((1, 70, 90), "uint16"), np.zeros((1, 70, 90), np.uint8), {"masked": True})
    masked.save(tmp_path / "m.tif")
    with pytest.raises(InputError, match="m.tif has a mask"):
        RasterStack([tmp_path / "m.tif", tmp_path / "m.tif"])
    with pytest.raises(InputError, match="`bands` are those of one file"), open_source(paths, bands=(1,)):
        pass


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_of_several_files(bands, tiny_weights, tmp_path, workers):
    from concurrent.futures import ThreadPoolExecutor

    paths, pixels = bands("B02", "B03", "B04", dtype="int16", nodata=-5)
    settings = {"model": "vec", "weights": tiny_weights, "tile": TILE, "max_error": 0}
    with ThreadPoolExecutor(2) as executor:
        given = {"executor": executor} if workers else {}
        report = rscodec.encode_file(paths, tmp_path / "a.bin", **settings, **given)
    assert report.bands == 3
    verified = rscodec.verify_file(tmp_path / "a.bin", paths, weights=tiny_weights)
    assert verified.ok and verified.max_abs_error == 0
    with rscodec.open(tmp_path / "a.bin", weights=tiny_weights) as scene:
        assert np.array_equal(scene.read().pixels, pixels)
        assert scene.metadata["descriptions"] == ["B02", "B03", "B04"]
    with pytest.raises(rscodec.RscodecError, match="is the input itself"):
        rscodec.encode_file(paths, paths[1], overwrite=True, **settings)
