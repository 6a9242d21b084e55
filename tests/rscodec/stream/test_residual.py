"""The residual as a coder of integers: the reach, whatever the base, and a reader that takes the same walk."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from rscodec.bitstreams.errors import SymbolsDamaged
from rscodec.codec.logistic import TABLES, TOTAL, logistic_coder, symbol_bits
from rscodec.stream.residual import Range, decode_residual, encode_residual
from rscodec.synthetic.sample import synthesize

WIDE = Range(-(2**30), 2**30)


def blurred(values: np.ndarray) -> np.ndarray:
    """Something like a base: the picture without its details."""
    padded = np.pad(values, ((0, 0), (2, 2), (2, 2)), mode="edge")
    rows, cols = values.shape[1:]
    return sum(padded[:, r : r + rows, c : c + cols] for r in range(5) for c in range(5)) // 25


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return synthesize((70, 61), 4, "uint16")[0].astype(np.int64)


def round_trip(wanted, base, valid=None, reach=1, legal=WIDE):
    valid = np.ones(wanted.shape, bool) if valid is None else valid
    payload, decoded = encode_residual(wanted, base, valid, wanted < (legal.gap or [0])[0], reach, legal)
    assert (decode_residual(payload, base, valid, reach, legal) == decoded).all()
    assert np.abs(decoded - wanted)[valid].max(initial=0) <= reach
    assert (decoded == base)[~valid].all()
    return payload, decoded


@pytest.mark.parametrize("reach", [0, 1, 2, 5, 20, 31, 3000])
def test_nothing_is_further_off_than_the_reach(picture, reach):
    payload, decoded = round_trip(picture, blurred(picture), reach=reach)
    if reach == 5:
        assert np.abs(decoded - picture).max() == 5  # it is used


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (3, 2, 1), (2, 17, 5), (16, 8, 8)])
def test_any_shape(shape):
    rng = np.random.default_rng(3)
    round_trip(rng.integers(0, 2000, shape), rng.integers(0, 2000, shape), reach=2)


def test_a_base_that_is_far_off_costs_bits_only(picture):
    round_trip(picture * 4000, np.zeros_like(picture), reach=0)


def test_fewer_bits_for_a_wider_reach_and_a_better_base(picture):
    sizes = [len(round_trip(picture, blurred(picture), reach=reach)[0]) for reach in (1, 2, 5, 20)]
    assert sizes == sorted(sizes, reverse=True)
    rng = np.random.default_rng(1)
    near = picture + rng.integers(-1, 2, picture.shape)
    assert len(round_trip(picture, near, reach=1)[0]) < sizes[0] / 4


def test_what_is_not_valid_does_not_matter(picture):
    """Neither to the payload nor to what is beside it."""
    valid = np.random.default_rng(2).random(picture.shape) < 0.6
    payload, _ = round_trip(picture, blurred(picture), valid, 2)
    other = np.where(valid, picture, -999)
    assert round_trip(other, blurred(picture), valid, 2)[0] == payload
    assert round_trip(picture, blurred(picture), np.zeros_like(valid), 2)[1].shape == picture.shape


def test_values_stay_in_their_range(picture):
    low, high = int(picture.min()), int(picture.max())
    _, decoded = round_trip(picture, np.clip(blurred(picture), low, high), reach=40, legal=Range(low, high))
    assert decoded.min() >= low and decoded.max() <= high


@pytest.mark.parametrize("reach", [0, 1, 7])
def test_no_value_comes_to_stand_in_the_gap(reach):
    """Values on both sides of it leave it, each to its own side."""
    rng = np.random.default_rng(5)
    wanted = rng.choice(np.array([*range(85, 100), *range(103, 118)]), (2, 40, 40))
    base = rng.integers(90, 112, wanted.shape)
    _, decoded = round_trip(wanted, base, reach=reach, legal=Range(0, 255, (100, 102)))
    assert not ((decoded >= 100) & (decoded <= 102)).any()


def test_a_changed_bit_is_refused_or_gives_other_values(picture):
    base, valid = blurred(picture), np.ones(picture.shape, bool)
    payload, decoded = encode_residual(picture, base, valid, ~valid, 1, WIDE)
    rng, refused = np.random.default_rng(7), 0
    for _ in range(30):
        damaged = bytearray(payload)
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        try:
            found = decode_residual(bytes(damaged), base, valid, 1, WIDE)
        except SymbolsDamaged:
            refused += 1
        else:
            assert found.shape == picture.shape and (found != decoded).any()
    assert 0 < refused < 30


@pytest.mark.parametrize(
    "payload, why",
    [
        (b"", "shorter than any"),
        (bytes(5), "shorter than any"),
        (b"\xff" * 60, "a symbol that no encoder writes"),
        (b"\xff" * 10**6, "longer than any"),
    ],
)
def test_bytes_that_no_encoder_wrote_are_refused(picture, payload, why):
    with pytest.raises(SymbolsDamaged, match=why):
        decode_residual(payload, blurred(picture), np.ones(picture.shape, bool), 1, WIDE)


def test_a_cut_payload_gives_other_values(picture):
    """Their checksum tells; what is missing reads as zeros."""
    base, valid = blurred(picture), np.ones(picture.shape, bool)
    payload, decoded = encode_residual(picture, base, valid, ~valid, 1, WIDE)
    found = decode_residual(payload[: len(payload) // 2], base, valid, 1, WIDE)
    assert (found[0] == decoded[0]).all() and (found[-1] != decoded[-1]).any()


def test_tables_add_up_and_get_wider():
    tables, bits = logistic_coder().tables.each, symbol_bits()
    assert len(bits) == TABLES == len(tables)
    for table in tables:
        assert table[0] == 0 and table[-1] == TOTAL and (np.diff(table) > 0).all()
    centre = [costs[len(costs) // 2 - 1] for costs in bits]
    assert (np.diff(centre) > 0).all() and centre[0] < 0.002 and centre[-1] > 9


def test_tables_are_the_same_for_ever():
    frequencies = np.concatenate([np.diff(table) for table in logistic_coder().tables.each])
    assert zlib.crc32(frequencies.astype("<i4").tobytes()) == 0x12A8E60C
