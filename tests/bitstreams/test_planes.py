"""The lossless side of a tile: identical back, small where nothing happens, damage named and bounded."""

import zlib

import numpy as np
import pytest

from rscodec.bitstreams.errors import MaskDamaged
from rscodec.bitstreams.planes import decode_planes, encode_planes, planes_crc
from rscodec.bitstreams.wire import DTYPES


def blobs(shape, classes, seed):
    """Connected regions of the given classes."""
    rng = np.random.default_rng(seed)
    field = rng.normal(size=shape).cumsum(-1).cumsum(-2)
    edges = np.quantile(field, np.arange(1, len(classes)) / len(classes))
    return np.array(classes, np.uint8)[np.digitize(field, edges)]


def same(data, classes, exact):
    back = decode_planes(data, len(classes), len(exact), *classes.shape[1:], str(exact.dtype))
    assert back[0].dtype == np.uint8 and back[1].dtype == exact.dtype
    assert back[0].tobytes() == classes.tobytes() and back[1].tobytes() == exact.tobytes()
    assert planes_crc(*back) == planes_crc(classes, exact)


@pytest.mark.parametrize("dtype", DTYPES.values())
@pytest.mark.parametrize(
    "planes, bands, height, width",
    [(0, 1, 5, 7), (1, 0, 1, 1), (1, 1, 33, 65), (12, 0, 17, 9), (12, 4, 8, 8), (2, 14, 64, 1)],
)
def test_round_trip(planes, bands, height, width, dtype):
    classes = np.zeros((planes, height, width), np.uint8)
    for number, plane in enumerate(classes):
        plane[:] = blobs((height, width), [(0, 1), (0, 1, 2, 3), (3,), (1, 2)][number % 4], number)
    bits = np.random.default_rng(3).bytes(bands * height * width * np.dtype(dtype).itemsize)
    exact = np.frombuffer(bits, dtype).reshape(bands, height, width)
    same(encode_planes(classes, exact), classes, exact)


def test_floats_keep_every_bit():
    exact = np.array([[[0.0, -0.0], [np.nan, np.inf]], [[-0.0, 0.0], [0.0, 0.0]]], "float32")
    exact.view(np.uint32)[0, 1, 0] ^= 5  # a NaN with a payload
    classes = np.zeros((0, 2, 2), np.uint8)
    same(encode_planes(classes, exact), classes, exact)


def test_monotony_is_cheap():
    valid, none = np.zeros((3, 512, 512), np.uint8), np.zeros((0, 512, 512), np.uint8)
    opaque = np.full((1, 512, 512), 255, np.uint8)
    cases = (valid, none, 0), (valid[:1] + 1, none, 1), (none, opaque, 2), (valid, opaque, 5)
    for classes, exact, size in cases:
        data = encode_planes(classes, exact)
        assert len(data) == size
        same(data, classes, exact)


def test_a_straight_edge_is_cheap():
    y, x = np.mgrid[:512, :512]
    classes = (0.23 * x + y > 300).astype(np.uint8)[None]
    data = encode_planes(classes, classes[:0])
    assert len(data) < 200
    same(data, classes, classes[:0])


@pytest.mark.parametrize(
    "data, planes, bands",
    [
        (b"", 0, 1),  # a band is missing
        (b"\x01", 0, 0),  # nothing was announced
        (b"\x01", 2, 0),  # too short
        (b"\x00", 1, 0),  # no class
        (b"\x10", 1, 0),  # an unknown class
        (b"\x01\x01", 1, 0),  # something follows
        (b"\x02" * 9, 0, 1),  # an unknown kind of band
        (b"\x03", 1, 0),  # no body
        (b"\x03\x00", 1, 0),
        (b"\x03\x00no zlib", 1, 0),
        (b"\x03\x02" + zlib.compress(bytes(4)), 1, 0),  # an unknown filter
        (b"\x03\x00" + zlib.compress(bytes(3)), 1, 0),
        (b"\x03\x00" + zlib.compress(bytes(5)), 1, 0),
        (b"\x03\x00" + zlib.compress(bytes(2**26), 9), 1, 0),  # a bomb
        (b"\x03\x00" + zlib.compress(bytes(4)) + b"x", 1, 0),
        (b"\x03\x00" + zlib.compress(b"\xff" * 4), 1, 0),  # padding that is not 0
        (b"\x07\x00" + zlib.compress(b"\xf0" * 8), 1, 0),  # a pixel of two classes
    ],
)
def test_damage_is_named(data, planes, bands):
    with pytest.raises(MaskDamaged, match="lossless planes") as caught:
        decode_planes(data, planes, bands, 4, 5, "uint8")
    assert "\n" not in str(caught.value)


def test_a_changed_bit_is_refused_or_gives_planes_of_the_same_shape():
    classes = blobs((30, 21), (0, 1, 3), 5)[None]
    exact = np.random.default_rng(5).integers(0, 9, (1, 30, 21)).astype(np.uint16)
    data = encode_planes(classes, exact)
    rng, refused = np.random.default_rng(6), 0
    for _ in range(2000):
        mutant = bytearray(data)
        mutant[rng.integers(len(mutant))] ^= 1 << int(rng.integers(8))
        try:
            back = decode_planes(bytes(mutant[: rng.integers(1, 2 * len(mutant))]), 1, 1, 30, 21, "uint16")
        except MaskDamaged:
            refused += 1
            continue
        assert back[0].shape == classes.shape and back[0].max() <= 3 and back[1].shape == exact.shape
    assert 1900 < refused < 2000
