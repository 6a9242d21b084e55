"""Enhancement from file to file: which model may enhance what, pixels, tags."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import rscodec
from rscodec import api
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, MissingWeights, WrongWeights
from rscodec.enhancers.base import EnhanceSettings
from rscodec.models.registry import ENHANCERS
from rscodec.models.weights import enhancer_for, ships
from rscodec.raster.scene import Scene
from tests.helpers import enhancers


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny, tiny_weights, make_scene, to_stream):
    """A stream of four bands with a collar of nodata, and models of both kinds; decode(name, **options) -> Scene."""
    folder = tmp_path_factory.mktemp("enhance")
    scene = make_scene((150, 100), bands=4, nodata=0)
    del scene.metadata["descriptions"]  # which would say what is red, green and blue
    (folder / "a.bin").write_bytes(to_stream(scene))
    scene.save(folder / "a.tif")
    names = {arithmetic: (name.hex(),) for arithmetic, name in tiny.weights_hashes.items()}
    for name, takes, codecs in [
        ("known", "stream", names["integer-2"]),
        ("before", "stream", names["integer-1"]),
        ("other", "stream", ("0" * 16,)),
        ("raster", "raster", ()),
    ]:
        enhancers.write(folder / f"{name}.safetensors", takes, codecs=codecs)
    return folder


@pytest.fixture
def decode(files, tiny_weights, tmp_path):
    def run(model=None, window=None, bands=None, **settings) -> Scene:
        enhance = model and EnhanceSettings(files / f"{model}.safetensors", **settings)
        api.decode_file(
            files / "a.bin",
            tmp_path / "out.tif",
            weights=tiny_weights,
            window=window,
            bands=bands,
            overwrite=True,
            enhance=enhance,
        )
        return Scene.load(tmp_path / "out.tif")

    return run


def test_pixels_change_and_nothing_else(decode):
    plain, enhanced = decode(), decode("known")
    assert (plain.pixels[:3] != enhanced.pixels[:3]).any((1, 2)).all()
    assert np.array_equal(plain.pixels[3], enhanced.pixels[3])
    assert np.array_equal(plain.mask, enhanced.mask) and not plain.mask.all()
    tags = enhanced.metadata.pop("tags")[""]
    assert "tags" not in plain.metadata and enhanced.metadata == plain.metadata
    assert tags["synthetic"] == "yes" and tags["synthetic_bands"] == "1,2,3"


def test_three_bands_say_what_is_red_green_and_blue_where_the_stream_does_not(files, tiny_weights, tmp_path):
    settings, found = EnhanceSettings(files / "known.safetensors"), {}
    for bands, enhance, guessed in [
        (None, settings, (1, 2, 3)),
        ((4, 3, 2), settings, ()),
        ((4,), settings, ()),
        ((4, 3, 2), None, ()),
    ]:
        report = api.decode_file(
            files / "a.bin", tmp_path / "a.tif", weights=tiny_weights, bands=bands, enhance=enhance, overwrite=True
        )
        assert report.guessed == guessed
        assert report.enhanced == (() if bands == (4,) or not enhance else (1, 2, 3))
        found[bands, enhance] = Scene.load(tmp_path / "a.tif").pixels
    guess, said, plain = found[None, settings], found[(4, 3, 2), settings], found[(4, 3, 2), None]
    assert not np.array_equal(said[0], plain[0]) and np.array_equal(guess[3], plain[0])
    assert np.array_equal(found[(4,), settings][0], plain[0])
    with pytest.raises(InputError, match="bands 1 to 4, not 9, 1, 2"):
        api.decode_file(files / "a.bin", tmp_path / "b.tif", weights=tiny_weights, bands=(9, 1, 2), enhance=settings)


def test_tags_say_what_it_takes_to_do_it_again(decode, files):
    tags = decode("known", seed=9, strength=0.5, max_change=20).metadata["tags"][""]
    with StreamReader.from_path(files / "a.bin") as reader:
        checksum = zlib.crc32(reader.index.tobytes())
    assert {key: value for key, value in tags.items() if key.startswith("synthetic_")} == {
        "synthetic_bands": "1,2,3",
        "synthetic_model": "ldm-test-1",
        "synthetic_weights": enhancer_for(files / "known.safetensors").weights_hash,
        "synthetic_seed": "9",
        "synthetic_strength": "0.5",
        "synthetic_max_change": "20",
        "synthetic_source_crc32": f"{checksum:08x}",
    }


@pytest.mark.parametrize("nothing", [{"strength": 0}, {"max_change": 0}, {"max_change": 0.5}], ids=str)
def test_without_a_change_it_is_the_plain_decode(decode, nothing):
    plain, enhanced = decode(), decode("known", **nothing)
    assert np.array_equal(plain.pixels, enhanced.pixels) and plain.metadata == enhanced.metadata


def test_a_window_looks_as_in_the_scene_and_has_its_tags(decode):
    whole, part = decode("known", seed=2), decode("known", seed=2, window=(30, 20, 50, 40), bands=(4, 1))
    assert np.array_equal(part.pixels, whole.pixels[[3, 0], 20:60, 30:80])
    assert part.metadata["tags"][""]["synthetic_bands"] == "2"
    assert "tags" not in decode("known", bands=(4,)).metadata


def test_an_open_stream_enhances_too(decode, files, tiny_weights):
    settings = EnhanceSettings(files / "known.safetensors")
    with rscodec.open(files / "a.bin", weights=tiny_weights, enhance=settings) as stream:
        part = stream.read((10, 20, 30, 40))
    whole = decode("known")
    assert np.array_equal(part.pixels, whole.pixels[:, 20:60, 10:40])
    assert part.metadata["tags"] == whole.metadata["tags"]


def test_a_model_may_name_the_codec_as_older_streams_do(decode):
    assert np.array_equal(decode("before").pixels, decode("known").pixels)


def test_other_codec_weights_need_force(decode, tiny):
    with pytest.raises(WrongWeights, match=f"vec-1 .{tiny.weights_hash.hex()}.*`force=True`"):
        decode("other")
    assert decode("other", force=True).metadata["tags"]


def test_a_promise_of_a_largest_error_is_not_broken(files, make_scene, tiny_weights, tmp_path):
    data = rscodec.encode(make_scene((70, 60)), max_error=2, model="vec", weights=tiny_weights)
    (tmp_path / "bounded.bin").write_bytes(data)
    with pytest.raises(InputError, match="guarantees a largest error of 2, which `enhance` cannot keep"):
        api.decode_file(
            tmp_path / "bounded.bin",
            tmp_path / "out.tif",
            weights=tiny_weights,
            enhance=EnhanceSettings(files / "known.safetensors", force=True),
        )
    assert not (tmp_path / "out.tif").exists()


def test_a_raster_is_enhanced_as_one(files, tmp_path):
    settings = EnhanceSettings(files / "raster.safetensors", seed=1)
    report = api.enhance_file(files / "a.tif", tmp_path / "b.tif", settings)
    before, after = Scene.load(files / "a.tif"), Scene.load(tmp_path / "b.tif")
    assert report.bands == [1, 2, 3] and (report.width, report.height) == (150, 100)
    assert [np.array_equal(a, b) for a, b in zip(before.pixels, after.pixels, strict=True)] == [False] * 3 + [True]
    assert np.array_equal(before.mask, after.mask)
    tags = after.metadata["tags"][""]
    assert tags["synthetic_source_crc32"] == f"{zlib.crc32((files / 'a.tif').read_bytes()):08x}"


def test_three_bands_say_what_is_red_green_and_blue_where_the_raster_does_not(files, tmp_path):
    scene, settings = Scene.load(files / "a.tif"), EnhanceSettings(files / "raster.safetensors")
    Scene(scene.pixels[[2, 1, 0, 3]], None, scene.metadata).save(tmp_path / "bgrn.tif")
    found = {}
    for source, bands, guessed in [
        (files / "a.tif", None, (1, 2, 3)),
        (tmp_path / "bgrn.tif", (3, 2, 1, 4), ()),
        (tmp_path / "bgrn.tif", None, (1, 2, 3)),
        (tmp_path / "bgrn.tif", (4,), ()),
    ]:
        report = api.enhance_file(source, tmp_path / "b.tif", settings, bands=bands, overwrite=True)
        assert report.guessed == guessed and report.bands == ([] if bands == (4,) else [1, 2, 3])
        found[source.stem, bands] = Scene.load(tmp_path / "b.tif").pixels
    assert np.array_equal(found["bgrn", (3, 2, 1, 4)], found["a", None])
    assert not np.array_equal(found["bgrn", None][[2, 1, 0, 3]], found["a", None])
    assert np.array_equal(found["bgrn", (4,)], scene.pixels[[3]])


def test_models_go_with_what_they_take(decode, files, tmp_path):
    with pytest.raises(InputError, match="enhances a raster.*`rscodec enhance`"):
        decode("raster")
    with pytest.raises(InputError, match="enhances a stream.*`rscodec decode`"):
        api.enhance_file(files / "a.tif", tmp_path / "c.tif", EnhanceSettings(files / "known.safetensors"))


def test_unknown_models_are_answered_with_those_that_ship(files, tiny_weights):
    there = ", ".join(row.name for row in ENHANCERS if ships(row))
    with pytest.raises(InputError, match=f"unknown name 'x'; there are {there}, or give a weights file"):
        enhancer_for("x")
    for row in ENHANCERS:
        if not ships(row):
            with pytest.raises(MissingWeights, match=f"enhancer {row.name}"):
                enhancer_for(row.name)
    with pytest.raises(MissingWeights, match="no enhancer at"):
        enhancer_for(files / "absent.safetensors")
    with pytest.raises(WrongWeights, match="holds no enhancer"):
        enhancer_for(tiny_weights)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(seed=-1),
        dict(seed=2**63),
        dict(strength=1.1),
        dict(strength=float("nan")),
        dict(max_change=-1.0),
        dict(max_change=float("inf")),
    ],
    ids=str,
)
def test_settings_out_of_range_are_bad_input(wrong):
    with pytest.raises(InputError, match=f"`{next(iter(wrong))}="):
        EnhanceSettings("ldm", **wrong)
