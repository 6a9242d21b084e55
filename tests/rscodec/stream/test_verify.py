"""Verification: the same checksums every time, and a difference of any kind is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import CheckError, WrongWeights
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.verify import verify
from tests.helpers.sizes import TILE


@pytest.fixture(scope="module")
def scene(make_scene) -> Scene:
    return make_scene((150, 100), 3, "uint16", 0)


@pytest.fixture(scope="module")
def stream(scene, to_stream) -> bytes:
    return to_stream(scene)


@pytest.fixture
def check(tiny):
    def run(data: bytes, against: Scene | None = None):
        source = SceneSource(against) if against else None
        return verify(StreamReader.from_bytes(data), tiny, source)

    return run


def test_a_sound_stream(scene, stream, check):
    report = check(stream, scene)
    assert report.ok and (report.tiles, report.tiles_bad) == (6, 0)
    assert report.nodata_exact and report.metadata_exact
    assert 30 < report.psnr_db < 80 and report.max_abs_error > report.rmse > 0
    assert report.peak == 65535 and report.psnr_db == pytest.approx(20 * np.log10(report.peak / report.rmse))
    alone = check(stream)
    assert alone.ok and alone.psnr_db is alone.max_abs_error is alone.nodata_exact is alone.metadata_exact is None
    assert (alone.latents_crc32, alone.pixels_crc32) == (report.latents_crc32, report.pixels_crc32)


def test_a_wide_scene_whose_last_tiles_are_cut(make_scene, to_stream, check):
    assert check(to_stream(make_scene((5 * TILE, TILE + 6)))).ok


def test_checksums_change_with_the_stream(scene, to_stream, stream, check):
    other = check(to_stream(scene, 4))
    assert other.latents_crc32 != check(stream).latents_crc32
    assert other.pixels_crc32 != check(stream).pixels_crc32


def test_bad_tiles_are_counted_and_not_fatal(stream, scene, check, flip):
    report = check(flip(flip(stream, 0, 1, 0), 1, 2, None), scene)
    assert not report.ok and report.tiles_bad == 2


def test_planes_that_were_removed_are_found(stream, check, rewrite):
    """As if every pixel were valid."""
    removed = rewrite(stream, lambda row, col, planes, groups: (None if (row, col) == (0, 0) else planes, groups))
    assert StreamReader.from_bytes(stream).entry(0, 0, None).length and not check(removed).ok


def test_weights_with_another_synthesis_are_refused(stream, tmp_path):
    """`verify --weights` included."""
    pytest.importorskip("torch")
    from tests.helpers import models

    codec = models.build()
    codec.synthesis.head.weight.data.mul_(0.5)
    models.write_weights(tmp_path / "halved.safetensors", "vec-1", codec.config, models.freeze(codec))
    (tmp_path / "a.bin").write_bytes(stream)
    with pytest.raises(WrongWeights, match="other weights.*vec-1 with hash [0-9a-f]{16}.*vec-1 with hash [0-9a-f]{16}"):
        rscodec.verify_file(tmp_path / "a.bin", weights=tmp_path / "halved.safetensors")


def test_a_changed_pixel_is_an_error_not_a_failure(scene, stream, check):
    changed = replace(scene, pixels=scene.pixels.copy())
    changed.pixels[1, 50, 75] = 60_000
    report = check(stream, changed)
    assert report.ok and report.max_abs_error > 40_000 and report.psnr_db < check(stream, scene).psnr_db


@pytest.mark.parametrize("value", [0, 1])
def test_a_changed_nodata_pixel_is_a_failure(scene, stream, check, value):
    """Valid where it was nodata, and nodata where it was valid."""
    changed = replace(scene, pixels=scene.pixels.copy())
    where = np.argwhere((scene.pixels[0] == 0) == (value == 1))[0]
    changed.pixels[(slice(None), *where)] = value
    report = check(stream, changed)
    assert report.nodata_exact is False and not report.ok


def test_floats_that_gdal_takes_for_nodata_become_nodata(make_scene, to_stream, check):
    scene = make_scene((70, 60), 1, "float32", -9999.0)
    scene.pixels[0, 5, 5] = np.nextafter(np.float32(-9999), np.float32(0))
    assert check(to_stream(scene), scene).nodata_exact


def test_changed_metadata_is_a_failure(scene, stream, check):
    report = check(stream, replace(scene, metadata=scene.metadata | {"crs": "EPSG:4326"}))
    assert report.metadata_exact is False and report.nodata_exact and not report.ok
    assert [line.split(":")[0] for line in report.metadata_differences] == ["crs"]


def test_a_changed_alpha_is_a_failure(make_scene, to_stream, check):
    scene = make_scene((80, 70), 4)
    scene.metadata["colorinterp"] = ["red", "green", "blue", "alpha"]
    data = to_stream(scene)
    assert check(data, scene).ok
    scene.pixels[3, 9, 9] ^= 1
    assert check(data, scene).nodata_exact is False


def test_alpha_that_is_no_number_is_kept_as_any_other(make_scene, to_stream, check):
    scene = make_scene((80, 70), 2, "float32")
    scene.metadata["colorinterp"] = ["gray", "alpha"]
    scene.pixels[1, :5] = np.nan
    assert check(to_stream(scene), scene).ok


@pytest.mark.parametrize("other", [{"size": (150, 101)}, {"bands": 4}, {"dtype": "int16"}], ids=str)
def test_another_shape_is_said_before_anything_is_decoded(make_scene, stream, tiny, check, other, monkeypatch):
    monkeypatch.setattr(tiny, "decode", None)
    scene = make_scene(**{"size": (150, 100), "dtype": "uint16", "nodata": 0} | other)
    count, height, width = scene.pixels.shape
    there = f"the stream has 150 x 100 pixels of 3 uint16 bands, the scene has {width} x {height} pixels of {count} "
    with pytest.raises(CheckError, match=there + str(scene.pixels.dtype)):
        check(stream, scene)


def test_what_lies_under_a_dataset_mask_means_nothing(make_scene, to_stream, check):
    from rscodec.raster.validity import MASKED

    scene = make_scene((80, 70))
    scene.classes = np.zeros((1, 70, 80), np.uint8)
    scene.classes[:, 10:30, 20:50] = MASKED
    scene.metadata["masked"] = True
    assert check(to_stream(scene), scene).ok


def test_progress_counts_windows(stream, tiny):
    told = []
    verify(StreamReader.from_bytes(stream), tiny, None, lambda *now: told.append(now))
    assert told[-1][0] == told[-1][1] == len(told)
