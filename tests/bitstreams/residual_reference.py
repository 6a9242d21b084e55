"""A second decoder of residuals, written from SPEC.md, "Residual": pixel by pixel, in Python integers.

    payload, v (C, h, w) float64 --> values (C, h, w)

It takes v from the codec: what the synthesis makes is a matter of floating point, what the residual adds is not.
"""

from __future__ import annotations

import math

import numpy as np

from tests.bitstreams.reference import Rans

EIGHT = [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
GROUPS = {0: [], 1: [EIGHT[4:]], 2: [EIGHT[:2], EIGHT[2:4]], 3: [EIGHT[:2], EIGHT[2:4], EIGHT[4:]]}
ACTIVITY = {
    0: [[19], [3, 3, 12], [6, 8, 16, 1, 1]],
    1: [[6, 22], [2, 15, 2, 3], [3, 19, 2, 1, 1, 0]],
    2: [[5, 9, 10], [2, 6, 7, 1, 2], [2, 7, 9, 2, 2, 0, 0]],
    3: [[4, 6, 5, 12], [1, 4, 4, 10, 1, 1], [1, 5, 4, 13, 2, 1, 0, 0]],
}


def tables() -> list[np.ndarray]:
    """Where each entry of each table starts."""
    made = []
    for i in range(60):
        g = [100, 126, 159][i % 3] << i // 3
        h = (g << 48) // (g + 204800)
        t, tails = h, []
        while len(tails) < 2 or tails[-1] > 1 << 34:
            tails.append((t << 48) // ((1 << 48) + t))
            t = t * (h * h >> 48) >> 48
        reach = len(tails) - 1
        u = [(65536 - 2 * reach - 2) * tail >> 48 for tail in tails]
        side = [1 + u[j] - u[j + 1] for j in range(reach)]
        rest = 65536 - 2 * sum(side) - 1 - 2 * u[reach]
        made.append(np.cumsum([0, *reversed(side), rest, *side, 1 + 2 * u[reach]]))
    return made


class Plane:
    """b, d and amendments of one band."""

    def __init__(self, b: np.ndarray):
        self.b = b.tolist()
        self.height, self.width = b.shape
        self.d = [[0] * self.width for _ in self.b]
        self.amended = [[0] * self.width for _ in self.b]

    def base(self, r: int, c: int) -> int:
        return self.b[min(max(r, 0), self.height - 1)][min(max(c, 0), self.width - 1)]

    def at(self, grid: list, r: int, c: int) -> int:
        return grid[r][c] if 0 <= r < self.height and 0 <= c < self.width else 0


def decode(payload: bytes, v: np.ndarray, valid: np.ndarray, largest: float, dtype: str, nodata: float | None):
    """(values, whether the payload is used up)."""
    whole = np.issubdtype(dtype, np.integer)
    unit, reach = (1.0, int(largest)) if whole else (largest / 32, 31)
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if whole else (-(2**30), 2**30)
    gap = None
    if nodata is not None:
        margin = 0 if whole else 4 * 2**-23 * abs(nodata)
        first, last = math.floor((nodata - margin) / unit), math.ceil((nodata + margin) / unit)
        if first <= low <= last:
            low = last + 1
        elif first <= high <= last:
            high = first - 1
        elif low < first and last < high:
            gap = first, last
    if not payload:
        return np.clip(np.floor(v / unit + 0.5), low, high).astype(int), True
    rans, bands = Rans(payload[len(v) :], tables()), []
    for band in range(len(v)):
        base = np.floor(v[band] / unit + 0.5 + payload[band] / 256)
        plane = Plane(np.clip(base, low, high).astype(int))
        _band(rans, plane, bands[::-1][:2], valid[band], 2 * reach + 1, low, high)
        bands.append(plane)
    values = np.array([np.array(plane.b) + np.array(plane.d) for plane in bands])
    for place in np.argwhere(valid) if gap else ():
        if gap[0] <= values[tuple(place)] <= gap[1]:
            values[tuple(place)] = gap[0] - 1 if rans.symbol(30) else gap[1] + 1
    return values, rans.used_up


def _band(rans: Rans, own: Plane, before: list[Plane], valid: np.ndarray, step: int, low: int, high: int) -> None:
    total, table = 0, []
    for number in range(28):
        total += rans.symbol(33)
        table.append(min(max(number + total, 0), 59))
    edges = [step * (45 if k % 2 else 32) * 2 ** (k // 2) // 16 for k in range(27)]
    passes = [(0, 0, 0, 8, 4)]
    for s in (4, 2, 1):
        passes += [(1, s, s, 2 * s, s), (2, s, 0, 2 * s, s), (3, 0, s, 2 * s, s)]
    for kind, row, col, every, s in passes:
        places = [(r, c) for r in range(row, own.height, every) for c in range(col, own.width, every) if valid[r, c]]
        groups = [[(s * r, s * c) for r, c in group] for group in GROUPS[kind]]
        count = 2 * len(groups) + len(before) * (1 + len(groups))
        weights = [rans.symbol(43) for _ in range(count)] if len(places) >= 256 else []

        def mean4(grid: list, r: int, c: int, group: list, own=own) -> int:
            return sum(own.at(grid, r + i, c + j) for i, j in group) * 4 // len(group)

        for r, c in places:
            b = own.base(r, c)
            features = [mean4(own.d, r, c, group) for group in groups]
            features += [sum(own.base(r + i, c + j) for i, j in group) * 4 // len(group) - 4 * b for group in groups]
            for other in before:
                features += [4 * other.d[r][c], *(mean4(other.d, r, c, group) for group in groups)]
            predicted = (sum(w * f for w, f in zip(weights, features, strict=False)) + 128) // 256

            cross = [(s * i, s * j) for i, j in EIGHT[:4]]
            terms = [sum(abs(own.base(r + i, c + j) - b) for i, j in cross)]
            terms += [mean4(own.amended, r, c, group) for group in groups]
            for other in before:
                terms += [4 * other.amended[r][c], mean4(other.amended, r, c, cross)]
            activity = sum(w * t for w, t in zip(ACTIVITY[kind][len(before)], terms, strict=True))

            index = table[sum(edge <= activity for edge in edges)]
            own.d[r][c] = min(max(b + predicted + step * rans.symbol(index), low), high) - b
            own.amended[r][c] = abs(own.d[r][c] - predicted)
