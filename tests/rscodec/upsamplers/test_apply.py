"""Upsampling from file to file: size, place, pixels, tags."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from rscodec import api
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, MissingWeights, TileDamaged, WrongWeights
from rscodec.cli.main import main
from rscodec.enhancers.base import EnhanceSettings
from rscodec.models import weights
from rscodec.models.registry import UPSAMPLERS
from rscodec.models.weights import ships, upsampler_for
from rscodec.raster.scene import Scene
from rscodec.upsamplers.base import UpscaleSettings
from tests.helpers import enhancers, upsamplers


@pytest.fixture(scope="module")
def files(tmp_path_factory, make_scene, to_stream, flip):
    """A scene of four bands with a collar of nodata, as a raster, a stream and a damaged one; and a model."""
    folder = tmp_path_factory.mktemp("upscale")
    scene = make_scene((150, 100), bands=4, nodata=0)
    del scene.metadata["descriptions"]  # which would say what is red, green and blue
    scene.save(folder / "a.tif")
    stream = to_stream(scene)
    (folder / "a.bin").write_bytes(stream)
    (folder / "bad.bin").write_bytes(flip(stream, 0, 1, 0))
    upsamplers.write(folder / "model.safetensors")
    upsamplers.write_slim(folder / "slim.safetensors")
    return folder


@pytest.fixture
def upscale(files, tiny_weights, tmp_path):
    def run(name, scale=2.6, seed=None, model="model", **options) -> Scene:
        settings = UpscaleSettings(files / f"{model}.safetensors", scale, seed)
        weights = tiny_weights if name.endswith(".bin") else None
        run.report = api.upscale_file(
            files / name, tmp_path / "out.tif", settings, weights=weights, overwrite=True, **options
        )
        return Scene.load(tmp_path / "out.tif")

    return run


def test_a_raster_becomes_larger_and_stays_where_it_is(files, upscale):
    before, after = Scene.load(files / "a.tif"), upscale("a.tif", seed=9)
    assert after.pixels.shape == (4, 260, 390)
    assert (upscale.report.width, upscale.report.height, upscale.report.bands) == (390, 260, [1, 2, 3])
    tags = after.metadata.pop("tags")[""]
    (a, b, c, d, e, f) = before.metadata.pop("transform")
    assert after.metadata.pop("transform") == [a * 150 / 390, b, c, d, e * 100 / 260, f]
    assert after.metadata == {key: value for key, value in before.metadata.items() if key != "tags"}
    assert {key: value for key, value in tags.items() if key.startswith("synthetic")} == {
        "synthetic": "yes",
        "synthetic_bands": "1,2,3",
        "synthetic_bicubic_bands": "4",
        "synthetic_model": "e2diff-test-1",
        "synthetic_weights": upsampler_for(files / "model.safetensors").weights_hash,
        "synthetic_seed": "9",
        "synthetic_scale": "2.6",
        "synthetic_source_crc32": f"{zlib.crc32((files / 'a.tif').read_bytes()):08x}",
    }


class Float(np.float64):
    def __repr__(self):
        return f"np.float64({self})"  # as in NumPy 2


@pytest.mark.parametrize("scale", [Float(2.5), np.int64(2)])
def test_the_tag_of_a_scale_is_a_plain_number(upscale, scale):
    assert upscale("a.tif", scale).metadata["tags"][""]["synthetic_scale"] == f"{scale:g}"


def test_what_was_generated_before_is_told_too(files, upscale, tmp_path):
    enhancers.write(files / "raster.safetensors", "raster")
    settings = EnhanceSettings(files / "raster.safetensors", seed=7, max_change=20)
    api.enhance_file(files / "a.tif", files / "enhanced.tif", settings)
    once = Scene.load(files / "enhanced.tif").metadata["tags"][""]
    twice = upscale("enhanced.tif", 2).metadata["tags"][""]
    (tmp_path / "out.tif").rename(files / "twice.tif")
    thrice = upscale("twice.tif", 3).metadata["tags"][""]

    assert {"synthetic_seed", "synthetic_max_change"} < set(once)
    assert (twice["synthetic"], twice["synthetic_scale"], twice["synthetic_seed"]) == ("yes", "2", "0")
    assert "synthetic_max_change" not in twice
    steps = "synthetic_", "synthetic_before_", "synthetic_before_before_"
    assert [thrice[f"{step}model"] for step in steps] == ["e2diff-test-1", "e2diff-test-1", "ldm-test-1"]
    assert [thrice.get(f"{step}scale") for step in steps] == ["3", "2", None]
    told = {name: value for name, value in once.items() if name.startswith("synthetic_")}
    for step, tags in ((steps[1], twice), (steps[2], thrice)):
        assert {name: tags.get(name.replace("synthetic_", step, 1)) for name in told} == told


def test_a_model_that_draws_nothing_has_no_seed(upscale, tmp_path):
    tags = upscale("a.tif", 4, model="slim").metadata["tags"][""]
    assert tags["synthetic_model"] == "slimdiff-test-1" and "synthetic_seed" not in tags
    with pytest.raises(InputError, match="`seed=0`: slimdiff-test-1 draws no random numbers; omit it"):
        upscale("a.tif", 4, seed=0, model="slim")
    assert upscale("a.tif", 2).metadata["tags"][""]["synthetic_seed"] == "0"


def test_a_stream_is_upsampled_as_what_it_decodes_to(files, tiny_weights, upscale, tmp_path):
    api.decode_file(files / "a.bin", tmp_path / "plain.tif", weights=tiny_weights)
    from_stream = upscale("a.bin", 3)
    settings = UpscaleSettings(files / "model.safetensors", 3)
    api.upscale_file(tmp_path / "plain.tif", tmp_path / "second.tif", settings)
    from_raster = Scene.load(tmp_path / "second.tif")
    assert np.array_equal(from_stream.pixels, from_raster.pixels)
    with StreamReader.from_path(files / "a.bin") as reader:
        checksum = zlib.crc32(reader.index.tobytes())
    assert from_stream.metadata["tags"][""]["synthetic_source_crc32"] == f"{checksum:08x}"


@pytest.mark.parametrize("name", ["a.tif", "a.bin"])
def test_a_window_looks_as_in_the_whole_and_has_its_tags(upscale, name):
    whole, part = upscale(name, seed=2), upscale(name, seed=2, window=(30, 21, 45, 40), bands=(4, 1))
    # pixels of 150 x 100 become 390 x 260; centres of 78 ... 194 lie in columns 30 ... 74, of 55 ... 158 in the rows
    assert np.array_equal(part.pixels, whole.pixels[[3, 0], 55:159, 78:195])
    assert (upscale.report.width, upscale.report.height, upscale.report.bands) == (117, 104, [2])
    tags = part.metadata["tags"][""]
    assert (tags["synthetic_bands"], tags["synthetic_bicubic_bands"]) == ("2", "1")
    (a, b, c, d, e, f) = whole.metadata["transform"]
    assert part.metadata["transform"] == pytest.approx([a, b, c + 78 * a, d, e, f + 55 * e], rel=1e-12)


def test_bands_that_are_not_generated_have_no_tags(upscale):
    assert "tags" not in upscale("a.bin", bands=(4,)).metadata and upscale.report.bands == []
    assert upscale.report.guessed == ()


@pytest.mark.parametrize("suffix", [".tif", ".bin"])
def test_three_bands_say_what_is_red_green_and_blue_where_the_scene_does_not(files, upscale, to_stream, suffix):
    """Blue, green, red and near infrared look like the same in another order; that is not so of a guess."""
    scene = Scene.load(files / "a.tif")
    order = [2, 1, 0, 3]
    bgrn = Scene(scene.pixels[order], None, scene.metadata)
    bgrn.save(files / "bgrn.tif", overwrite=True)
    (files / "bgrn.bin").write_bytes(to_stream(bgrn))
    guess = upscale(f"bgrn{suffix}", 2)
    assert upscale.report.guessed == (1, 2, 3)
    said = upscale(f"bgrn{suffix}", 2, bands=(3, 2, 1, 4))
    assert upscale.report.guessed == () and upscale.report.bands == [1, 2, 3]
    assert not np.array_equal(said.pixels[order], guess.pixels)
    if suffix == ".tif":  # of streams these differ by what coding lost
        assert np.array_equal(said.pixels, upscale("a.tif", 2).pixels)
    upscale(f"bgrn{suffix}", 2, bands=(1, 4))
    assert upscale.report.guessed == (1, 2, 3) and upscale.report.bands == [1]


@pytest.mark.parametrize("name, scale", [("a.tif", 1), ("a.bin", 1), ("a.tif", 1.003)])
def test_a_scale_that_leaves_the_size_as_it_is(upscale, name, scale, tmp_path):
    with pytest.raises(InputError, match=f"a scale of {scale} leaves 150 x 100 pixels: there is nothing to upscale"):
        upscale(name, scale)
    assert not (tmp_path / "out.tif").exists()
    assert upscale(name, 1.004).pixels.shape == (4, 100, 151)


def test_a_window_that_is_not_inside(upscale):
    with pytest.raises(InputError, match="window 100 0 51 10 is not inside"):
        upscale("a.tif", window=(100, 0, 51, 10))


def test_decode_upscales_with_what_ships(files, tiny_weights, upscale, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    (tmp_path / "e2diff-1.safetensors").write_bytes((files / "model.safetensors").read_bytes())
    words = ["decode", str(files / "a.bin"), "-o", str(tmp_path / "b.tif"), "--weights", str(tiny_weights), "--quiet"]
    assert main([*words, "--upscale", "2.6", "--seed", "3"]) == 0
    assert np.array_equal(Scene.load(tmp_path / "b.tif").pixels, upscale("a.bin", seed=3).pixels)


def test_nodata_stays(files, upscale):
    before, after = Scene.load(files / "a.tif"), upscale("a.tif", 2)
    assert not before.mask.all()
    assert np.array_equal(after.mask, np.kron(before.mask, np.ones((2, 2), bool)))


def test_masks_grow_with_their_scene(files, upscale, make_scene):
    scene = make_scene((40, 30))
    classes = np.zeros((1, 30, 40), np.uint8)
    classes[:, 5:9, 10:20] = 3
    Scene(scene.pixels, classes, scene.metadata | {"masked": True}).save(files / "masked.tif")
    after = upscale("masked.tif", 2)
    assert np.array_equal(~after.dataset_mask, np.kron(classes[0] == 3, np.ones((2, 2), bool)))


def test_a_damaged_tile_stops_or_stays_empty(upscale):
    with pytest.raises(TileDamaged):
        upscale("bad.bin", 2)
    found = upscale("bad.bin", 2, on_error="nodata")
    assert upscale.report.tiles_bad == [(0, 1, 0)]
    assert (found.pixels[:, :128, 128:256] == 0).all() and (found.pixels[:, :128, 20:120] > 0).any()


def test_settings_and_models_that_cannot_be(files, tiny_weights):
    for wrong in (dict(scale=0.9), dict(scale=10.1), dict(scale=float("nan")), dict(scale=2, seed=-1)):
        with pytest.raises(InputError, match=f"`{list(wrong)[-1]}="):
            UpscaleSettings("e2diff", **wrong)
    with pytest.raises(InputError, match="unknown name 'x'; there are e2diff"):
        upsampler_for("x")
    for row in UPSAMPLERS:
        if not ships(row):
            with pytest.raises(MissingWeights, match=f"upsampler {row.name}"):
                upsampler_for(row.name)
    with pytest.raises(MissingWeights, match="no upsampler at"):
        upsampler_for(files / "absent.safetensors")
    with pytest.raises(WrongWeights, match="holds no upsampler"):
        upsampler_for(tiny_weights)


def test_what_is_no_scene_is_bad_input(files, tmp_path):
    (tmp_path / "x.tif").write_text("no image")
    settings = UpscaleSettings(files / "model.safetensors", 2)
    with pytest.raises(InputError, match="x.tif"):
        api.upscale_file(tmp_path / "x.tif", tmp_path / "y.tif", settings)
    assert not (tmp_path / "y.tif").exists()


def test_weights_are_those_of_a_stream(files, tiny_weights, tmp_path):
    settings = UpscaleSettings(files / "model.safetensors", 2)
    with pytest.raises(InputError, match=r"`weights=.*` decode a stream, and .*a.tif is a raster: omit them"):
        api.upscale_file(files / "a.tif", tmp_path / "out.tif", settings, weights=tiny_weights)
    with pytest.raises(InputError, match="is a raster: omit them"):
        api.load(files / "a.tif", weights=tiny_weights)
