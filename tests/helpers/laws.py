"""The contract of rscodec/codec/base.py as laws: each takes a loaded codec of any kind and fails where it is broken.

`tests/test_laws.py` holds every row of the registry to them.
"""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import BitstreamError
from rscodec.bitstreams.wire import ARITHMETICS
from rscodec.codec.base import TileCodec

LAWS = []
SIZES = [(1, 1), (1, 3), (5, 2), (8, 8)]  # of tiles, in latents


def law(check):
    LAWS.append(check)
    return check


def pixels(codec: TileCodec, height: int, width: int, count: int = 1) -> np.ndarray:
    """Smooth and rough, and beyond 0..1 in places, as a codec must expect."""
    shape = count, 3, height * codec.stride, width * codec.stride
    rng = np.random.default_rng(height * 100 + width)
    slope = np.linspace(-0.2, 1.1, shape[3], dtype=np.float32)
    return (slope + rng.normal(0, 0.1, shape)).astype(np.float32)


def encoded(codec: TileCodec, height: int, width: int, count: int = 1, quality: float = 4):
    return codec.encode(codec.analyse(pixels(codec, height, width, count), quality), quality)


@law
def it_says_what_it_is(codec: TileCodec) -> None:
    assert isinstance(codec.model, str) and isinstance(codec.portable, bool)
    assert set(codec.weights_hashes) <= set(ARITHMETICS.values()) and codec.arithmetic in codec.weights_hashes
    assert all(isinstance(name, bytes) and len(name) == 8 for name in codec.weights_hashes.values())
    assert codec.channels > 0 and codec.halo >= 0 and codec.latent_dtype.byteorder in "<|="


@law
def shapes_are_as_promised(codec: TileCodec) -> None:
    for height, width in SIZES:
        y = codec.analyse(pixels(codec, height, width, 2), 4)
        assert y.shape == (2, height, width, codec.channels) and np.issubdtype(y.dtype, np.floating)
        found = codec.synthesise(np.zeros(y.shape, codec.latent_dtype), 4)
        assert found.shape == (2, 3, height * codec.stride, width * codec.stride) and found.dtype == np.float32


@law
def what_is_decoded_is_what_was_encoded(codec: TileCodec) -> None:
    for quality in {1, 8} if not codec.fixed_rate else {1}:
        for height, width in SIZES:
            items = encoded(codec, height, width, 3, quality)
            found = codec.decode([payload for payload, _ in items], height, width, quality)
            for (payload, latents), again in zip(items, found, strict=True):
                assert isinstance(payload, bytes) and payload
                assert latents.dtype == again.dtype == codec.latent_dtype
                assert latents.shape == (height, width, codec.channels) and np.array_equal(latents, again)


@law
def a_tile_does_not_depend_on_its_company(codec: TileCodec) -> None:
    """Exactly so for portable codecs; others promise it for what they have encoded themselves, one by one."""
    if not codec.portable:
        return
    items = encoded(codec, 5, 7, 4)
    for order in ([0], [3, 1], [2, 0, 1, 3], [1, 1]):
        found = codec.decode([items[item][0] for item in order], 5, 7, 4)
        assert all(np.array_equal(again, items[item][1]) for item, again in zip(order, found, strict=True))


@law
def pixels_come_back(codec: TileCodec) -> None:
    x = pixels(codec, 8, 8).clip(0, 1)
    ((_, latents),) = codec.encode(codec.analyse(x, 8), 8)
    assert np.abs(codec.synthesise(latents[None], 8) - x).mean() < np.abs(x - x.mean()).mean()


@law
def a_halo_is_enough(codec: TileCodec) -> None:
    """The middle of a field is the same without what lies beyond its halo."""
    halo, stride = codec.halo, codec.stride
    size = 3 + 2 * halo + 2
    ((_, latents),) = encoded(codec, size, size)
    whole = codec.synthesise(latents[None], 4)
    part = codec.synthesise(latents[None, 1:-1, 1:-1], 4)
    middle = slice((1 + halo) * stride, (4 + halo) * stride)
    inner = slice(halo * stride, (3 + halo) * stride)
    assert np.abs(whole[..., middle, middle] - part[..., inner, inner]).max() < 0.1 / 255


@law
def a_part_is_that_of_the_whole(codec: TileCodec) -> None:
    ((_, latents),) = encoded(codec, 8, 9)
    whole, stride = codec.synthesise(latents[None], 4), codec.stride
    for inside in ((slice(0, 8), slice(0, 9)), (slice(2, 7), slice(0, 4)), (slice(0, 1), slice(8, 9))):
        rows, cols = (slice(stride * part.start, stride * part.stop) for part in inside)
        part = codec.synthesise(latents[None], 4, inside)
        assert part.shape == whole[..., rows, cols].shape
        assert np.abs(part - whole[..., rows, cols]).max() < 1e-4


@law
def damage_is_an_error_or_other_latents(codec: TileCodec) -> None:
    ((payload, latents),) = encoded(codec, 6, 6)
    rng = np.random.default_rng(0)
    for number in range(60):
        damaged = bytearray(payload)
        if number % 3 == 0:
            damaged = damaged[: int(rng.integers(0, len(damaged)))]
        elif number % 3 == 1:
            damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
        else:
            damaged = bytearray(rng.bytes(int(rng.integers(1, 2 * len(payload)))))
        try:
            (found,) = codec.decode([bytes(damaged)], 6, 6, 4)
        except BitstreamError:
            continue
        assert found.shape == latents.shape and found.dtype == codec.latent_dtype


@law
def an_empty_payload_is_an_error_and_no_crash(codec: TileCodec) -> None:
    with pytest.raises(BitstreamError):
        codec.decode([b""], 6, 6, 4)
