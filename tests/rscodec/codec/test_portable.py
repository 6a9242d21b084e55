"""Weights files: what they must hold, what their hash says, and the codec that comes out of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rscodec.bitstreams.errors import BitstreamError, InexactArithmetic, MissingWeights, WrongWeights
from rscodec.codec.integer import Exact, IntegerLayer
from rscodec.codec.model import Codec, CodecConfig
from rscodec.codec.portable import PortableCodec, exactly, freeze, thaw, write_weights
from rscodec.codec.weights_file import EXACT, read_weights, weights_hashes
from tests.helpers import models


def damaged(tiny_weights, tmp_path, change) -> PortableCodec:
    """The tiny model after change(tensors)."""
    model, config, tensors, _ = read_weights(tiny_weights)
    change(tensors)
    write_weights(tmp_path / "changed.safetensors", model, config, tensors)
    return PortableCodec(tmp_path / "changed.safetensors")


def test_a_file_comes_back(tiny_weights):
    model, config, tensors, _ = read_weights(tiny_weights)
    assert (model, config) == ("vec-1", models.TINY)
    frozen = freeze(models.build())
    assert frozen.keys() == tensors.keys()
    assert all(torch.equal(frozen[key], tensors[key]) for key in frozen)


def test_config_comes_back():
    config = replace(models.TINY, groups=(1, 2, 3))
    assert CodecConfig.from_dict(config.as_dict()) == config


def test_everything_of_the_exact_path_is_stored_as_integers(tiny_weights):
    tensors = read_weights(tiny_weights).tensors
    exact = {key: value for key, value in tensors.items() if key.startswith(EXACT)}
    assert not any(value.is_floating_point() for value in exact.values())
    assert not [key for key in tensors if key.startswith("entropy.") and not key.startswith("entropy.hyper_analysis.")]


def test_no_trainable_layer_is_left_on_the_exact_path(tiny):
    entropy = tiny._net.entropy
    assert not [name for name, layer in entropy.named_modules() if isinstance(layer, IntegerLayer)]
    layers = [layer for layer in entropy.modules() if isinstance(layer, Exact)]
    assert len(layers) == 5 + 8 * len(tiny.config.groups)
    for layer in layers:
        assert torch.equal(layer.weight, layer.weight.round()) and torch.equal(layer.bias, layer.bias.round())


ENCODER_ONLY = ("analysis.", "entropy.hyper_analysis.", "log_gain", "log_trunk_in")


def test_the_hash_is_of_every_tensor_that_a_decoder_reads(tiny_weights):
    tensors = read_weights(tiny_weights).tensors
    before = weights_hashes(tensors)
    assert list(before) == ["integer-2", "integer-1"] and {len(name) for name in before.values()} == {8}
    assert before == weights_hashes(dict(reversed(tensors.items())))
    for key in tensors:
        changed = tensors | {key: tensors[key].clone()}
        changed[key].view(-1)[0] += 1
        after = weights_hashes(changed)
        assert (after["integer-1"] != before["integer-1"]) == key.startswith(EXACT), key
        assert (after["integer-2"] != before["integer-2"]) == (not key.startswith(ENCODER_ONLY)), key


def test_what_the_hash_does_not_cover_changes_no_pixel(tiny, tiny_weights, tmp_path):
    def spoil(tensors):
        for key in tensors:
            if key.startswith(ENCODER_ONLY):
                tensors[key].zero_()

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
            assert torch.equal(again[key], value), key


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


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_exact_whatever_precision_the_user_asked_of_torch(tiny, precision: str):
    y = np.random.default_rng(0).normal(0, 5, (1, 16, 16, tiny.channels)).astype(np.float32)
    ((payload, expected),) = tiny.encode(y, 4)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        assert np.array_equal(tiny.decode([payload], 16, 16, 4)[0], expected)
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="this torch has the older switches only")
def test_exact_after_the_newer_switches_of_torch_were_used(tiny):
    switch = torch.backends.cuda.matmul
    before = switch.fp32_precision
    switch.fp32_precision = "tf32"
    try:
        with exactly():
            assert switch.fp32_precision == "ieee"
        assert switch.fp32_precision == "tf32"
    finally:
        switch.fp32_precision = before


def test_autocast_around_the_codec_changes_nothing(tiny):
    y = np.random.default_rng(0).normal(0, 5, (1, 8, 8, tiny.channels)).astype(np.float32)
    ((payload, expected),) = tiny.encode(y, 4)
    pixels = tiny.synthesise(expected[None], 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert tiny.encode(y, 4)[0][0] == payload
        assert np.array_equal(tiny.decode([payload], 8, 8, 4)[0], expected)
        assert np.array_equal(tiny.synthesise(expected[None], 4), pixels)


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


def test_a_machine_that_rounds_products_is_found_when_weights_are_loaded(tiny_weights, monkeypatch):
    PortableCodec(tiny_weights)
    product = torch.nn.functional.linear

    def rounded(*factors: torch.Tensor) -> torch.Tensor:
        return product(*(factor.bfloat16() for factor in factors)).float()

    monkeypatch.setattr("rscodec.codec.integer.F.linear", rounded)
    with pytest.raises(InexactArithmetic, match="self-test.*not exact here"):
        PortableCodec(tiny_weights)
