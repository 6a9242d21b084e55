"""Symbols <-> bytes, on CompressAI's range coder. The only file that touches it.

One stream holds all symbols of a tile. The coder is fragile where nobody guards it, so it is guarded here:
- it fails on an empty list and corrupts memory on a list of one: such lists are refused (models code every symbol of
  z, so that no tile has so few);
- it reads on past the end of a damaged stream: the stream is given a tail of zeros longer than any such reading, and
  one that is longer than its symbols can be is refused, so that nobody makes this tail as long as he likes;
- it never ends on a symbol of more than 27 bits: what is beyond a limit is refused;
- it converts its tables at every call: they are kept as lists, and cut behind the last that the call needs.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from importlib.machinery import PathFinder

import numpy as np

from rscodec.bitstreams.errors import InputError, SymbolsDamaged

SYMBOL_LIMIT = 1500  # |symbol|; with |mu| < 512 steps every latent then fits 16 bits
STATE_BYTES = 8
TOTAL = 2**16  # of the frequencies of a table
# A hostile stream can make one escape of its n nibbles read 15 n more, 15 bytes for each of its own: of a state of 0 a
# nibble costs a word, each of the n (a word of 15) too; of any other a word lasts for eight nibbles, now and later.
# What begins behind the end finds zeros there: about two words for a symbol.
GUARD_PER_BYTE, GUARD_PER_SYMBOL, GUARD = 16, 8, 1024


def guarded(payload: bytes, most_symbols: int, limit: int) -> bytes:
    """A payload of at most so many symbols, each of at most `limit` either way, made safe for the range coder."""
    escape_bits = 16 + 4 + 4 * len(f"{2 * limit:x}")  # as a symbol, its count of nibbles, the nibbles
    if len(payload) > most_symbols * escape_bits // 8 + 2 * STATE_BYTES:
        raise SymbolsDamaged("the payload is longer than any that an encoder writes")
    return payload + bytes(GUARD_PER_BYTE * len(payload) + GUARD_PER_SYMBOL * most_symbols + GUARD)


class SymbolCoder:
    """Codes symbols with a set of tables: `frequencies`, table after table, of the symbols -reach..reach.

    `limit`: of |symbol|; what is beyond is not written, and was damaged where it is read.
    """

    def __init__(self, frequencies: np.ndarray, reaches: np.ndarray, limit: int = SYMBOL_LIMIT):
        self.limit = limit
        lengths = 2 * reaches.astype(np.int64) + 2
        if reaches.min() < 0 or lengths.sum() != len(frequencies):
            raise ValueError(f"tables of {len(frequencies)} entries where {lengths.sum()} are needed")
        tables = np.split(frequencies.astype(np.int64), np.cumsum(lengths)[:-1])
        if frequencies.min() < 1 or any(table.sum() != TOTAL for table in tables):
            raise ValueError(f"frequencies that are not at least 1 and {TOTAL} together")
        self._tables = [[0, *np.cumsum(table).tolist()] for table in tables]
        self._sizes = [len(table) for table in self._tables]
        self._offsets = (-reaches.astype(np.int64)).tolist()

    def encode(self, symbols: np.ndarray, indexes: np.ndarray) -> bytes:
        """Symbols (n,), two at least, with the index of each one's table -> bytes."""
        if len(symbols) < 2:
            raise ValueError(f"the range coder cannot write {len(symbols)} symbols")
        most = max(int(symbols.max()), -int(symbols.min()))
        if most > self.limit:
            raise InputError(f"a pixel is too far from what is expected of it: {most} steps, above the limit of "
                             f"{self.limit}; if the scene has a value for missing data, name it with --nodata")
        tables = self._up_to(int(indexes.max()))
        return _ans().RansEncoder().encode_with_indexes(symbols.tolist(), indexes.tolist(), *tables)

    def decoder(self, payload: bytes, most_symbols: int) -> SymbolDecoder:
        """Something to read the symbols of one payload from, at most so many of them."""
        return SymbolDecoder(self, payload, most_symbols)

    def _up_to(self, index: int) -> tuple[list, list, list]:
        return self._tables[: index + 1], self._sizes[: index + 1], self._offsets[: index + 1]


class SymbolDecoder:
    """Reads symbols in the order in which they were written."""

    def __init__(self, coder: SymbolCoder, payload: bytes, most_symbols: int):
        if len(payload) < STATE_BYTES:
            raise SymbolsDamaged("the payload is shorter than any that an encoder writes")
        self._coder = coder
        self._stream = _ans().RansDecoder()
        self._stream.set_stream(guarded(payload, most_symbols, coder.limit))

    def read(self, indexes: np.ndarray) -> np.ndarray:
        """The next symbols, one for each table index."""
        if not len(indexes):
            return np.empty(0, np.int32)
        values = self._stream.decode_stream(indexes.tolist(), *self._coder._up_to(int(indexes.max())))
        symbols = np.array(values, np.int64)
        if np.abs(symbols).max() > self._coder.limit:
            raise SymbolsDamaged("the payload holds a symbol that no encoder writes")
        return symbols.astype(np.int32)


@cache
def _ans():
    """CompressAI's coder alone: importing the package around it takes seconds, for models that nobody asked for."""
    package = importlib.util.find_spec("compressai")
    spec = package and PathFinder.find_spec("compressai.ans", package.submodule_search_locations)
    if spec is None:
        raise InputError("the range coder of CompressAI is not installed; run pip install compressai")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
