"""Symbols and bytes: what goes in comes out, and nothing that comes in can do harm."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import BitstreamError, InputError, SymbolsDamaged
from rscodec.codec.coder import STATE_BYTES, SYMBOL_LIMIT, SymbolCoder
from rscodec.codec.entropy import SCALES
from rscodec.codec.tables import gaussian_frequencies

pytestmark = pytest.mark.usefixtures("range_coder")
CODER = SymbolCoder(*gaussian_frequencies())


def round_trip(symbols, indexes, pieces: int = 1) -> tuple[bytes, np.ndarray]:
    symbols, indexes = np.array(symbols, np.int32), np.array(indexes, np.int32)
    payload = CODER.encode(symbols, indexes)
    decoder = CODER.decoder(payload, max(1, len(symbols)))
    read = [decoder.read(part) for part in np.array_split(indexes, pieces)]
    return payload, np.concatenate(read)


@pytest.mark.parametrize("pieces", [1, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 17, 5000])
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


def test_reading_nothing_is_allowed_at_any_time():
    decoder = CODER.decoder(CODER.encode(np.array([3, -1]), np.array([9, 9])), 2)
    none = np.empty(0, np.int32)
    assert not len(decoder.read(none))
    assert decoder.read(np.array([9])).tolist() == [3]
    assert not len(decoder.read(none))
    assert decoder.read(np.array([9])).tolist() == [-1]


@pytest.mark.parametrize("payload", [b"", b"\x02\x00", bytes(STATE_BYTES - 1)])
def test_a_payload_without_a_whole_state_is_damaged(payload: bytes):
    with pytest.raises(SymbolsDamaged, match="shorter than any"):
        CODER.decoder(payload, 2)


def test_the_longest_payload_is_legal_and_a_longer_one_is_refused():
    """Nothing costs more than an escape to the limit."""
    rarest = int(np.argmin(gaussian_frequencies()[1]))
    for count in (2, 3, 1000):
        payload, read = round_trip([-SYMBOL_LIMIT] * count, [rarest] * count)
        assert read.tolist() == [-SYMBOL_LIMIT] * count and 4 * count - 8 < len(payload) <= 4 * count + 2 * STATE_BYTES
    with pytest.raises(SymbolsDamaged, match="longer than any"):
        CODER.decoder(bytes(4 * 1000 + 2 * STATE_BYTES + 1), 1000)


def test_symbols_damaged_is_an_error_of_the_stream():
    assert issubclass(SymbolsDamaged, BitstreamError)


def noise(length: int) -> bytes:
    return np.random.default_rng(length).bytes(length)


LENGTHS = (8, 9, 12, 64, 1000)
LEGAL = [*map(noise, LENGTHS[:-1]), *(filling * length for filling in (b"\x00", b"\x7f") for length in LENGTHS)]
ILLEGAL = [noise(LENGTHS[-1]), *(b"\xff" * length for length in LENGTHS)]


@pytest.mark.parametrize("payload", LEGAL)
def test_bytes_that_no_encoder_wrote_read_as_legal_symbols(payload: bytes):
    indexes = np.tile(np.arange(SCALES, dtype=np.int32), 40)
    symbols = CODER.decoder(payload, len(indexes)).read(indexes)
    assert len(symbols) == len(indexes) and 0 < np.abs(symbols).max() <= SYMBOL_LIMIT


@pytest.mark.parametrize("payload", ILLEGAL)
def test_bytes_that_read_as_an_illegal_symbol_are_refused(payload: bytes):
    indexes = np.tile(np.arange(SCALES, dtype=np.int32), 40)
    with pytest.raises(SymbolsDamaged, match="a symbol that no encoder writes"):
        CODER.decoder(payload, len(indexes)).read(indexes)


def test_a_cut_payload_reads_as_its_symbols_up_to_the_cut_and_as_others_behind():
    rng = np.random.default_rng(0)
    indexes = rng.integers(0, SCALES, 2000)
    symbols = np.rint(rng.normal(0, 2, 2000)).astype(np.int32)
    payload = CODER.encode(symbols, indexes)
    for length in (8, len(payload) // 2, len(payload) - 1):
        found = CODER.decoder(payload[:length], 2000).read(indexes)
        wrong = np.flatnonzero(found != symbols)
        assert len(found) == 2000 and len(wrong)
        assert wrong[0] / 2000 > length / len(payload) - 0.05


def test_tables_that_do_not_fit_their_reaches_are_refused():
    frequencies, reaches = gaussian_frequencies()
    with pytest.raises(ValueError, match="are needed"):
        SymbolCoder(frequencies[:-1], reaches)


@pytest.mark.parametrize("symbol", [SYMBOL_LIMIT + 1, -SYMBOL_LIMIT - 1, 2**31 - 1, -(2**31), 2**40])
def test_symbols_that_no_decoder_takes_are_not_written(symbol: int):
    with pytest.raises(InputError, match="too far"):
        CODER.encode(np.array([0, symbol, 0]), np.array([9, 9, 9]))
