"""What a tile's base lacks of its original, as integers: coded so that no value is off by more than a reach.

    base b, wanted w: integers (C, h, w)          decoded = b + d,  |decoded - w| <= reach,  step = 2 reach + 1

    band by band, each in passes over a lattice that gets finer (stride 8, then 4, 2, 1):
        neighbours of this band that are decoded, the bands before, b  --weights, from the encoder--> prediction p of d
                          how much these needed to be put right        --------------------------> class
        symbol = round((w - b - p) / step), with the table of its class   d = p + step symbol

All of it is arithmetic on integers. Encoder and decoder take the same walk; they differ in where the symbols and the
few parameters (weights of each pass, tables of the classes) come from: `_Writer` finds them, `_Reader` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rscodec.bitstreams.errors import SymbolsDamaged
from rscodec.codec.logistic import TABLES, logistic_coder, symbol_bits

STRIDES = (4, 2, 1)
MARGIN = STRIDES[0]  # around an array, so that every pixel has neighbours
BEFORE = 2  # bands that help the next one

VERTICAL, HORIZONTAL = ((-1, 0), (1, 0)), ((0, -1), (0, 1))
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
KNOWN = ((), (DIAGONAL,), (VERTICAL, HORIZONTAL), (VERTICAL, HORIZONTAL, DIAGONAL))  # by kind of pass

# What was put right nearby, as a measure of what will be: by kind of pass and number of bands before, the weights of
# the gradient of the base, of each group of neighbours, and of each band before (at the pixel, and around it).
ACTIVITY = (
    ((19,), (3, 3, 12), (6, 8, 16, 1, 1)),
    ((6, 22), (2, 15, 2, 3), (3, 19, 2, 1, 1, 0)),
    ((5, 9, 10), (2, 6, 7, 1, 2), (2, 7, 9, 2, 2, 0, 0)),
    ((4, 6, 5, 12), (1, 4, 4, 10, 1, 1), (1, 5, 4, 13, 2, 1, 0, 0)),
)
ACTIVITY_ONE = 128  # about the activity at which a value is put right by 1
CLASSES = 28
WEIGHT_ONE, WEIGHT_LIMIT = 64, 511
PREDICTED_LIMIT = 2**30  # with which every symbol stays within its limit
FEWEST = 256  # pixels of a pass that are worth weights of their own; others are predicted as 0
ESCAPE_BITS = 12
WEIGHT_TABLE, STEP_TABLE, SIDE_TABLE = 43, 33, 30


class Range(NamedTuple):
    """Decoded values are clipped to low..high; none may be within gap (first, last), which stands for "no value"."""

    low: int
    high: int
    gap: tuple[int, int] | None = None


@dataclass(frozen=True)
class Pass:
    """The pixels `row` + i `every`, `col` + j `every`, whose neighbours are `stride` away."""

    kind: int
    row: int
    col: int
    every: int
    stride: int

    def view(self, padded: np.ndarray, down: int = 0, right: int = 0) -> np.ndarray:
        """These pixels of an array with margins, or their neighbours in some direction."""
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
    """What is known of a band, with margins: base, decoded - base, and by how much its prediction was put right."""

    base: np.ndarray
    difference: np.ndarray
    amended: np.ndarray


def encode_residual(
    wanted: np.ndarray, base: np.ndarray, valid: np.ndarray, below: np.ndarray, reach: int, legal: Range
) -> tuple[bytes, np.ndarray]:
    """-> (payload, decoded (C, h, w)). `valid`, bool, says which values matter; the others come back as the base.
    `below`, bool: which go below the gap if they come to stand in it.
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
    """What a difference is predicted from, in quarters: neighbours, the base around, and the bands before."""
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
    """Where the activity enters the next class: from a 64th of a step on, by half doublings."""
    return np.array([(step * (32, 45)[edge % 2] << edge // 2) >> 4 for edge in range(CLASSES - 1)])


def _leave_gap(side: _Writer | _Reader, decoded: np.ndarray, valid: np.ndarray, gap: tuple[int, int]) -> None:
    """Values that came to stand in the gap leave it, to the side that the encoder says."""
    first, last = gap
    inside = valid & (decoded >= first) & (decoded <= last)
    if inside.any():
        decoded[inside] = np.where(side.sides(inside) == 0, last + 1, first - 1)


class _Writer:
    """Finds symbols and parameters, and keeps them in the order in which a reader wants them."""

    def __init__(self, wanted: np.ndarray, base: np.ndarray, below: np.ndarray, reach: int):
        self._below, self._residual, self._reach, self._step = below, wanted - base, reach, 2 * reach + 1
        self._symbols: list[np.ndarray] = []
        self._indexes: list[np.ndarray] = []

    def begin(self, number: int) -> None:
        self._target = self._residual[number]
        self._pieces: list[tuple[np.ndarray, np.ndarray | None]] = []  # symbols and classes; None for weights

    def weights(self, features: list[np.ndarray], activity: np.ndarray, lattice: Pass, here: np.ndarray) -> np.ndarray:
        """The linear prediction of what is wanted that is best where little is expected to be put right."""
        certainty = 1 / (activity / ACTIVITY_ONE + 0.3 * self._step)
        known = np.stack(features, 1) / 4 * certainty[:, None]
        products = known.T @ known
        ridge = 1e-4 * np.trace(products) / len(products) + 0.01 * np.square(certainty).sum()
        products[np.diag_indices(len(products))] += ridge
        best = np.linalg.solve(products, known.T @ (certainty * self._aim(lattice, here)))
        weights = np.clip(np.rint(WEIGHT_ONE * best), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int64)
        if np.abs(np.stack(features, 1) @ weights >> 8).max() > PREDICTED_LIMIT:
            weights[:] = 0  # it would be led astray by values that are far off
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
        """A band is complete: its tables go first, then the pieces in their order."""
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
    """From each class to the next one's best table; classes that do not occur go on as expected."""
    steps, at = np.zeros(CLASSES, np.int64), 0
    for number in np.unique(classes):
        values, counts = np.unique(symbols[classes == number], return_counts=True)
        costs = [_bits(values, counts, bits) for bits in symbol_bits()]
        steps[number] = int(np.argmin(costs)) - number - at
        at += steps[number]
    return steps


def _bits(values: np.ndarray, counts: np.ndarray, bits: np.ndarray) -> float:
    """About what a table makes of these symbols; an escape is followed by the number itself."""
    reach = len(bits) // 2 - 1
    escapes = np.abs(values) > reach
    return bits[np.where(escapes, -1, values + reach)] @ counts + ESCAPE_BITS * counts[escapes].sum()


def _tables(steps: np.ndarray) -> np.ndarray:
    """The table of each class, from the steps between them."""
    return np.clip(np.cumsum(steps) + np.arange(CLASSES), 0, TABLES - 1)


class _Reader:
    """Reads what a `_Writer` found."""

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
