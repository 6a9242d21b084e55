"""Our codec as a contender: what is in its file, and what is left out for all; anchors get filled pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, MissingWeights
from rscodec.enhancers import apply as enhance
from rscodec.eval import contenders
from rscodec.eval.anchors.base import Anchor
from rscodec.eval.contenders import AnchorCodec, Enhanced, contender, pixels_only
from rscodec.eval.measure import measure
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize
from tests.helpers.enhancers import Told


@pytest.fixture
def ours(tiny_weights):
    return contender(f"rscodec:vec@{tiny_weights}+2/5")


@pytest.fixture
def scene() -> Scene:
    pixels, metadata = synthesize((90, 70), 3, "uint16", 0, 1)
    return Scene(pixels, (pixels == 0).astype(np.uint8), metadata | {"nodata": "0.0"})


def test_what_is_measured_is_the_stream(ours, scene):
    assert ours.parameters == (2, 5) and "vec-1" in ours.version
    data = ours.encode(ours.prepare(scene), 5)
    row = measure(scene, ours, 5, "set/scene.tif", math.inf)
    assert row.bytes_file == len(data)
    parts, reader = ours.parts(data), StreamReader.from_bytes(data)
    assert parts.header + parts.metadata + parts.mask + reader.index["length"][:, 1:].sum() == len(data)
    assert parts.mask > 0


def test_metadata_that_no_anchor_carries_is_left_out(scene):
    assert "crs" in scene.metadata
    bare = pixels_only(scene)
    assert bare.metadata == {"nodata": "0.0"}
    assert (bare.mask == scene.mask).all()


def test_weights_are_asked_for():
    with pytest.raises(MissingWeights):
        contender("rscodec:s@/no/such.safetensors")


def test_an_anchor_gets_filled_pixels(scene):
    class Keeper(Anchor):
        name, version, command, parameters = "keeper", "1", "{parameter}", (1,)

        def encode(self, pixels, parameter):
            self.pixels = pixels
            return b"x"

        def decode(self, data, shape, dtype):
            return self.pixels

    keeper = Keeper()
    row = measure(scene, AnchorCodec(keeper), 1, "set/scene.tif", math.inf)
    assert not scene.mask.all() and (keeper.pixels > 0).all()
    assert row.mse == 0 and row.pixels_valid == scene.mask.any(0).sum()


def test_efforts_are_contenders_of_their_own(tiny_weights, scene):
    plain, eager = (contender(f"rscodec:vec{effort}@{tiny_weights}+5") for effort in ("", ":2"))
    assert (eager.name, eager.command) == ("rscodec:vec:2@tiny", plain.command + " --effort 2")
    data = eager.encode(eager.prepare(scene), 5)
    assert data != plain.encode(plain.prepare(scene), 5)
    assert plain.decode(data, scene).shape == scene.pixels.shape
    both = contender(f"rscodec:vec:2:balance@{tiny_weights}")
    assert (both.name, both.command) == ("rscodec:vec:2:balance@tiny", plain.command + " --effort 2 --balance")
    even = contender(f"rscodec:vec:balance@{tiny_weights}")
    assert even.encode(even.prepare(scene), 5) != plain.encode(plain.prepare(scene), 5)
    with pytest.raises(InputError, match="from 0 to 9"):
        contender(f"rscodec:vec:high@{tiny_weights}")
    with pytest.raises(InputError, match="from 0 to 9"):
        contender(f"rscodec:vec:10@{tiny_weights}")


def enhanced(monkeypatch, takes: str, base, rule) -> Enhanced:
    told = Told(rule)
    told.takes, told.codecs = takes, (base.version.split()[-1],)
    for module in (contenders, enhance):
        monkeypatch.setattr(module, "enhancer_for", lambda model, device="cpu": told)
    return Enhanced("ldm", base)


def test_streams_are_enhanced_at_their_quality(ours, monkeypatch):
    scene = Scene(synthesize((40, 50))[0])
    found = enhanced(monkeypatch, "stream", ours, lambda pixels, quality, seed: quality / 255)
    assert found.name == "ldm:rscodec:vec@tiny" and found.kind == "enhanced" and found.parameters == ours.parameters
    data = found.encode(found.prepare(scene), 5)
    assert data == ours.encode(ours.prepare(scene), 5) and found.parts(data) == ours.parts(data)
    plain = ours.decode(data, scene).astype(int)
    assert np.array_equal(found.decode(data, scene), np.minimum(plain + 5, 255))


def test_the_original_says_which_bands_of_a_stream_are_colours(ours, monkeypatch):
    scene = Scene(synthesize((40, 50), 4)[0], metadata={"descriptions": ["blue", "green", "red", "nir"]})
    red = np.array([5 / 255, 0, 0], np.float32)[:, None, None]
    found = enhanced(monkeypatch, "stream", ours, lambda pixels, quality, seed: red)
    data = found.encode(found.prepare(scene), 5)
    plain = ours.decode(data, scene).astype(int)
    assert [np.array_equal(a, b) for a, b in zip(found.decode(data, scene), plain, strict=True)] == [1, 1, 0, 1]


def test_what_an_anchor_decodes_is_enhanced_where_it_is_valid(scene, monkeypatch):
    base = contender("jpeg2000-klt+8")
    found = enhanced(monkeypatch, "raster", base, lambda pixels, quality, seed: 0.01)
    prepared = found.prepare(scene)
    data = found.encode(prepared, 8)
    plain, changed = base.decode(data, prepared).astype(int), found.decode(data, prepared).astype(int)
    assert (changed - plain)[scene.mask].min() > 0 and np.array_equal(changed[~scene.mask], plain[~scene.mask])


def test_an_enhancer_goes_with_what_it_takes(ours, monkeypatch):
    with pytest.raises(InputError, match="ldm enhances rasters, so not rscodec:vec"):
        enhanced(monkeypatch, "raster", ours, None)


def test_a_codec_that_the_enhancer_was_not_measured_with_is_measured(ours, monkeypatch):
    found = enhanced(monkeypatch, "stream", ours, lambda pixels, quality, seed: 5 / 255)
    contenders.enhancer_for("ldm").codecs = ()
    scene = Scene(synthesize((40, 50))[0])
    data = found.encode(found.prepare(scene), 5)
    assert np.array_equal(found.decode(data, scene), np.minimum(ours.decode(data, scene).astype(int) + 5, 255))


def test_a_codec_of_one_rate_is_measured_once(tiny_weights, monkeypatch):
    codec = contenders.codec_for_encoding("vec", tiny_weights)
    monkeypatch.setattr(codec, "fixed_rate", True, raising=False)
    monkeypatch.setattr(contenders, "codec_for_encoding", lambda name, weights: codec)
    found = contender(f"rscodec:vec@{tiny_weights}")
    assert len(found.parameters) == 1 and "-q" not in found.command
