"""Codes the difference between a tile's base and its original as integers, so that no error exceeds `reach`.

    base b, wanted w: integers (C, h, w)          decoded = b + d,  |decoded - w| <= reach,  step = 2 reach + 1

    for each band, passes over a lattice that gets finer (stride 8, then 4, 2, 1):
        decoded neighbours in this band, the bands before, b       --weights, from the encoder--> prediction p of d
                          how large their corrections were         --------------------------> class
        symbol = round((w - b - p) / step), with the table of its class   d = p + step symbol

All arithmetic is on integers. Encoder and decoder run the same passes. They differ in the source of the symbols and of
the few parameters (weights of each pass, tables of the classes): `_Writer` computes them, `_Reader` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rscodec.bitstreams.errors import SymbolsDamaged
from rscodec.codec.logistic import TABLES, logistic_coder, symbol_bits

STRIDES = (4, 2, 1)
MARGIN = STRIDES[0]  # around an array, so that every pixel has neighbours
BEFORE = 2  # previous bands that predict the next one

VERTICAL, HORIZONTAL = ((-1, 0), (1, 0)), ((0, -1), (0, 1))
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
KNOWN = ((), (DIAGONAL,), (VERTICAL, HORIZONTAL), (VERTICAL, HORIZONTAL, DIAGONAL))  # by kind of pass

# Nearby corrections predict the size of a correction. By kind of pass and number of previous bands: the weights of the
# gradient of the base, of each group of neighbours, and of each previous band (at the pixel, and around it).
ACTIVITY = (
    ((19,), (3, 3, 12), (6, 8, 16, 1, 1)),
    ((6, 22), (2, 15, 2, 3), (3, 19, 2, 1, 1, 0)),
    ((5, 9, 10), (2, 6, 7, 1, 2), (2, 7, 9, 2, 2, 0, 0)),
    ((4, 6, 5, 12), (1, 4, 4, 10, 1, 1), (1, 5, 4, 13, 2, 1, 0, 0)),
)
ACTIVITY_ONE = 128  # the activity at which a correction is about 1
CLASSES = 28
WEIGHT_ONE, WEIGHT_LIMIT = 64, 511
PREDICTED_LIMIT = 2**30  # keeps every symbol within its limit
FEWEST = 256  # pixels of a pass; with fewer, weights cost more than they save, and the prediction is 0
ESCAPE_BITS = 12
WEIGHT_TABLE, STEP_TABLE, SIDE_TABLE = 43, 33, 30


class Range(NamedTuple):
    """Decoded values are clipped to low..high. None may be within `gap` (first, last): values there mean nodata."""

    low: int
    high: int
    gap: tuple[int, int] | None = None


@dataclass(frozen=True)
class Pass:
    """The pixels (`row` + i `every`, `col` + j `every`). Their neighbours are `stride` away."""

    kind: int
    row: int
    col: int
    every: int
    stride: int

    def view(self, padded: np.ndarray, down: int = 0, right: int = 0) -> np.ndarray:
        """These pixels of an array with margins, or their neighbours in one direction."""
        down, right = down * self.stride, right * self.stride
        rows = slice(MARGIN + down + self.row, padded.shape[0] - MARGIN + down, self.every)
        return padded[rows, MARGIN + right + self.col : padded.shape[1] - MARGIN + right : self.every]

    def around(self, padded: np.ndarray, directions: tuple) -> np.ndarray:
        """Four times the mean of the neighbours in these directions."""
        total = sum((self.view(padded, *direction) for direction in directions), np.zeros((), padded.dtype))
        return total * (4 // len(directions))


PASSES = (Pass(0, 0, 0, 2 * STRIDES[0], STRIDES[0]),) + tuple(
    Pass(kind, row * stride, col * stride, 2 * stride, stride)
    for stride in STRIDES
    for kind, (row, col) in enumerate(((1, 1), (1, 0), (0, 1)), 1)
)


@dataclass
class Band:
    """The data of a band, with margins: base, decoded - base, and the corrections of its prediction."""

    base: np.ndarray
    difference: np.ndarray
    amended: np.ndarray


def encode_residual(
    wanted: np.ndarray, base: np.ndarray, valid: np.ndarray, below: np.ndarray, reach: int, legal: Range
) -> tuple[bytes, np.ndarray]:
    """Returns (payload, decoded (C, h, w)). `valid` (bool): values to code; the others decode to the base. `below`
    (bool): values that move below the gap if they fall into it.
    """
    writer = _Writer(wanted, base, below, reach)
    decoded = _walk(writer, base, valid, reach, legal)
    return logistic_coder().encode(*writer.result()), decoded


def decode_residual(payload: bytes, base: np.ndarray, valid: np.ndarray, reach: int, legal: Range) -> np.ndarray:
    return _walk(_Reader(payload, 2 * base.size + 2**12 * len(base)), base, valid, reach, legal)


def _walk(side: _Writer | _Reader, base: np.ndarray, valid: np.ndarray, reach: int, legal: Range) -> np.ndarray:
    step, decoded = 2 * reach + 1, base.copy()
    before: list[Band] = []
    edges = _class_edges(step)
    for number, plane in enumerate(base):
        padded = np.pad(plane, MARGIN, mode="edge")
        band = Band(padded, np.zeros_like(padded), np.zeros_like(padded))
        side.begin(number)
        for lattice in PASSES:
            here = valid[number, lattice.row :: lattice.every, lattice.col :: lattice.every]
            if not here.any():
                continue
            activity = _activity(lattice, band, before)[here]
            features = [feature[here] for feature in _features(lattice, band, before)]
            weighted = features and here.sum() >= FEWEST
            weights = side.weights(features, activity, lattice, here) if weighted else np.empty(0)
            predicted = sum((w * f for w, f in zip(weights, features, strict=False)), np.zeros_like(activity))
            predicted = predicted + 2 * WEIGHT_ONE >> 8
            classes = np.searchsorted(edges, activity, "right")
            difference = predicted + step * side.symbols(predicted, classes, lattice, here)
            ground = lattice.view(band.base)[here]
            difference = np.clip(ground + difference, legal.low, legal.high) - ground
            lattice.view(band.difference)[here] = difference
            lattice.view(band.amended)[here] = np.abs(difference - predicted)
        side.end()
        decoded[number] += band.difference[MARGIN:-MARGIN, MARGIN:-MARGIN]
        before = [band, *before][:BEFORE]
    if legal.gap:
        _leave_gap(side, decoded, valid, legal.gap)
    return decoded


def _features(lattice: Pass, band: Band, before: list[Band]) -> list[np.ndarray]:
    """The inputs of a prediction, in quarters: neighbours, the base around the pixel, and the previous bands."""
    known = KNOWN[lattice.kind]
    found = [lattice.around(band.difference, group) for group in known]
    found += [lattice.around(band.base, group) - 4 * lattice.view(band.base) for group in known]
    for other in before:
        found.append(4 * lattice.view(other.difference))
        found += [lattice.around(other.difference, group) for group in known]
    return found


def _activity(lattice: Pass, band: Band, before: list[Band]) -> np.ndarray:
    middle = lattice.view(band.base)
    terms = [sum(np.abs(lattice.view(band.base, *direction) - middle) for direction in VERTICAL + HORIZONTAL)]
    terms += [lattice.around(band.amended, group) for group in KNOWN[lattice.kind]]
    for other in before:
        terms += [4 * lattice.view(other.amended), lattice.around(other.amended, VERTICAL + HORIZONTAL)]
    return sum(w * term for w, term in zip(ACTIVITY[lattice.kind][len(before)], terms, strict=True))


def _class_edges(step: int) -> np.ndarray:
    """The activities at which the classes begin: from a 64th of a step, growing by factors of the square root of 2."""
    return np.array([(step * (32, 45)[edge % 2] << edge // 2) >> 4 for edge in range(CLASSES - 1)])


def _leave_gap(side: _Writer | _Reader, decoded: np.ndarray, valid: np.ndarray, gap: tuple[int, int]) -> None:
    """Move values out of the gap, to the side that the encoder chose."""
    first, last = gap
    inside = valid & (decoded >= first) & (decoded <= last)
    if inside.any():
        decoded[inside] = np.where(side.sides(inside) == 0, last + 1, first - 1)


class _Writer:
    """Computes symbols and parameters, and stores them in the order in which a reader needs them."""

    def __init__(self, wanted: np.ndarray, base: np.ndarray, below: np.ndarray, reach: int):
        self._below, self._residual, self._reach, self._step = below, wanted - base, reach, 2 * reach + 1
        self._symbols: list[np.ndarray] = []
        self._indexes: list[np.ndarray] = []

    def begin(self, number: int) -> None:
        self._target = self._residual[number]
        self._pieces: list[tuple[np.ndarray, np.ndarray | None]] = []  # symbols and classes; None for weights

    def weights(self, features: list[np.ndarray], activity: np.ndarray, lattice: Pass, here: np.ndarray) -> np.ndarray:
        """The weights of the best linear prediction, fitted mostly where small corrections are expected."""
        certainty = 1 / (activity / ACTIVITY_ONE + 0.3 * self._step)
        known = np.stack(features, 1) / 4 * certainty[:, None]
        products = known.T @ known
        ridge = 1e-4 * np.trace(products) / len(products) + 0.01 * np.square(certainty).sum()
        products[np.diag_indices(len(products))] += ridge
        best = np.linalg.solve(products, known.T @ (certainty * self._aim(lattice, here)))
        weights = np.clip(np.rint(WEIGHT_ONE * best), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int64)
        if np.abs(np.stack(features, 1) @ weights >> 8).max() > PREDICTED_LIMIT:
            weights[:] = 0  # values that are far off have distorted the fit
        self._pieces.append((weights, None))
        return weights

    def symbols(self, predicted: np.ndarray, classes: np.ndarray, lattice: Pass, here: np.ndarray) -> np.ndarray:
        symbols = (self._aim(lattice, here) - predicted + self._reach) // self._step
        self._pieces.append((symbols, classes))
        return symbols

    def sides(self, inside: np.ndarray) -> np.ndarray:
        below = self._below[inside].astype(np.int64)
        self._keep(below, np.full(len(below), SIDE_TABLE))
        return below

    def end(self) -> None:
        """End a band: write its tables, then the pieces in order."""
        coded = [(symbols, classes) for symbols, classes in self._pieces if classes is not None]
        steps = _best_steps(*map(np.concatenate, zip(*coded, strict=True))) if coded else np.zeros(CLASSES, np.int64)
        tables = _tables(steps)
        self._keep(steps, np.full(CLASSES, STEP_TABLE))
        for symbols, classes in self._pieces:
            self._keep(symbols, np.full(len(symbols), WEIGHT_TABLE) if classes is None else tables[classes])

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate(self._symbols), np.concatenate(self._indexes)

    def _aim(self, lattice: Pass, here: np.ndarray) -> np.ndarray:
        return self._target[lattice.row :: lattice.every, lattice.col :: lattice.every][here]

    def _keep(self, symbols: np.ndarray, indexes: np.ndarray) -> None:
        self._symbols.append(symbols)
        self._indexes.append(indexes)


def _best_steps(symbols: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The step of each class: its best table comes 1 + step after that of the class before. Classes that do not occur
    have step 0.
    """
    steps, at = np.zeros(CLASSES, np.int64), 0
    for number in np.unique(classes):
        values, counts = np.unique(symbols[classes == number], return_counts=True)
        costs = [_bits(values, counts, bits) for bits in symbol_bits()]
        steps[number] = int(np.argmin(costs)) - number - at
        at += steps[number]
    return steps


def _bits(values: np.ndarray, counts: np.ndarray, bits: np.ndarray) -> float:
    """Approximate bits of these symbols with a table. An escape is followed by the number itself."""
    reach = len(bits) // 2 - 1
    escapes = np.abs(values) > reach
    return bits[np.where(escapes, -1, values + reach)] @ counts + ESCAPE_BITS * counts[escapes].sum()


def _tables(steps: np.ndarray) -> np.ndarray:
    """The table of each class, from the steps between tables."""
    return np.clip(np.cumsum(steps) + np.arange(CLASSES), 0, TABLES - 1)


class _Reader:
    """Reads what a `_Writer` wrote."""

    def __init__(self, payload: bytes, most_symbols: int):
        self._decoder = logistic_coder().decoder(payload, most_symbols)

    def begin(self, number: int) -> None:
        self._tables = _tables(self._read(CLASSES, STEP_TABLE))

    def weights(self, features: list[np.ndarray], activity: np.ndarray, lattice: Pass, here: np.ndarray) -> np.ndarray:
        weights = self._read(len(features), WEIGHT_TABLE)
        if np.abs(weights).max() > WEIGHT_LIMIT:
            raise SymbolsDamaged("the residual has a weight that no encoder writes")
        return weights

    def symbols(self, predicted: np.ndarray, classes: np.ndarray, lattice: Pass, here: np.ndarray) -> np.ndarray:
        return self._decoder.read(self._tables[classes]).astype(np.int64)

    def sides(self, inside: np.ndarray) -> np.ndarray:
        return self._read(int(inside.sum()), SIDE_TABLE)

    def end(self) -> None:
        pass

    def _read(self, count: int, table: int) -> np.ndarray:
        return self._decoder.read(np.full(count, table)).astype(np.int64)
