"""Arrays, scenes and files behind the same attributes."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.raster.pixel_source import SceneSource, SourcePart, open_source
from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED, NAN, NODATA, VALID
from rscodec.raster.window import Window

ATTRIBUTES = ("width", "height", "count", "dtype", "metadata", "nodata", "exact_bands", "coded_bands", "planes")


@pytest.mark.parametrize("options", [{}, {"bands": 5}, {"dtype": "uint16", "nodata": 0}, {"dtype": "float32"}], ids=str)
def test_a_file_and_the_scene_in_it_are_the_same_source(make_scene, tmp_path, options):
    scene = make_scene((60, 40), **options)
    scene.save(tmp_path / "scene.tif")
    with open_source(tmp_path / "scene.tif") as file, open_source(Scene.load(tmp_path / "scene.tif")) as memory:
        for name in ATTRIBUTES[:-1]:
            assert getattr(file, name) == getattr(memory, name), name
        assert memory.planes <= file.planes  # a scene in memory knows that no pixel is invalid
        pixels, classes = file.read(Window(10, 5, 30, 20))
        again, other = memory.read(Window(10, 5, 30, 20))
        assert np.array_equal(pixels, again)
        assert classes is None or other is None or (classes == other).all()


def test_an_array_of_rows_and_columns_is_one_band():
    with open_source(np.zeros((4, 5), np.uint8)) as source:
        assert (source.count, source.height, source.width) == (1, 4, 5)


@pytest.mark.parametrize("nodata, words", [("10.5", "no uint8 pixel"), ("300.5", "beyond uint8"), ("nan", "beyond")])
def test_nodata_that_no_pixel_can_have(nodata, words):
    with pytest.raises(InputError, match=words):
        SceneSource(Scene(np.ones((2, 3, 4), np.uint8), None, {"nodata": nodata}))


def test_nan_and_nodata_are_found_in_an_array():
    pixels = np.ones((2, 3, 4), np.float32)
    pixels[0, 0, 0], pixels[1, 2, 3] = np.nan, -9999
    source = SceneSource(Scene(pixels, None, {"nodata": "-9999.0"}))
    classes = source.read(Window(0, 0, 4, 3))[1]
    assert source.planes == 2 and classes.shape == (2, 3, 4)
    assert classes[0, 0, 0] == NAN and classes[1, 2, 3] == NODATA and (classes == VALID).sum() == 22


def test_planes_that_agree_are_shared():
    pixels = np.ones((2, 3, 4), np.float32)
    pixels[:, 1, 1] = np.nan
    source = SceneSource(Scene(pixels))
    assert source.planes == 1 and source.read(Window(0, 0, 4, 3))[1].shape == (1, 3, 4)


@pytest.mark.parametrize("dtype, before, value, after, kind", [
    ("uint16", 0, 0, None, NODATA),
    ("float32", None, -9999, "-9999.0", NODATA),
    ("float32", None, np.nan, None, NAN),
])  # fmt: skip
def test_pixels_and_nodata_may_change_after_a_scene_was_loaded(make_scene, tmp_path, dtype, before, value, after, kind):
    make_scene((60, 40), 2, dtype, before).save(tmp_path / "a.tif")
    scene = Scene.load(tmp_path / "a.tif")
    scene.pixels[:, 20:30, 5:15] = value
    if after:
        scene.metadata["nodata"] = after
    classes = SceneSource(scene).read(Window(5, 20, 10, 10))[1]
    assert (classes == kind).all()
    scene.pixels[:, 20:30, 5:15] = 7
    classes = SceneSource(scene).read(Window(5, 20, 10, 10))[1]
    assert classes is None or not classes.any()


def test_a_dataset_mask_of_classes_counts_where_no_pixel_value_marks_them():
    classes = np.zeros((1, 3, 4), np.uint8)
    classes[0, 1, 1:3] = MASKED
    scene = Scene(np.ones((2, 3, 4), np.uint8), classes)
    source = SceneSource(scene)
    assert source.metadata == {"masked": True} and scene.metadata == {} and source.planes == 1
    assert np.array_equal(source.read(Window(1, 0, 3, 3))[1], classes[:, :, 1:])
    assert SceneSource(Scene(scene.pixels, classes, {"nodata": "7.0"})).planes == 0


@pytest.mark.parametrize("shape", [(3, 4), (3, 3, 4), (1, 4, 3), (0, 3, 4)], ids=str)
def test_classes_that_do_not_fit_are_refused(shape):
    scene = Scene(np.ones((2, 3, 4), np.uint8), np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=r"classes of shape .* do not fit pixels of shape \(2, 3, 4\)"):
        SceneSource(scene)


@pytest.mark.parametrize("pixels, words", [
    (np.zeros((2, 3, 4, 5), np.uint8), "no scene"),
    (np.zeros(7, np.uint8), "no scene"),
    (np.zeros((3, 0, 4), np.uint8), "no scene"),
    (np.zeros((3, 4, 4), np.complex64), "complex64"),
    (np.zeros((3, 4, 4), np.int64), "int64"),
    (np.zeros((3, 4, 4), bool), "bool"),
    (np.zeros((17, 4, 4), np.uint8), "17 bands"),
    (np.full((1, 4, 4), np.inf, np.float32), "infinite"),
])  # fmt: skip
def test_an_array_that_is_no_scene_is_named(pixels, words):
    with pytest.raises(InputError, match=words):
        with open_source(pixels):
            pass


def test_bands_and_nodata_go_with_files():
    with pytest.raises(InputError, match="apply to files"):
        with open_source(np.zeros((3, 4, 4), np.uint8), bands=(1,)):
            pass


def test_a_part_of_a_source_is_a_source(make_scene):
    source = SceneSource(make_scene((60, 40), nodata=0))
    part = SourcePart(source, Window(10, 5, 30, 20))
    assert (part.width, part.height) == (30, 20)
    for name in ATTRIBUTES[2:]:
        assert getattr(part, name) == getattr(source, name), name
    assert np.array_equal(part.read(Window(3, 4, 8, 6))[0], source.read(Window(13, 9, 8, 6))[0])
