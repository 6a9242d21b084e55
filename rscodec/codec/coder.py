"""Symbols <-> bytes: which symbols and payloads are legal. The arithmetic is in rans.py.

One stream holds all symbols of a tile. A payload that no encoder writes ends in SymbolsDamaged or in other symbols,
which the checksum of the decoded latents then reveals.
"""

from __future__ import annotations

import numpy as np

from rscodec.bitstreams.errors import InputError, SymbolsDamaged
from rscodec.codec import rans

SYMBOL_LIMIT = 1500  # |symbol|; with |mu| < 512 steps every latent then fits 16 bits
STATE_BYTES = rans.STATE_BYTES


def longest(most_symbols: int, limit: int) -> int:
    """Bytes of the longest payload of so many symbols, each of at most `limit` either way."""
    escape_bits = rans.TOTAL_BITS + rans.NIBBLE_BITS * (1 + rans.nibbles(limit))  # the escape, its count, its nibbles
    return most_symbols * escape_bits // 8 + 2 * STATE_BYTES


class SymbolCoder:
    """Codes symbols with a set of tables: `frequencies`, table after table, of the symbols -reach..reach.

    `limit`: of |symbol|; what is beyond is not written, and was damaged where it is read.
    """

    def __init__(self, frequencies: np.ndarray, reaches: np.ndarray, limit: int = SYMBOL_LIMIT):
        self.tables, self.limit = rans.Tables(frequencies, reaches), limit

    def encode(self, symbols: np.ndarray, indexes: np.ndarray) -> bytes:
        """Symbols (n,) with the index of each one's table -> bytes."""
        most = max(int(symbols.max(initial=0)), -int(symbols.min(initial=0)))
        if most > self.limit:
            raise InputError(
                f"a pixel is too far from what is expected of it: {most} steps, above the limit of "
                f"{self.limit}; if the scene has a value for missing data, set `nodata` to it"
            )
        return rans.encode(symbols, indexes, self.tables)

    def decoder(self, payload: bytes, most_symbols: int) -> SymbolDecoder:
        """Something to read the symbols of one payload from, at most so many of them."""
        return SymbolDecoder(self, payload, most_symbols)


class SymbolDecoder:
    """Reads symbols in the order in which they were written."""

    def __init__(self, coder: SymbolCoder, payload: bytes, most_symbols: int):
        if len(payload) < STATE_BYTES:
            raise SymbolsDamaged("the payload is shorter than any that an encoder writes")
        if len(payload) > longest(most_symbols, coder.limit):
            raise SymbolsDamaged("the payload is longer than any that an encoder writes")
        self._limit, self._stream = coder.limit, rans.Decoder(payload, coder.tables)

    def read(self, indexes: np.ndarray) -> np.ndarray:
        """The next symbols, one for each table index."""
        symbols = self._stream.read(indexes, self._limit)
        if len(symbols) < len(indexes):
            raise SymbolsDamaged("the payload holds a symbol that no encoder writes")
        return symbols
