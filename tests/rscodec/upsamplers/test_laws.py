"""Every row of UPSAMPLERS keeps the contract of rscodec/upsamplers/base.py: its shipped weights, or untrained ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.generative.interpolated import InterpolatedPicture
from rscodec.generative.picture import SourcePicture
from rscodec.models.registry import UPSAMPLERS
from rscodec.models.weights import shipped, ships
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.synthetic.sample import synthesize
from rscodec.upsamplers.base import UpscaleSettings
from rscodec.upsamplers.scene import UpscaledScene
from tests.helpers import upsamplers

SCALES = (1, 1.5, 2.6, 3.999, 8)  # for those that take only some, the nearest of these


@pytest.fixture(scope="module", params=UPSAMPLERS, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture(scope="module")
def upsampler(row, tmp_path_factory):
    if ships(row):
        return row.load()(shipped(row.default_model))
    path = tmp_path_factory.mktemp(row.name) / "weights.safetensors"
    return row.load()(upsamplers.WRITERS[row.name](path, row.models[0]))


def scene_of(width=47, height=38, bands=3, dtype="uint8", nodata=None) -> Scene:
    pixels, metadata = synthesize((width, height), bands, dtype, nodata)
    return Scene(pixels, None, metadata)


def known(upsampler, scale):
    return min(upsampler.scales, key=lambda one: abs(one - scale), default=scale)


def upscaled(upsampler, scene, scale=2.6, seed=0) -> UpscaledScene:
    scale = known(upsampler, scale)
    return UpscaledScene(SourcePicture(SceneSource(scene)), upsampler, UpscaleSettings("any", scale, seed), {})


def pixels_of(upsampler, scene, scale=2.6, part=None, seed=0) -> np.ndarray:
    found = upscaled(upsampler, scene, scale, seed)
    return found.read(part or found.target)[0]


def interpolated(scene: Scene, like: np.ndarray) -> np.ndarray:
    picture = InterpolatedPicture(SourcePicture(SceneSource(scene)), like.shape[2], like.shape[1])
    return picture.read(picture.scene)[0]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_the_registry_says_what_it_is(upsampler, row):
    assert upsampler.model in row.models


@pytest.mark.parametrize("scale", SCALES)
def test_size_and_transform_are_right(upsampler, scale):
    scene = scene_of()
    scene.metadata["transform"] = [2.0, 0.0, 100.0, 0.0, -2.0, 50.0]
    found = upscaled(upsampler, scene, scale)
    width, height = (math.floor(known(upsampler, scale) * edge + 0.5) for edge in (47, 38))
    assert found.read(found.target)[0].shape == (3, height, width)
    assert found.metadata["transform"] == [2 * 47 / width, 0.0, 100.0, 0.0, -2 * 38 / height, 50.0]


@pytest.mark.parametrize("scale", SCALES)
def test_the_same_seed_gives_the_same_pixels(upsampler, scale):
    scene = scene_of(20, 30)
    first = pixels_of(upsampler, scene, scale, seed=3)
    assert same(first, pixels_of(upsampler, scene, scale, seed=3))
    assert not same(first, interpolated(scene, first))


def test_another_seed_gives_other_pixels_if_it_draws(upsampler):
    scene = scene_of(20, 30, dtype="float32")
    found = [pixels_of(upsampler, scene, seed=seed) for seed in (3, 4)]
    assert same(*found) == (not upsampler.draws)


@pytest.mark.parametrize("scale", [1, 2.6])
def test_a_part_looks_as_in_the_whole(upsampler, scale):
    scene = scene_of()
    whole = pixels_of(upsampler, scene, scale)
    _, height, width = whole.shape
    for part in (Window(20, 10, 20, 25), Window(0, 0, 1, 1), Window(width - 1, height - 1, 1, 1)):
        expected = whole[:, part.row : part.bottom, part.col : part.right]
        assert np.array_equal(pixels_of(upsampler, scene, scale, part), expected)


def test_other_scales_are_refused(upsampler):
    if not upsampler.scales:
        pytest.skip("it takes any scale")
    with pytest.raises(InputError, match=r"`scale=2.6`: .* by 4 or 8"):
        UpscaledScene(SourcePicture(SceneSource(scene_of())), upsampler, UpscaleSettings("any", 2.6), {})


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (33, 7)])
@pytest.mark.parametrize("bands", [1, 2, 3])
def test_any_size(upsampler, size, bands):
    times = known(upsampler, 2)
    assert pixels_of(upsampler, scene_of(*size, bands), times).shape == (bands, times * size[1], times * size[0])


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
def test_any_type(upsampler, dtype):
    scene = scene_of(dtype=dtype)
    found = pixels_of(upsampler, scene)
    change = np.abs(found.astype(float) - interpolated(scene, found))
    assert found.dtype == scene.pixels.dtype
    assert 0 < change.mean() < float(np.ptp(scene.pixels.astype(float))) / 4


@pytest.mark.parametrize("dtype,nodata", [("uint8", 0), ("uint16", 7), ("float32", -9999.0), ("float32", float("nan"))])
def test_nodata_is_that_of_the_nearest_pixel(upsampler, dtype, nodata):
    scene = scene_of(dtype=dtype, nodata=nodata)
    found = pixels_of(upsampler, scene, 3)

    def gone(pixels):
        return np.isnan(pixels) if nodata != nodata else pixels == np.array(nodata, dtype)

    invalid = gone(scene.pixels)
    assert invalid.any() and not invalid.all()
    times = int(known(upsampler, 3))
    assert np.array_equal(gone(found), np.kron(invalid, np.ones((times, times), bool)))


def test_other_bands_are_bicubic_and_said_to_be(upsampler):
    scene = scene_of(bands=5, dtype="uint16")
    scene.metadata |= {"descriptions": None, "colorinterp": ["undefined", "blue", "green", "red", "undefined"]}
    found = upscaled(upsampler, scene)
    pixels = found.read(found.target)[0]
    plain = interpolated(scene, pixels)
    assert [same(a, b) for a, b in zip(pixels, plain, strict=True)] == [True, False, False, False, True]
    tags = found.mark(found.metadata, [0, 1, 2, 3, 4])["tags"][""]
    assert (tags["synthetic_bands"], tags["synthetic_bicubic_bands"]) == ("2,3,4", "1,5")
