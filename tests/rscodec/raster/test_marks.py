"""Marks of generated bands name the right bands after bands are chosen and files are joined."""

from __future__ import annotations

import numpy as np

import rscodec
from rscodec.raster import marks
from rscodec.raster.provenance import marked, synthetic
from rscodec.raster.reader import RasterReader
from rscodec.raster.scene import Scene
from rscodec.raster.stack import RasterStack

TAGS = marked({"tags": {"": {"a": "b"}}}, [1, 3], {"model": "x", "bicubic_bands": "2,4"})["tags"]
TWICE = marked({"tags": TAGS}, [2], {"model": "y"})["tags"]


def test_chosen_bands_have_new_numbers():
    assert marks.of_bands(TAGS, (0, 1, 2, 3), 4) is TAGS
    found = marks.of_bands(TAGS | {"NS": {"c": "d"}}, (3, 2), 4)
    assert found[""] == {
        "a": "b",
        "synthetic": "yes",
        "synthetic_bands": "2",
        "synthetic_bicubic_bands": "1",
        "synthetic_model": "x",
    }
    assert found["NS"] == {"c": "d"}


def test_the_mark_goes_with_the_last_generated_band():
    assert marks.of_bands(TAGS, (1, 3), 4) == {"": {"a": "b"}}
    only = marked({}, [1], {"model": "x"})["tags"]
    assert marks.of_bands(only, (1,), 2) == {}
    first = marks.of_bands(TWICE, (2,), 4)[""]
    assert (first["synthetic_model"], first["synthetic_bands"]) == ("x", "1") and "synthetic_before_model" not in first


def test_a_model_that_names_no_band_of_its_file_counts_for_all():
    for named in ("7", "", "all"):
        tags = {"": {"synthetic": "yes", "synthetic_bands": named}}
        assert marks.of_bands(tags, (1,), 2)[""] == {"synthetic": "yes", "synthetic_bands": "1"}
    assert marks.of_bands({"": {"synthetic": "no"}}, (1,), 2) == {"": {"synthetic": "no"}}


def test_files_keep_their_marks_together():
    plain = {"": {"mission": "m"}}
    found = marks.of_files([(plain, 2), (TAGS, 4), (TAGS, 4)])[""]
    assert found["mission"] == "m" and "a" not in found
    assert (found["synthetic_bands"], found["synthetic_bicubic_bands"]) == ("3,5,7,9", "4,6,8,10")
    assert marks.of_files([(plain, 2), ({}, 1)]) is plain


def test_marks_of_other_models_follow():
    other = marked({}, [1], {"model": "z"})["tags"]
    found = marks.of_files([(other, 1), (TWICE, 4)])[""]
    names = ("synthetic", "synthetic_before", "synthetic_before_before")
    assert [found[f"{name}_model"] for name in names] == ["z", "y", "x"]
    assert [found[f"{name}_bands"] for name in names] == ["1", "3", "2,4"]


def test_marks_in_files_and_streams(tmp_path, tiny_weights):
    pixels = np.zeros((4, 64, 64), np.uint8)
    Scene(pixels, metadata={"tags": TAGS}).save(tmp_path / "made.tif")
    Scene(pixels[:1]).save(tmp_path / "plain.tif")
    with RasterReader(tmp_path / "made.tif", (2, 3)) as reader:
        assert synthetic(reader.metadata)["synthetic_bands"] == "2"
    with RasterReader(tmp_path / "made.tif", (2,)) as reader:
        assert not synthetic(reader.metadata)
    paths = [tmp_path / "plain.tif", tmp_path / "made.tif"]
    with RasterStack(paths) as stack:
        assert synthetic(stack.metadata)["synthetic_bands"] == "2,4"
    rscodec.encode_file(paths, tmp_path / "a.bin", model="vec", weights=tiny_weights)
    with rscodec.open(tmp_path / "a.bin", weights=tiny_weights) as scene:
        assert synthetic(scene.read(bands=(4, 3)).metadata)["synthetic_bands"] == "1"
        assert not synthetic(scene.read(bands=(1,)).metadata)
