"""Every row of ENHANCERS keeps the contract of rscodec/enhancers/base.py: its shipped weights, or untrained ones."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.enhancers.base import EnhanceSettings
from rscodec.enhancers.scene import EnhancedScene
from rscodec.generative.picture import SourcePicture
from rscodec.models.registry import ENHANCERS
from rscodec.models.weights import shipped, ships
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.synthetic.sample import synthesize
from tests.helpers import enhancers


@pytest.fixture(scope="module", params=ENHANCERS, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture(scope="module")
def enhancer(row, tmp_path_factory):
    if ships(row):
        return row.load()(shipped(row.default_model))
    path = tmp_path_factory.mktemp(row.name) / "weights.safetensors"
    return row.load()(enhancers.write(path, row.takes, row.models[0]))


def scene_of(width=75, height=50, bands=3, dtype="uint8", nodata=None) -> Scene:
    pixels, metadata = synthesize((width, height), bands, dtype, nodata)
    return Scene(pixels, None, metadata)


def enhanced(enhancer, scene, part=None, **settings) -> np.ndarray:
    picture = SourcePicture(SceneSource(scene))
    quality = 2.5 if enhancer.takes == "stream" else None
    found = EnhancedScene(picture, enhancer, EnhanceSettings("any", **settings), {}, quality)
    return found.read(part or picture.scene)[0]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_the_registry_says_what_it_takes(enhancer, row):
    assert enhancer.takes == row.takes and enhancer.model in row.models


def test_the_same_seed_gives_the_same_pixels(enhancer):
    scene = scene_of()
    assert same(enhanced(enhancer, scene, seed=3), enhanced(enhancer, scene, seed=3))
    assert not same(enhanced(enhancer, scene), scene.pixels)


def test_a_part_looks_as_in_the_whole(enhancer):
    scene = scene_of()
    whole = enhanced(enhancer, scene)
    for part in (Window(40, 10, 20, 30), Window(0, 0, 1, 1), Window(74, 49, 1, 1), Window(0, 20, 75, 5)):
        expected = whole[:, part.row : part.bottom, part.col : part.right]
        assert np.array_equal(enhanced(enhancer, scene, part), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 7), (70, 33)])
@pytest.mark.parametrize("bands", [1, 2, 3])
def test_any_size(enhancer, size, bands):
    scene = scene_of(*size, bands)
    assert enhanced(enhancer, scene).shape == scene.pixels.shape


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
def test_any_type(enhancer, dtype):
    scene = scene_of(dtype=dtype)
    found = enhanced(enhancer, scene)
    spread = float(np.ptp(scene.pixels.astype(float)))
    assert found.dtype == scene.pixels.dtype
    assert 0 < np.abs(found.astype(float) - scene.pixels).mean() < spread / 4


@pytest.mark.parametrize("dtype,nodata", [("uint8", 0), ("uint16", 7), ("float32", -9999.0), ("float32", float("nan"))])
def test_nodata_stays_and_nothing_else_becomes_it(enhancer, dtype, nodata):
    scene = scene_of(dtype=dtype, nodata=nodata)
    invalid = ~Scene(scene.pixels, SceneSource(scene).read(Window(0, 0, 75, 50))[1], scene.metadata).mask
    assert invalid.any() and not invalid.all()
    found = enhanced(enhancer, scene)
    gone = np.isnan(found) if nodata != nodata else found == np.array(nodata, dtype)
    assert (gone == invalid).all() and same(found[invalid], scene.pixels[invalid])


def test_other_bands_are_copied(enhancer):
    scene = scene_of(bands=5, dtype="uint16")
    scene.metadata |= {"descriptions": None, "colorinterp": ["undefined", "blue", "green", "red", "undefined"]}
    found = enhanced(enhancer, scene)
    assert [same(a, b) for a, b in zip(found, scene.pixels, strict=True)] == [True, False, False, False, True]


def test_strength_goes_from_nothing_to_all(enhancer):
    scene = scene_of(dtype="float32")
    assert same(enhanced(enhancer, scene, strength=0.0), scene.pixels)
    change, half = (enhanced(enhancer, scene, strength=s).astype(float) - scene.pixels for s in (1.0, 0.5))
    assert np.allclose(half, change / 2, atol=np.abs(change).max() / 100)


@pytest.mark.parametrize("dtype,limit", [("uint8", 1.0), ("uint8", 1.7), ("uint8", 0.0), ("float32", 0.25)])
def test_no_pixel_changes_by_more_than_allowed(enhancer, dtype, limit):
    scene = scene_of(dtype=dtype)
    change = np.abs(enhanced(enhancer, scene, max_change=limit).astype(float) - scene.pixels).max()
    assert change <= limit + 1e-3 * (dtype == "float32")
    assert change > 0 or (limit < 1 and dtype == "uint8")
