"""The range coder: rANS with a state of 64 bits and words of 32, the format of CompressAI's `ans`.

    encode: symbols, table indexes --last to first--> state, words --reversed--> bytes
    decode: bytes --first to last, one pass at a time--> symbols

The state X stays within 2^31..2^63. A symbol of frequency f takes log2(2^16 / f) bits of it. When X would leave this
range, a word is written or read. A symbol outside its table is written as the table's last entry, the escape, then its
count of nibbles, then its nibbles. bitstreams/SPEC.md, "Symbols", is the specification.

`_rans.c` does the same as the Python here, 30 to 40 times faster. It is used if it was built.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

try:
    from rscodec.codec import _rans
except ImportError:  # the extension was not built, because there was no C compiler
    _rans = None  # type: ignore[assignment]

TOTAL_BITS = 16
TOTAL = 1 << TOTAL_BITS  # sum of the frequencies of a table
STATE_BYTES, WORD_BYTES = 8, 4
WORD_BITS = 8 * WORD_BYTES
LOWEST = 1 << 31  # smallest state
NIBBLE_BITS = 4


class Tables:
    """Frequency tables. `frequencies` has one table after the other, each for the symbols -reach..reach and the escape.

    starts: int32, for each entry of each table the sum of the frequencies before it; at the end of each table 2^16.
    firsts: int32 (tables + 1,), where each table begins in `starts`.
    hints:  uint16 (tables, 256), the entry at which the search for a remainder starts, by the remainder's upper byte.
    each:   the starts of each table as a separate array.
    """

    def __init__(self, frequencies: np.ndarray, reaches: np.ndarray):
        lengths = 2 * reaches.astype(np.int64) + 2
        if reaches.min() < 0 or lengths.sum() != len(frequencies):
            raise ValueError(f"tables of {len(frequencies)} entries where {lengths.sum()} are needed")
        tables = np.split(frequencies.astype(np.int64), np.cumsum(lengths)[:-1])
        if frequencies.min() < 1 or any(table.sum() != TOTAL for table in tables):
            raise ValueError(f"frequencies that are not at least 1 and {TOTAL} together")
        self.each = [np.append(0, np.cumsum(table)) for table in tables]
        self.starts = np.concatenate(self.each).astype(np.int32)
        self.firsts = np.append(0, np.cumsum(lengths + 1)).astype(np.int32)
        uppers = np.arange(0, TOTAL, TOTAL // 256)
        self.hints = np.stack([np.searchsorted(one, uppers, "right") - 1 for one in self.each]).astype(np.uint16)
        self._lists = [(one.tolist(), reach) for one, reach in zip(self.each, reaches.tolist(), strict=True)]

    def lists(self, indexes: np.ndarray) -> list[tuple[list[int], int]]:
        """Return (starts, reach) for each index, for plain Python."""
        self.check(indexes)
        return [self._lists[index] for index in indexes.tolist()]

    def check(self, indexes: np.ndarray) -> None:
        if len(indexes) and not 0 <= indexes.min() <= indexes.max() < len(self._lists):
            raise IndexError("an index of a table is out of range")


def encode(symbols: np.ndarray, indexes: np.ndarray, tables: Tables) -> bytes:
    """Turn symbols (n,), each with the index of its table, into bytes."""
    symbols, indexes = _int32(symbols), _int32(indexes)
    if len(symbols) != len(indexes):
        raise ValueError(f"{len(symbols)} symbols and {len(indexes)} indexes")
    if _rans:
        return _rans.encode(symbols, indexes, tables.firsts, tables.starts)
    return _encode(symbols, indexes, tables)


class Decoder:
    """Reads symbols in the order in which they were written. The decoder reads zeros after the end of the payload."""

    def __init__(self, payload: bytes, tables: Tables):
        self._payload, self._tables = payload, tables
        self._state, self._at = int.from_bytes(payload[:STATE_BYTES], "little"), STATE_BYTES

    def read(self, indexes: np.ndarray, limit: int) -> np.ndarray:
        """Return the next symbols (n,) in int32, one for each table index. The array ends before the first symbol with
        |symbol| > limit.
        """
        indexes = _int32(indexes)
        if _rans is None:
            return self._read(indexes, limit)
        tables, symbols = self._tables, np.empty(len(indexes), np.int32)
        count, self._state, self._at = _rans.decode(
            self._payload, self._state, self._at, indexes, symbols, tables.firsts, tables.starts, tables.hints, limit
        )
        return symbols[:count]

    def _read(self, indexes: np.ndarray, limit: int) -> np.ndarray:
        symbols, state = [], self._state
        for starts, reach in self._tables.lists(indexes):
            low = state & TOTAL - 1
            entry = bisect_right(starts, low) - 1
            start = starts[entry]
            state = (starts[entry + 1] - start) * (state >> TOTAL_BITS) + low - start
            if state < LOWEST:
                state = self._filled(state)
            symbol = entry - reach
            if symbol > reach:
                self._state = state
                symbol = self._escaped(reach, limit)
                state = self._state
            symbols.append(symbol)
        self._state, found = state, np.array(symbols, np.int64)
        illegal = np.flatnonzero(np.abs(found) > limit)
        return (found[: illegal[0]] if len(illegal) else found).astype(np.int32)

    def _escaped(self, reach: int, limit: int) -> int:
        """Return the symbol that follows an escape, or one beyond the limit if it has more nibbles than a legal one."""
        count = self._nibble()
        if count > nibbles(limit):
            return limit + 1
        raw = sum(self._nibble() << NIBBLE_BITS * place for place in range(count))
        return -reach - (raw + 1) // 2 if raw % 2 else reach + 1 + raw // 2

    def _nibble(self) -> int:
        low, state = self._state & 15, self._state >> NIBBLE_BITS
        self._state = state if state >= LOWEST else self._filled(state)
        return low

    def _filled(self, state: int) -> int:
        word = int.from_bytes(self._payload[self._at : self._at + WORD_BYTES], "little")
        self._at += WORD_BYTES
        return state << WORD_BITS | word


def nibbles(limit: int) -> int:
    """Return the largest number of nibbles that follow an escape if |symbol| <= limit."""
    return len(f"{2 * limit:x}")


def _int32(values: np.ndarray) -> np.ndarray:
    return np.require(values, np.int32, ["C", "A"])


def _encode(symbols: np.ndarray, indexes: np.ndarray, tables: Tables) -> bytes:
    tables.check(indexes)
    escapes = np.diff(tables.firsts)[indexes] - 2
    entries = symbols.astype(np.int64) + (escapes - 1) // 2
    raws = np.where(entries < 0, -2 * entries - 1, np.where(entries < escapes, -1, 2 * (entries - escapes)))
    places = tables.firsts[indexes] + np.where(raws < 0, entries, escapes)
    starts = tables.starts[places]
    frequencies = tables.starts[places + 1] - starts
    state, words = LOWEST, []

    def put(state: int, frequency: int, start: int, bits: int) -> int:
        if state >= frequency << 63 - bits:
            words.append(state & (1 << WORD_BITS) - 1)
            state >>= WORD_BITS
        quotient, rest = divmod(state, frequency)
        return (quotient << bits) + rest + start

    for frequency, start, raw in zip(*(column[::-1].tolist() for column in (frequencies, starts, raws)), strict=True):
        if raw >= 0:
            count = len(f"{raw:x}") if raw else 0
            for place in reversed(range(count)):
                state = put(state, 1, raw >> NIBBLE_BITS * place & 15, NIBBLE_BITS)
            state = put(state, 1, count, NIBBLE_BITS)
        state = put(state, frequency, start, TOTAL_BITS)
    words += [state >> WORD_BITS, state & (1 << WORD_BITS) - 1]
    return np.array(words[::-1], "<u4").tobytes()
