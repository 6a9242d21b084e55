"""Symbols and bytes: what goes in comes out, and nothing that comes in can do harm."""

from __future__ import annotations

import numpy as np
import pytest

from bitstreams.errors import BitstreamError
from rscodec.codec.coder import STATE_BYTES, SYMBOL_LIMIT, SymbolCoder, SymbolsDamaged
from rscodec.codec.entropy import SCALES
from rscodec.codec.tables import gaussian_frequencies

CODER = SymbolCoder(*gaussian_frequencies())


def round_trip(symbols, indexes, pieces: int = 1) -> tuple[bytes, np.ndarray]:
    symbols, indexes = np.array(symbols, np.int32), np.array(indexes, np.int32)
    payload = CODER.encode(symbols, indexes)
    decoder = CODER.decoder(payload, max(1, len(symbols)))
    read = [decoder.read(part) for part in np.array_split(indexes, pieces)]
    decoder.finish()
    return payload, np.concatenate(read)


@pytest.mark.parametrize("pieces", [1, 3, 50])
@pytest.mark.parametrize("count", [2, 3, 17, 5000])
def test_symbols_come_back(count: int, pieces: int):
    rng = np.random.default_rng(count)
    indexes = rng.integers(0, SCALES, count)
    symbols = np.clip(np.rint(rng.normal(0, 1.5 ** (indexes / 8))), -SYMBOL_LIMIT, SYMBOL_LIMIT)
    payload, read = round_trip(symbols, indexes, pieces)
    assert np.array_equal(read, symbols) and len(payload) >= STATE_BYTES


@pytest.mark.parametrize("symbol", [-SYMBOL_LIMIT, -12, -1, 0, 1, 12, SYMBOL_LIMIT])
@pytest.mark.parametrize("index", [1, 30, SCALES - 1])
def test_escapes_and_limits_come_back(symbol: int, index: int):
    assert round_trip([symbol] * 5 + [0], [index] * 6)[1].tolist() == [symbol] * 5 + [0]


def test_an_empty_list_is_no_bytes():
    payload, read = round_trip([], [])
    assert payload == b"" and not len(read)


@pytest.mark.parametrize("symbol", [0, 1, -1, 200, SYMBOL_LIMIT, -SYMBOL_LIMIT])
def test_a_single_symbol_is_two_bytes(symbol: int):
    payload, read = round_trip([symbol], [20])
    assert len(payload) == 2 and read.tolist() == [symbol]


def test_reading_nothing_is_allowed_at_any_time():
    decoder = CODER.decoder(CODER.encode(np.array([3]), np.array([9])), 1)
    none = np.empty(0, np.int32)
    assert not len(decoder.read(none))
    assert decoder.read(np.array([9])).tolist() == [3]
    assert not len(decoder.read(none))
    decoder.finish()


@pytest.mark.parametrize("payload, asked", [(b"", 1), (b"\x02\x00", 2), (b"", 9)])
def test_too_few_symbols(payload: bytes, asked: int):
    with pytest.raises(SymbolsDamaged, match="fewer symbols"):
        CODER.decoder(payload, asked).read(np.full(asked, 20))


def test_too_many_symbols():
    with pytest.raises(SymbolsDamaged, match="more symbols"):
        CODER.decoder(b"\x02\x00", 1).finish()


@pytest.mark.parametrize("payload", [b"\xff\xff", b"\x01", b"\x00\x00\x00", bytes(7)])
def test_a_single_symbol_that_no_encoder_writes(payload: bytes):
    with pytest.raises(SymbolsDamaged, match="no encoder writes"):
        CODER.decoder(payload, 1).read(np.array([20]))


def test_symbols_damaged_is_an_error_of_the_stream():
    assert issubclass(SymbolsDamaged, BitstreamError)


@pytest.mark.parametrize("filling", [b"\x00", b"\xff", b"\x7f", None])
@pytest.mark.parametrize("length", [8, 9, 12, 64, 1000])
def test_bytes_that_no_encoder_wrote_end_in_symbols_or_an_error(length: int, filling: bytes | None):
    payload = filling * length if filling else np.random.default_rng(length).bytes(length)
    indexes = np.tile(np.arange(SCALES, dtype=np.int32), 40)
    try:
        symbols = CODER.decoder(payload, len(indexes)).read(indexes)
    except SymbolsDamaged:
        return
    assert len(symbols) == len(indexes) and np.abs(symbols).max() <= SYMBOL_LIMIT


def test_a_cut_stream_ends_in_symbols_or_an_error():
    rng = np.random.default_rng(0)
    indexes = rng.integers(0, SCALES, 2000)
    payload = CODER.encode(np.rint(rng.normal(0, 2, 2000)).astype(np.int32), indexes)
    for length in (8, len(payload) // 2, len(payload) - 1):
        try:
            assert len(CODER.decoder(payload[:length], 2000).read(indexes)) == 2000
        except SymbolsDamaged:
            pass


def test_tables_that_do_not_fit_their_reaches_are_refused():
    frequencies, reaches = gaussian_frequencies()
    with pytest.raises(ValueError, match="are needed"):
        SymbolCoder(frequencies[:-1], reaches)
