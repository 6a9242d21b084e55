"""Weights files: what they must hold, what their hash says, and the codec that comes out of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rscodec.bitstreams.errors import BitstreamError, InexactArithmetic, MissingWeights, WrongWeights
from rscodec.codec.config import CodecConfig
from rscodec.codec.integer import EXACT
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.portable import PortableCodec
from rscodec.codec.weights_file import read_weights, weights_hashes
from rscodec.networks.export import freeze, thaw, write_weights
from rscodec.networks.model import Codec
from tests.helpers import models, sizes


def damaged(tiny_weights, tmp_path, change) -> PortableCodec:
    """The tiny model after change(tensors)."""
    model, config, tensors, _ = read_weights(tiny_weights)
    change(tensors)
    write_weights(tmp_path / "changed.safetensors", model, config, tensors)
    return PortableCodec(tmp_path / "changed.safetensors")


def test_a_file_comes_back(tiny_weights):
    model, config, tensors, _ = read_weights(tiny_weights)
    assert (model, config) == ("vec-1", sizes.TINY)
    frozen = freeze(models.build())
    assert frozen.keys() == tensors.keys()
    for key, value in frozen.items():  # another processor may round a product of float32 differently
        assert np.allclose(value, tensors[key], rtol=1e-3, atol=1 if value.dtype.kind == "i" else 1e-6), key


def test_config_comes_back():
    config = replace(sizes.TINY, groups=(1, 2, 3))
    assert CodecConfig.from_dict(config.as_dict()) == config


def test_everything_of_the_exact_path_is_stored_as_integers(tiny_weights):
    tensors = read_weights(tiny_weights).tensors
    exact = {key: value for key, value in tensors.items() if key.startswith(EXACT)}
    assert not any(value.dtype.kind == "f" for value in exact.values())
    assert not [key for key in tensors if key.startswith("entropy.") and not key.startswith("entropy.hyper_analysis.")]


ENCODER_ONLY = ("analysis.", "entropy.hyper_analysis.", "log_gain", "log_trunk_in")


def test_the_hash_is_of_every_tensor_that_a_decoder_reads(tiny_weights):
    tensors = read_weights(tiny_weights).tensors
    before = weights_hashes(tensors)
    assert list(before) == ["integer-2", "integer-1"] and {len(name) for name in before.values()} == {8}
    assert before == weights_hashes(dict(reversed(tensors.items())))
    for key in tensors:
        changed = tensors | {key: tensors[key].copy()}
        changed[key].reshape(-1)[0] += 1
        after = weights_hashes(changed)
        assert (after["integer-1"] != before["integer-1"]) == key.startswith(EXACT), key
        assert (after["integer-2"] != before["integer-2"]) == (not key.startswith(ENCODER_ONLY)), key


def test_what_the_hash_does_not_cover_changes_no_pixel(tiny, tiny_weights, tmp_path):
    def spoil(tensors):
        for key in tensors:
            if key.startswith(ENCODER_ONLY):
                tensors[key][:] = 0

    y = np.random.default_rng(0).normal(0, 5, (1, 8, 8, tiny.channels)).astype(np.float32)
    ((payload, _),) = tiny.encode(y, 4)
    spoilt = damaged(tiny_weights, tmp_path, spoil)
    assert spoilt.weights_hash == tiny.weights_hash
    latents = np.stack(tiny.decode([payload], 8, 8, 4))
    assert np.array_equal(np.stack(spoilt.decode([payload], 8, 8, 4)), latents)
    assert np.array_equal(spoilt.synthesise(latents, 4), tiny.synthesise(latents, 4))
    assert np.array_equal(spoilt.synthesise_closely(latents, 4), tiny.synthesise_closely(latents, 4))
    assert np.array_equal(spoilt.sketch([payload], 8, 8, 4, 4), tiny.sketch([payload], 8, 8, 4, 4))


def test_the_codec_says_what_it_is(tiny, tiny_weights):
    assert (tiny.model, tiny.channels, tiny.halo, tiny.stride, tiny.portable) == ("vec-1", 36, 2, 16, True)
    assert tiny.weights_hashes == weights_hashes(read_weights(tiny_weights).tensors)
    assert (tiny.arithmetic, tiny.weights_hash) == ("integer-2", tiny.weights_hashes["integer-2"])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingWeights, match="no weights at .*nowhere"):
        PortableCodec(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("content", [b"", b"not weights", bytes(1000)])
def test_a_foreign_file_is_refused(tmp_path, content: bytes):
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(content)
    with pytest.raises(WrongWeights, match="holds no rscodec weights"):
        PortableCodec(path)


@pytest.mark.parametrize(
    "about", [None, {"model": "vec-1"}, {"model": "vec-1", "config": "{"}, {"model": "vec-1", "config": '{"depth": 3}'}]
)
def test_a_file_that_does_not_describe_itself_is_refused(tmp_path, about):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", about)
    with pytest.raises(WrongWeights, match="holds no rscodec weights"):
        PortableCodec(tmp_path / "x.safetensors")


@pytest.mark.parametrize("key", [
    "synthesis.head.weight", "spread", "entropy.hyper_analysis.leave.bias", EXACT + "hyper.first.weight",
    EXACT + "groups.1.mix.shift", EXACT + "levels", EXACT + "frequencies", EXACT + "reaches",
])  # fmt: skip
def test_a_missing_tensor_is_never_replaced_by_chance(tiny_weights, tmp_path, key: str):
    with pytest.raises(WrongWeights, match="does not hold a usable vec-1"):
        damaged(tiny_weights, tmp_path, lambda tensors: tensors.pop(key))


def test_weights_that_break_the_bound_are_refused(tiny_weights, tmp_path):
    def overflow(tensors):
        tensors[EXACT + "groups.0.mix.weight"][:] = 30000

    with pytest.raises(WrongWeights, match="not below 2"):
        damaged(tiny_weights, tmp_path, overflow)


def test_a_warm_start_freezes_to_the_same_codec(tiny_weights):
    _, config, tensors, _ = read_weights(tiny_weights)
    codec = Codec(config)
    thaw(codec, tensors)
    again = freeze(codec)
    assert again.keys() == tensors.keys()
    for key, value in tensors.items():
        if not key.startswith(EXACT):
            assert np.array_equal(again[key], value), key


def test_the_trained_forward_and_the_codec_agree():
    """What training measures is what files contain: fake layers, no noise."""
    torch.manual_seed(0)
    codec = models.build()
    tensors = freeze(codec)
    thaw(codec, tensors)
    codec.set_fake(True)
    assert codec.fake
    x, quality = torch.rand(1, 3, 64, 48), torch.tensor([4.0])
    with torch.no_grad():
        trained = codec.eval()(x, quality)
    assert trained.pixels.shape == x.shape and trained.bits.item() > trained.z_bits.item() > 0


def test_side_information_that_no_encoder_writes(tiny_weights, tmp_path):
    """z^ beyond its limit would leave the range in which the layers are exact."""

    def widen(tensors):
        tensors[EXACT + "z_mu"][:] = 0
        tensors[EXACT + "z_index"][:] = 63

    codec = damaged(tiny_weights, tmp_path, widen)
    symbols = np.full(4 * codec.config.hyper, 200, np.int32)
    payload = codec._coder.encode(symbols, np.full(len(symbols), 63, np.int32))
    with pytest.raises(BitstreamError, match="side information"):
        codec.decode([payload], 8, 8, 4)


def test_a_machine_that_rounds_products_is_found_when_weights_are_loaded(tiny_weights):
    class Rounding(NumpyArrays):
        def exact_product(self, x, layer, extra=None):
            return super().exact_product(x, replace(layer, weight=layer.weight * np.float32(1 + 2**-9)), extra)

    PortableCodec(tiny_weights, NumpyArrays())
    with pytest.raises(InexactArithmetic, match="self-test.*not exact here"):
        PortableCodec(tiny_weights, Rounding())
