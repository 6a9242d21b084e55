"""Integer frequency tables of the logistic distribution. Integer arithmetic makes them the same on every machine.

Table i is for a symbol with P(|symbol| >= k) = 2 t / (1 + t), t = h^(2k - 1), where h = g / (1 + g) and
g = 2^(i/3 - 11). Table 0 is the steepest, and each table is about a quarter wider than the one before.

The layout is that of tables.py: the symbols -reach..reach, then the escape for all others. The entries add up to 2^16,
and none is zero.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from rscodec.codec.coder import SymbolCoder

TABLES = 60
THIRDS = (100, 126, 159)  # 2^0, 2^(1/3), 2^(2/3)
FRACTION = 48  # bits of a number below 1
TOTAL = 1 << 16
BEYOND = (4 << FRACTION) // TOTAL  # a table ends where less than this is left on each side
SYMBOL_LIMIT = 2**26  # more than the distance of two values within a range of 2^31, in steps of a float


@cache
def logistic_coder() -> SymbolCoder:
    frequencies, reaches = zip(*(_table(index) for index in range(TABLES)), strict=True)
    return SymbolCoder(np.concatenate(frequencies), np.array(reaches), SYMBOL_LIMIT)


@cache
def symbol_bits() -> list[np.ndarray]:
    """Return the bits that each entry of each table costs. An encoder uses them to choose a table."""
    return [16 - np.log2(_table(index)[0]) for index in range(TABLES)]


def _table(index: int) -> tuple[np.ndarray, int]:
    """Return (frequencies, reach)."""
    one, above = 1 << FRACTION, THIRDS[index % 3] << index // 3
    h = (above << FRACTION) // (above + (THIRDS[0] << 11))
    power = h
    tails: list[int] = []
    while len(tails) < 2 or tails[-1] > BEYOND:
        tails.append((power << FRACTION) // (one + power))
        power = power * (h * h >> FRACTION) >> FRACTION
    reach = len(tails) - 1
    room = TOTAL - (2 * reach + 2)  # each entry gets 1, and its share of the rest
    tails = [tail * room >> FRACTION for tail in tails]
    side = [1 + near - far for near, far in pairwise(tails)]
    escape = 1 + 2 * tails[-1]
    return np.array([*side[::-1], TOTAL - escape - 2 * sum(side), *side, escape]), reach
