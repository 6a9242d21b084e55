"""Which number type fast networks get, and that training and the search work with both."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.codec.base import Aim
from rscodec.networks import precision
from tests.helpers import models


@pytest.fixture
def processor(monkeypatch):
    """A CPU that says of itself what it is told."""

    def says(**capabilities) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
        precision._computes_bfloat16.cache_clear()

    monkeypatch.delenv(precision.OVERRIDE, raising=False)
    yield says
    precision._computes_bfloat16.cache_clear()


@pytest.mark.parametrize(
    "capabilities, expected",
    [
        ({"avx512_bf16": True, "avx2": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, torch.bfloat16),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, torch.bfloat16),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True, "avx512_f": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_bfloat16_only_where_it_is_faster(processor, capabilities, expected):
    processor(**capabilities)
    assert precision.fast_type("cpu") is expected
    with precision.fast("cpu"):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype is expected


def test_a_torch_that_says_nothing_gets_float32(processor, monkeypatch):
    processor()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert precision.fast_type("cpu") is torch.float32


@pytest.mark.parametrize("name", precision.TYPES)
def test_the_environment_overrides_the_processor(monkeypatch, name):
    monkeypatch.setenv(precision.OVERRIDE, name)
    assert precision.fast_type("cpu") is precision.TYPES[name]


def test_another_type_is_refused(monkeypatch):
    monkeypatch.setenv(precision.OVERRIDE, "float16")
    with pytest.raises(InputError, match="float32, bfloat16"):
        precision.fast_type("cpu")


def test_the_choice_is_logged_once(processor, caplog):
    processor(avx512_bf16=True)
    with caplog.at_level(logging.DEBUG, "rscodec"):
        precision.fast_type("cpu")
        precision.fast_type("cpu")
    assert [record.message for record in caplog.records] == ["fast networks run in bfloat16 on this CPU"]


@pytest.fixture(params=list(precision.TYPES))
def each_type(request, monkeypatch) -> torch.dtype:
    """Both branches, on every machine."""
    monkeypatch.setenv(precision.OVERRIDE, request.param)
    return precision.TYPES[request.param]


def test_effort_searches_with_either_type(tiny, each_type):
    pixels = np.random.default_rng(0).random((1, 3, 64, 48), np.float32)
    y, whole = tiny.analyse(pixels, 4), (slice(0, 4), slice(0, 3))
    aim = Aim(pixels[0], np.ones(pixels.shape[2:], np.float32), np.eye(3, dtype=np.float32))
    refined = tiny.refine(y, whole, [aim], 4, 3)
    sizes = [len(tiny.encode(each, 4)[0][0]) for each in (y, refined)]
    assert np.isfinite(refined).all() and not np.array_equal(refined, y) and sizes[1] <= sizes[0]


def test_a_training_step_has_gradients_in_either_type(each_type):
    codec = models.build()
    x = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    with precision.fast("cpu"):
        coded = codec(x, torch.tensor([2.0, 7.0]), torch.Generator().manual_seed(0))
    loss = coded.bits.sum() + (255 * (coded.pixels - x)).square().sum()
    found = torch.autograd.grad(loss, list(codec.parameters()), allow_unused=True)
    assert all(one is not None and one.isfinite().all() for one in found)
