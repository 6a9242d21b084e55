"""Frequency tables: legal for the range coder, and close to the Gaussians they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rscodec.codec.entropy import SCALES, scale_of
from rscodec.codec.tables import PRECISION, counted_frequencies, gaussian_frequencies, to_frequencies

FREQUENCIES, REACHES = gaussian_frequencies()
TABLES = np.split(FREQUENCIES.astype(np.int64), np.cumsum(2 * REACHES.astype(int) + 2)[:-1])


def test_every_table_adds_up_and_has_no_zero():
    assert len(TABLES) == SCALES
    for table in TABLES:
        assert table.sum() == 1 << PRECISION and table.min() >= 1


@pytest.mark.parametrize("index", range(0, SCALES, 7))
def test_a_table_is_a_gaussian(index: int):
    table, reach = TABLES[index] / (1 << PRECISION), int(REACHES[index])
    scale = float(scale_of(np.array(index)))
    symbols = np.arange(-reach, reach + 1)
    assert np.abs(table[:-1] - table[-2::-1]).max() < 0.003  # the largest takes up what rounding left
    below = [0.5 * math.erfc(-(symbol + 0.5) / scale / math.sqrt(2)) for symbol in symbols]
    assert np.abs(np.cumsum(table[:-1]) + table[-1] / 2 - below).max() < 0.002
    assert table[-1] < 0.001  # escapes are rare


def test_impossible_symbols_still_get_a_frequency():
    assert to_frequencies(np.array([1.0, 0.0, 0.0])).tolist() == [65534, 1, 1]


def test_counted_symbols_change_their_table_only():
    rng = np.random.default_rng(0)
    index = 33
    symbols = np.rint(rng.laplace(0, 2.0, 40_000)).astype(np.int32)
    frequencies, reaches = counted_frequencies(symbols, np.full(len(symbols), index))
    assert np.array_equal(reaches, REACHES)
    tables = np.split(frequencies.astype(np.int64), np.cumsum(2 * reaches.astype(int) + 2)[:-1])
    changed = [number for number, (a, b) in enumerate(zip(tables, TABLES, strict=True)) if not np.array_equal(a, b)]
    assert changed == [index]
    table, reach = tables[index], int(reaches[index])
    assert table.sum() == 1 << PRECISION and table.min() >= 1 and np.array_equal(table[:-1], table[-2::-1])

    def bits(one: np.ndarray) -> float:
        places = np.where(np.abs(symbols) > reach, 2 * reach + 1, symbols + reach)
        return -np.log2(one[places] / (1 << PRECISION)).mean()

    mean = np.abs(symbols).mean()
    assert bits(table) < bits(TABLES[index]) and 1.5 < mean < 2.5
