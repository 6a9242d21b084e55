"""The context model: what the decoder knows about each latent before it reads the latent.

    z^ --hyper--> h (F features per position)
    for each channel group g (uneven, as in ELIC), on a checkerboard:
        u  = dw3x3(1x1(h, compand(y^ of earlier groups)))
        a  : anchors      (row + column even)   mu, index = head_a(u)
        b  : non-anchors  (odd)                 mu, index = head_b(u, compand(y^ of the four anchors around))

A *pass* is one group on one colour. All numbers are integers (see integer.py): y^ and mu are in 1/16 of a quantisation
step, and index is the number of one of the SCALES Gaussian tables. Symbols are round(y - mu). Symbols with index 0 are
zero and are not coded.

The walk over the passes is written once, as a generator. It yields what is known of a pass and receives the latents of
that pass. The encoder sends the latents that it will write, the decoder those that it reads.
rscodec/networks/entropy.py is the same walk for training.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np

from rscodec.codec.arrays import Array, Arrays, ExactLayer, Layer, shuffle, unshuffle
from rscodec.codec.config import CodecConfig
from rscodec.codec.integer import ACTIVATION_MAX, exact_layer

UNIT = 16  # one quantisation step is 16 units of y^ and mu
LATENT_LIMIT = 2**15 - 1  # |y^| in units: fits int16
MU_LIMIT = 2**13 - 1
SCALES = 64
SCALE_MIN, SCALE_MAX = 0.11, 160.0
Z_LIMIT = 127
Z_STRIDE = 4  # y positions per z position, in each direction
Z_UNIT = 8  # an integer z in activation units
ANCHORS, OTHERS = ((0, 0), (1, 1)), ((0, 1), (1, 0))  # (row, column) phases of the two colours of the checkerboard


def scale_of(index: np.ndarray) -> np.ndarray:
    """Return the standard deviation, in quantisation steps, of a scale index."""
    return SCALE_MIN * np.exp(index * (math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)))


def compand(y: Array) -> Array:
    """Compress latents (1/16 step) to the range of activations: slope 1 up to 8 steps, 1/4 up to 64, 1/16 up to 512."""
    return y.clip(-128, 128) * 0.75 + y.clip(-1024, 1024) * 0.1875 + y.clip(-8192, 8192) * 0.0625


@dataclass
class Pass:
    """What is known of one pass before its latents are known: rows of (B, n, channels)."""

    channels: slice
    anchors: bool
    mu: np.ndarray
    index: np.ndarray


class Checkerboard:
    """Converts maps to rows of the positions of one colour, and back. A colour is two interleaved grids in sequence."""

    def __init__(self, arrays: Arrays):
        self._arrays = arrays

    def rows(self, x: Array, anchors: bool) -> Array:
        """Turn (B, H, W, C) into (B, n, C)."""
        batch, channels = x.shape[0], x.shape[-1]
        phases = ANCHORS if anchors else OTHERS
        return self._arrays.concat([x[:, r::2, c::2].reshape(batch, -1, channels) for r, c in phases], 1)

    def place(self, rows: Array, into: Array, anchors: bool) -> None:
        """Write rows back into a map."""
        start = 0
        for r, c in ANCHORS if anchors else OTHERS:
            grid = into[:, r::2, c::2]
            count = grid.shape[1] * grid.shape[2]
            grid[...] = rows[:, start : start + count].reshape(grid.shape)
            start += count

    def anchors_around(self, x: Array) -> Array:
        """For every non-anchor position of (B, H, W, C), return the anchors above, below, left, right: (B, m, 4C)."""
        batch, height, width, channels = x.shape
        padded = self._arrays.zeros(x, batch, height + 2, width + 2, channels)
        padded[:, 1:-1, 1:-1] = x
        sides = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
        return self._arrays.concat([self.rows(side, False) for side in sides], 2)


class HyperAnalysis:
    """Computes z (B, h/4, w/4, Z), with h/4 and w/4 rounded up, from y in steps (B, h, w, N). Only the encoder runs it,
    so it uses floats.
    """

    def __init__(self, arrays: Arrays, tensors: Mapping[str, np.ndarray]):
        self._arrays = arrays
        self._layers = [
            Layer(
                arrays.put(tensors[f"entropy.hyper_analysis.{name}.weight"].T),
                arrays.put(tensors[f"entropy.hyper_analysis.{name}.bias"]),
            )
            for name in ("enter", "middle", "leave")
        ]

    def __call__(self, y: np.ndarray) -> np.ndarray:
        enter, middle, leave = self._layers
        sides = [(0, 0), (0, -y.shape[1] % Z_STRIDE), (0, -y.shape[2] % Z_STRIDE), (0, 0)]
        squeezed = self._arrays.put(compand(np.pad(y, sides) * np.float32(UNIT)) / 32)
        features = self._arrays.leaky_product(squeezed, enter, 0.1)
        features = self._arrays.leaky_product(unshuffle(features), middle, 0.1)
        return self._arrays.get(self._arrays.product(unshuffle(features), leave))


class HyperSynthesis:
    """Computes the features (B, 4h, 4w, F) from z^ (B, h, w, Z). A vector tells it the quality."""

    def __init__(self, arrays: Arrays, tensors: Mapping[str, np.ndarray]):
        self._arrays = arrays
        self._layers = [
            exact_layer(arrays, tensors, f"hyper.{name}") for name in ("first", "spatial", "second", "blend", "last")
        ]

    def __call__(self, z: Array, level: Array) -> Array:
        arrays, (first, spatial, second, blend, last) = self._arrays, self._layers
        x = shuffle(arrays.exact_product(z * Z_UNIT, first, level))
        x = shuffle(arrays.exact_product(arrays.exact_depthwise(x, spatial), second))
        return arrays.exact_product(arrays.exact_depthwise(x, blend), last)


class Group:
    """The context networks of one channel group."""

    def __init__(self, arrays: Arrays, tensors: Mapping[str, np.ndarray], number: int, channels: slice):
        def layer(name: str, *options: object) -> ExactLayer:
            return exact_layer(arrays, tensors, f"groups.{number}.{name}", *options)  # type: ignore[arg-type]

        self.channels = channels
        self.mix, self.spatial = layer("mix"), layer("spatial")
        self.heads = {
            anchors: (
                layer(f"{colour}_hidden"),
                layer(f"{colour}_mu", False, -MU_LIMIT, MU_LIMIT),
                layer(f"{colour}_index", False, 0, SCALES - 1),
            )
            for anchors, colour in ((True, "anchor"), (False, "other"))
        }


class ContextModel:
    """The exact path of one codec."""

    def __init__(self, config: CodecConfig, arrays: Arrays, tensors: Mapping[str, np.ndarray]):
        self._arrays, self._board = arrays, Checkerboard(arrays)
        self._hyper = HyperSynthesis(arrays, tensors)
        ends = np.cumsum(config.groups).tolist()
        self._groups = [
            Group(arrays, tensors, number, slice(end - count, end))
            for number, (end, count) in enumerate(zip(ends, config.groups, strict=True))
        ]

    def walk(
        self, z: np.ndarray, level: np.ndarray, height: int, width: int, groups: int | None = None
    ) -> Generator[Pass, np.ndarray, np.ndarray]:
        """Yield each pass and receive its y^ (B, n, channels) in units. Return the whole y^ (B, height, width, N).

        z (B, ., ., Z) and the vector of the quality are integers. If `groups` is given, the walk stops after that many
        channel groups.
        """
        arrays, board = self._arrays, self._board
        h = self._hyper(arrays.put(z), arrays.put(level))[:, :height, :width]
        known: list[Array] = []
        seen = [h]
        for group in self._groups[:groups]:
            u = arrays.exact_depthwise(arrays.exact_product(arrays.concat(seen, -1), group.mix), group.spatial)
            own = arrays.zeros(h, *h.shape[:3], group.channels.stop - group.channels.start)

            anchors = yield self._pass(group, True, board.rows(u, True))
            board.place(arrays.put(anchors), own, True)

            around = board.anchors_around(compand(own).round())
            others = yield self._pass(group, False, arrays.concat([board.rows(u, False), around], -1))
            board.place(arrays.put(others), own, False)

            known.append(own)
            seen.append(compand(own).round())
        return arrays.get(arrays.concat(known, -1))

    def _pass(self, group: Group, anchors: bool, u: Array) -> Pass:
        hidden, *heads = group.heads[anchors]
        features = self._arrays.exact_product(u, hidden)
        mu, index = (self._arrays.get(self._arrays.exact_product(features, head)) for head in heads)
        return Pass(group.channels, anchors, mu, index)


assert 0.75 * 128 + 0.1875 * 1024 + 0.0625 * 8192 <= ACTIVATION_MAX and Z_UNIT * Z_LIMIT <= ACTIVATION_MAX
