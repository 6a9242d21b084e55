"""Integer frequency tables. They are made once, when a model is exported, and ship with its weights.

Table i has one entry for each symbol from -reach to reach of N(0, scale_of(i)). Its last entry, the escape, stands for
all other symbols; after an escape, the range coder writes the number itself. The frequencies of a table add up to 2^16,
and none is zero. A table is either a Gaussian, or a Gaussian to which counted symbols are added: real symbols are not
exactly normal.
"""

from __future__ import annotations

import math

import numpy as np

from rscodec.codec.entropy import SCALE_MAX, SCALE_MIN, SCALES

PRECISION = 16
TAIL_SIGMAS = 3.9  # An escape costs about 25 bits and happens once in ten thousand symbols.
PRIOR = 200.0  # counted symbols that a Gaussian is worth


def gaussian_frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies (uint16) of all tables, one table after the other, and the reach (int16) of each table."""
    tables, reaches = [], []
    for index in range(SCALES):
        scale = SCALE_MIN * math.exp(index * math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1))
        reach = max(1, math.ceil(TAIL_SIGMAS * scale))
        edges = [0.5 * math.erfc(-(edge - 0.5) / scale * 2**-0.5) for edge in range(-reach, reach + 2)]
        masses = np.diff(edges)
        tables.append(to_frequencies(np.append(masses, max(1 - masses.sum(), 0.0))))
        reaches.append(reach)
    return np.concatenate(tables), np.array(reaches, np.int16)


def counted_frequencies(symbols: np.ndarray, indexes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Like `gaussian_frequencies`, with counted symbols (n,) added, each to the table of its index. Tables are
    symmetric.
    """
    frequencies, reaches = gaussian_frequencies()
    tables = np.split(frequencies, np.cumsum(2 * reaches.astype(int) + 2)[:-1])
    for index, reach in enumerate(reaches.tolist()):
        sizes = np.abs(symbols[indexes == index])
        counts = np.bincount(np.minimum(sizes, reach + 1), minlength=reach + 2)  # of 0..reach, and of escapes
        side = counts[1:-1] / 2
        masses = np.concatenate([side[::-1], counts[:1], side, counts[-1:]]) + PRIOR * (tables[index] / 2**PRECISION)
        tables[index] = to_frequencies(masses / masses.sum())
    return np.concatenate(tables), reaches


def to_frequencies(masses: np.ndarray) -> np.ndarray:
    """Turn probabilities into integers of at least 1 that add up to 2^16. The largest absorbs the rounding."""
    total = 1 << PRECISION
    frequencies = np.maximum(1, np.rint(masses * total)).astype(np.int64)
    frequencies[frequencies.argmax()] += total - frequencies.sum()
    return frequencies.astype(np.uint16)
