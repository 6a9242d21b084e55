"""Turns symbols into bytes and back: which symbols and payloads are legal. The arithmetic is in rans.py.

A payload is one rANS stream of symbols. One that no encoder writes raises SymbolsDamaged or gives other symbols, which
the checksum of the decoded payload then detects.
"""

from __future__ import annotations

import numpy as np

from rscodec.bitstreams.errors import InputError, SymbolsDamaged
from rscodec.codec import rans

SYMBOL_LIMIT = 1500  # of |symbol|; with |mu| < 512 steps every latent then fits 16 bits
STATE_BYTES = rans.STATE_BYTES


def longest(most_symbols: int, limit: int) -> int:
    """Return the size in bytes of the longest payload of this many symbols with |symbol| <= limit."""
    # the escape, the count of its nibbles, its nibbles
    escape_bits = rans.TOTAL_BITS + rans.NIBBLE_BITS * (1 + rans.nibbles(limit))
    return most_symbols * escape_bits // 8 + 2 * STATE_BYTES


class SymbolCoder:
    """Codes symbols with a set of tables. `frequencies` has the tables one after the other, for -reach..reach.

    `limit` is the largest |symbol|. The encoder refuses a larger one, and in a decoder it means damage.
    """

    def __init__(self, frequencies: np.ndarray, reaches: np.ndarray, limit: int = SYMBOL_LIMIT):
        self.tables, self.limit = rans.Tables(frequencies, reaches), limit

    def encode(self, symbols: np.ndarray, indexes: np.ndarray) -> bytes:
        """Turn symbols (n,), each with the index of its table, into bytes."""
        most = max(int(symbols.max(initial=0)), -int(symbols.min(initial=0)))
        if most > self.limit:
            raise InputError(
                f"a pixel is too far from what is expected of it: {most} steps, above the limit of "
                f"{self.limit}; if the scene has a value for missing data, set `nodata` to it"
            )
        return rans.encode(symbols, indexes, self.tables)

    def decoder(self, payload: bytes, most_symbols: int) -> SymbolDecoder:
        """Return a decoder that reads the symbols of one payload, at most `most_symbols`."""
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
        """Return the next symbols, one for each table index."""
        symbols = self._stream.read(indexes, self._limit)
        if len(symbols) < len(indexes):
            raise SymbolsDamaged("the payload holds a symbol that no encoder writes")
        return symbols
