"""The codec on torch: what it computes, and that torch's own settings do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.codec.portable import PortableCodec
from rscodec.networks.precision import exactly
from rscodec.networks.torch_arrays import TorchArrays


@pytest.fixture(scope="module")
def on_torch(tiny_weights) -> PortableCodec:
    return PortableCodec(tiny_weights, TorchArrays("cpu"))


@pytest.fixture
def y(tiny) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (2, 12, 9, tiny.channels)).astype(np.float32)


def test_both_code_the_same_latents(tiny, on_torch, y):
    coded = tiny.encode(y, 4)
    for quality in (1, 4.5, 8):
        payloads, latents = zip(*tiny.encode(y, quality), strict=True)
        assert np.array_equal(np.stack(on_torch.decode(list(payloads), 12, 9, quality)), np.stack(latents))
    for (payload, latents), (other, found) in zip(coded, on_torch.encode(y, 4), strict=True):
        assert payload == other and np.array_equal(latents, found)


def test_both_draw_the_same_pixels(tiny, on_torch, y):
    latents = np.stack([latents for _, latents in tiny.encode(y, 4)])
    inside = slice(2, 9), slice(0, 5)
    assert np.abs(tiny.synthesise(latents, 4, inside) - on_torch.synthesise(latents, 4, inside)).max() < 1e-5
    close = tiny.synthesise_closely(latents, 4), on_torch.synthesise_closely(latents, 4)
    assert close[0].dtype == close[1].dtype == np.float64 and np.abs(close[0] - close[1]).max() < 1e-12
    pixels = np.random.default_rng(0).random((2, 3, 64, 48), np.float32)
    assert np.abs(tiny.analyse(pixels, 3) - on_torch.analyse(pixels, 3)).max() < 1e-3


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_exact_whatever_precision_the_user_asked_of_torch(on_torch, precision: str):
    y = np.random.default_rng(0).normal(0, 5, (1, 16, 16, on_torch.channels)).astype(np.float32)
    ((payload, expected),) = on_torch.encode(y, 4)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        assert np.array_equal(on_torch.decode([payload], 16, 16, 4)[0], expected)
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="this torch has the older switches only")
def test_exact_after_the_newer_switches_of_torch_were_used():
    switch = torch.backends.cuda.matmul
    before = switch.fp32_precision
    switch.fp32_precision = "tf32"
    try:
        with exactly():
            assert switch.fp32_precision == "ieee"
        assert switch.fp32_precision == "tf32"
    finally:
        switch.fp32_precision = before


def test_autocast_around_the_codec_changes_nothing(on_torch):
    y = np.random.default_rng(0).normal(0, 5, (1, 8, 8, on_torch.channels)).astype(np.float32)
    ((payload, expected),) = on_torch.encode(y, 4)
    pixels = on_torch.synthesise(expected[None], 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert on_torch.encode(y, 4)[0][0] == payload
        assert np.array_equal(on_torch.decode([payload], 8, 8, 4)[0], expected)
        assert np.array_equal(on_torch.synthesise(expected[None], 4), pixels)
