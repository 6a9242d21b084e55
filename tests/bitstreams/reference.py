"""A second decoder of payloads, written from SPEC.md, "Payload (arithmetics 1 and 4)", and from nothing else.

    payload --Rans--> symbols --passes--> latents (h, w, N) int16

Slow and plain: Python integers for the range coder, numpy for the layers. What it and the codec agree on is what the
specification says; the frozen vectors are held against both.
"""

from __future__ import annotations

import hashlib

import numpy as np
from safetensors import safe_open

POINTWISE_LIMIT, MU_LIMIT, LAST_INDEX = 1023, 8191, 63


class Rans:
    """The symbols of one payload, one by one."""

    def __init__(self, payload: bytes, tables: list[np.ndarray]):
        self.tables, self.payload = tables, payload
        self.state, self.at = int.from_bytes(payload[:8], "little"), 8

    def _drop(self, state: int) -> None:
        if state < 1 << 31:
            state = state << 32 | int.from_bytes(self.payload[self.at : self.at + 4], "little")
            self.at += 4
        self.state = state

    def _nibble(self) -> int:
        low = self.state & 15
        self._drop(self.state >> 4)
        return low

    def symbol(self, index: int) -> int:
        starts = self.tables[index]
        reach = (len(starts) - 3) // 2
        low = self.state & 0xFFFF
        entry = int(np.searchsorted(starts, low, "right")) - 1
        start, end = int(starts[entry]), int(starts[entry + 1])
        self._drop((end - start) * (self.state >> 16) + low - start)
        if entry <= 2 * reach:
            return entry - reach
        count = nibble = self._nibble()
        while nibble == 15:
            nibble = self._nibble()
            count += nibble
        raw = sum(self._nibble() << 4 * place for place in range(count))
        return -(raw + 1) // 2 - reach if raw % 2 else raw // 2 + reach + 1

    @property
    def used_up(self) -> bool:
        return (self.at, self.state) == (len(self.payload), 1 << 31)


def _hash(tensors: dict[str, np.ndarray]) -> bytes:
    digest = hashlib.sha256()
    for key, value in sorted(tensors.items()):
        digest.update(f"{key} {value.dtype.str} {value.shape}\n".encode() + value.tobytes())
    return digest.digest()[:8]


class Reference:
    """The exact path of one weights file."""

    def __init__(self, path):
        with safe_open(path, "numpy") as file:
            everything = {key: file.get_tensor(key) for key in file.keys()}
        self.w = {key: value for key, value in everything.items() if key.startswith("exact.")}
        lengths = 2 * self.w["exact.reaches"].astype(int) + 2
        tables = np.split(self.w["exact.frequencies"].astype(int), np.cumsum(lengths)[:-1])
        self.tables = [np.append(0, np.cumsum(table)) for table in tables]
        decoded = {key: everything[key] for key in ("spread", "log_step", "log_trunk_out")}
        decoded |= {key: value for key, value in everything.items() if key.startswith("synthesis.")}
        self.weights_hashes = {"integer-1": _hash(self.w), "integer-2": _hash(self.w | decoded)}
        self.group_count = len({key.split(".")[2] for key in self.w if key.startswith("exact.groups.")})

    def decode(self, payload: bytes, height: int, width: int, quality: int) -> tuple[np.ndarray, bool]:
        """Latents (h, w, N) of one payload at a wire quality, and whether the payload is used up to its last bit."""
        if payload == b"\0":
            channels = sum(len(bias) for name, bias in self.w.items() if name.endswith(".anchor_mu.bias"))
            return np.zeros((height, width, channels), "<i2"), True
        rans = Rans(payload, self.tables)
        z_index, z_mu = self._at_quality("z_index", quality), self._at_quality("z_mu", quality)
        z = np.zeros((-(-height // 4), -(-width // 4), len(z_mu)))
        for place in np.ndindex(z.shape):
            index = int(z_index[place[2]])
            z[place] = z_mu[place[2]] + (rans.symbol(index) if index else 0)
        h = self._layer("hyper.first", 8 * z, self._at_quality("levels", quality))
        h = self._layer("hyper.second", self._depthwise("hyper.spatial", _shuffle(h)))
        h = self._layer("hyper.last", self._depthwise("hyper.blend", _shuffle(h)))[:height, :width]

        groups = []
        for number in range(self.group_count):
            name = f"groups.{number}."
            u = np.concatenate([h, *map(_compand, groups)], -1)
            u = self._depthwise(name + "spatial", self._layer(name + "mix", u))
            own = np.zeros((height, width, len(self.w[f"exact.{name}anchor_mu.bias"])))
            self._pass(rans, own, self._layer(name + "anchor_hidden", u), name + "anchor_", ((0, 0), (1, 1)))
            u = np.concatenate([u, _neighbours(_compand(own))], -1)
            self._pass(rans, own, self._layer(name + "other_hidden", u), name + "other_", ((0, 1), (1, 0)))
            groups.append(own)
        return np.concatenate(groups, -1).astype("<i2"), rans.used_up

    def _pass(self, rans: Rans, own: np.ndarray, features: np.ndarray, name: str, phases) -> None:
        mu = self._layer(name + "mu", features, activation=False, low=-MU_LIMIT, high=MU_LIMIT)
        index = self._layer(name + "index", features, activation=False, low=0, high=LAST_INDEX).astype(int)
        for row, col in phases:
            for r, c in np.ndindex(own[row::2, col::2].shape[:2]):
                at = row + 2 * r, col + 2 * c
                symbols = [rans.symbol(i) if i else 0 for i in index[at]]
                own[at] = mu[at] + 16 * np.array(symbols)

    def _at_quality(self, name: str, quality: int) -> np.ndarray:
        table = self.w["exact." + name].astype(np.float64)
        low = min(quality // 32 - 1, 6)
        part = quality - 32 * (low + 1)
        return np.round((table[low] * (32 - part) + table[low + 1] * part) / 32)

    def _layer(self, name: str, x: np.ndarray, level=None, activation=True, low=-POINTWISE_LIMIT, high=POINTWISE_LIMIT):
        return self._finish(name, x @ self._weight(name).T, level, activation, low, high)

    def _depthwise(self, name: str, x: np.ndarray) -> np.ndarray:
        weight, padded = self._weight(name), np.pad(x, ((1, 1), (1, 1), (0, 0)))
        rows, cols = x.shape[:2]
        taps = [weight[:, 0, r, c] * padded[r : r + rows, c : c + cols] for r in range(3) for c in range(3)]
        return self._finish(name, sum(taps))

    def _weight(self, name: str) -> np.ndarray:
        return self.w[f"exact.{name}.weight"].astype(np.float64)

    def _finish(self, name, value, level=None, activation=True, low=-POINTWISE_LIMIT, high=POINTWISE_LIMIT):
        value = (value + self.w[f"exact.{name}.bias"]) / 2.0 ** self.w[f"exact.{name}.shift"]
        if level is not None:
            value = np.rint(value) + level
        if activation:
            value = np.maximum(value, value / 8)
        return np.clip(np.round(value), low, high)


def _compand(y: np.ndarray) -> np.ndarray:
    return np.round((12 * np.clip(y, -128, 128) + 3 * np.clip(y, -1024, 1024) + np.clip(y, -8192, 8192)) / 16)


def _shuffle(x: np.ndarray) -> np.ndarray:
    rows, cols, channels = x.shape
    return x.reshape(rows, cols, 2, 2, channels // 4).transpose(0, 2, 1, 3, 4).reshape(2 * rows, 2 * cols, -1)


def _neighbours(x: np.ndarray) -> np.ndarray:
    p = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return np.concatenate([p[:-2, 1:-1], p[2:, 1:-1], p[1:-1, :-2], p[1:-1, 2:]], -1)
