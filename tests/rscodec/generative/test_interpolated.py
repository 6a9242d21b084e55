"""A picture at another size: bicubic where all is valid, and nothing invalid is smeared over what is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rscodec.generative.interpolated import InterpolatedPicture
from rscodec.generative.picture import DecodedPicture, SourcePicture
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window


def enlarged(scene: Scene, width: int, height: int, part: Window | None = None):
    picture = InterpolatedPicture(SourcePicture(SceneSource(scene)), width, height)
    return picture.read(part or picture.scene)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64"])
def test_it_is_bicubic(make_scene, dtype):
    scene = make_scene((40, 30), bands=4, dtype=dtype)
    found, classes = enlarged(scene, 104, 78)
    pixels = torch.from_numpy(scene.pixels.astype(np.float64))
    wanted = F.interpolate(pixels[None], (78, 104), mode="bicubic", antialias=True)[0].numpy()
    spread = wanted.max() - wanted.min()
    assert found.dtype == dtype and classes is None
    limits = np.finfo(dtype) if dtype == "float64" else np.iinfo(dtype)
    error = np.abs(found - wanted.clip(limits.min, limits.max)).max()
    assert error <= (1e-6 * spread if dtype == "float64" else 0.501)


def test_the_same_size_is_the_same(make_scene):
    scene = make_scene((40, 30), nodata=0)
    assert np.array_equal(enlarged(scene, 40, 30)[0], scene.pixels)


def test_a_part_is_as_in_the_whole(make_scene):
    scene = make_scene((40, 30), dtype="float32", nodata=float("nan"))
    whole, classes = enlarged(scene, 133, 101)
    for part in (Window(10, 20, 60, 50), Window(132, 100, 1, 1), Window(0, 0, 133, 3)):
        inside = (slice(None), *part.within(Window(0, 0, 133, 101)))
        found = enlarged(scene, 133, 101, part)
        assert np.array_equal(found[0], whole[inside], equal_nan=True) and np.array_equal(found[1], classes[inside])


def test_nodata_is_that_of_the_nearest_pixel_and_reaches_no_further():
    pixels = np.full((2, 8, 8), 200, np.uint16)
    pixels[0, 2:5, 3] = 7
    found, _ = enlarged(Scene(pixels, None, {"nodata": "7.0"}), 24, 24)
    assert ((found == 7) == (np.kron(pixels, np.ones((3, 3))) == 7)).all()
    assert (found[found != 7] == 200).all()


def test_alpha_is_repeated():
    rng = np.random.default_rng(0)
    pixels = np.stack([rng.integers(0, 255, (5, 6)), 255 * rng.integers(0, 2, (5, 6))]).astype(np.uint8)
    found, _ = enlarged(Scene(pixels, None, {"colorinterp": ["gray", "alpha"]}), 12, 10)
    assert np.array_equal(found[1], np.kron(pixels[1], np.ones((2, 2))))


def test_the_transform_is_scaled_by_the_sizes(make_scene):
    scene = make_scene((40, 30))
    scene.metadata["transform"] = [2.0, 0.0, 100.0, 0.0, -2.0, 50.0]
    picture = InterpolatedPicture(SourcePicture(SceneSource(scene)), 107, 81)
    assert picture.metadata["transform"] == [2 * 40 / 107, 0.0, 100.0, 0.0, -2 * 30 / 81, 50.0]


def test_damaged_tiles_stay_empty(make_scene, to_stream, to_decoder, flip):
    from rscodec.raster.metadata_schema import stream_metadata

    stream = flip(to_stream(make_scene((200, 150))), 1, 1, 0)
    decoder = to_decoder(stream, on_error="nodata")
    picture = InterpolatedPicture(DecodedPicture(decoder, stream_metadata(decoder.reader)), 400, 300)
    found, _ = picture.read(picture.scene)
    lost = picture.damage(picture.scene)
    assert lost.sum() == 128 * 128 and lost[128:256, 128:256].all()
    assert (found[:, lost] == 0).all() and (found[:, ~lost] > 0).mean() > 0.9
