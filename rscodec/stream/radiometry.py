"""Converts between bands and network channels.

The network processes groups of three channels with values of about 0..1; 0.5 is mid grey. A scene has up to sixteen
bands of an integer or float type. A `Radiometry` converts between them. It is small enough to be stored in the file,
and exact enough for encoder and decoder to compute the same numbers:

    all bands (B,h,w) --split--> coded (C,h,w)        exact (E,h,w): alpha, stored losslessly
                                   |
                                   |  v = (pixels - offset) / scale    one scale: an error has the same size in DN
                                   |                                   in all bands, unless weights change that
           without a KLT           |           with a KLT
        1 band : (v, v, v) <-------+-------> c = klt @ v               rows by falling variance
        2 bands: (v1, v2, v2)      |         (c0) (c1 c2 c3) (c4 ...   `alone` singles, then threes; zeros for missing
        3 bands: (v1, v2, v3)      |         GREY_ROTATION.T @ group + 0.5
                                   v
                        network channels (G,3,h,w) float32

After the KLT, the leading component of a group looks like luminance and the others like colour differences, as in the
RGB imagery that the network was trained on. A strong component gets a group of its own, because the network keeps less
detail of colour than of luminance. All rotations are orthonormal, so squared errors do not change.
`rscodec.stream.statistics.Statistics` computes the `Radiometry` of a scene; `radiometry_section.py` stores it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from rscodec.bitstreams.limits import MAX_GROUPS, QUALITY_MIN
from rscodec.raster.dtypes import to_dtype

DEFAULT_SCALE = 255.0  # for eight bits
MATRIX_ONE = 2**14  # the KLT is stored as int16 in steps of 2**-14
ANGLE = np.pi / 128
GREY_ROTATION = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


@dataclass(frozen=True)
class Radiometry:
    """How the bands of one scene map to network channels, and which bands are stored losslessly.

    `bands` counts all bands, including exact ones; `offset` and `matrix` concern coded bands only. `planes`: 0 no class
    planes, 1 one plane for all coded bands, 2 one plane for each coded band. The KLT is a matrix; for two or three
    uint8 bands it is given by a few angles. `alone`: components with a group of their own. `weights`: how much an error
    counts in each coded band, 1 or more; empty means 1 in every band. `deviations`: of the components, in network
    units; only the encoder knows them.
    """

    dtype: str
    bands: int
    exact: tuple[int, ...] = ()
    planes: int = 0
    scale: float = DEFAULT_SCALE
    offset: tuple[float, ...] = ()
    matrix: np.ndarray | None = None
    angles: tuple[int, ...] = ()
    alone: int = 0
    weights: tuple[float, ...] = ()
    deviations: tuple[float, ...] = field(default=(), compare=False)

    @classmethod
    def default(cls, dtype: str, bands: int) -> Radiometry:
        """The radiometry that needs no section in the file: one to three uint8 bands, all pixels valid."""
        return cls(dtype, bands, offset=(0.0,) * bands)

    @property
    def coded(self) -> tuple[int, ...]:
        """Indices (0-based) of the bands that the network codes."""
        return tuple(band for band in range(self.bands) if band not in self.exact)

    @property
    def groups(self) -> int:
        """The number of groups of three network channels."""
        return self.alone - (self.alone - len(self.coded)) // 3

    @property
    def most_alone(self) -> int:
        """The largest number of components with a group of their own."""
        count = len(self.coded) if self.has_klt else 0
        return max(alone for alone in range(count + 1) if replace(self, alone=alone).groups <= MAX_GROUPS)

    def at(self, quality: float) -> Radiometry:
        """This radiometry with strong components alone at high qualities, otherwise with as few groups as possible."""
        return self.with_alone_above(weakest_alone(quality)) if self.deviations else self

    def ways(self, quality: float) -> list[Radiometry]:
        """The radiometries among which an encoder may choose at a quality: components in threes, three bands of uint8
        as they are, strong components with a group of their own.
        """
        found = [self.at(QUALITY_MIN)]
        if self.deviations and self.dtype == "uint8" and len(self.coded) == 3 and not self.weights:
            found.append(replace(self, offset=(0.0,) * 3, angles=(), alone=0))
        strong = self.at(quality)
        return found if strong.alone == found[0].alone else [*found, strong]

    def with_alone_above(self, grey_levels: float) -> Radiometry:
        """This radiometry with a group of its own for each component that deviates by more than this, and for further
        components as long as that adds no group.
        """
        strong = sum(255 * deviation > grey_levels for deviation in self.deviations)
        groups = replace(self, alone=min(strong, self.most_alone)).groups
        options = (replace(self, alone=alone) for alone in range(self.most_alone, -1, -1))
        return next(option for option in options if option.groups == groups)

    @property
    def has_klt(self) -> bool:
        return self.matrix is not None or bool(self.angles)

    @property
    def plane_count(self) -> int:
        """The number of class planes of a tile: none, one, or one for each coded band."""
        return (0, min(1, len(self.coded)), len(self.coded))[self.planes]

    def split(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All bands (B,h,w) -> coded (C,h,w), exact (E,h,w)."""
        return pixels[list(self.coded)], pixels[list(self.exact)]

    def merge(self, coded: np.ndarray, exact: np.ndarray) -> np.ndarray:
        """The inverse of `split`."""
        pixels = np.empty((self.bands, *coded.shape[1:]), self.dtype)
        pixels[list(self.coded)] = coded
        pixels[list(self.exact)] = exact
        return pixels

    def forward(self, coded: np.ndarray) -> np.ndarray:
        """Coded bands (C,h,w), all of them finite -> network channels (G,3,h,w) float32."""
        count, height, width = coded.shape
        values = (coded.astype(self._working) - self._offsets()) / self._scales(self._working)
        if not self.has_klt:
            return values[list(REPLICATION[count])].astype(np.float32, copy=False)[None]
        components = np.zeros((self.groups * 3, height * width), self._working)
        components[self._places()] = self.klt.astype(self._working) @ values.reshape(count, -1)
        channels = GREY_ROTATION.T.astype(self._working) @ components.reshape(self.groups, 3, -1) + self._working(0.5)
        return channels.reshape(self.groups, 3, height, width).astype(np.float32, copy=False)

    def inverse(self, channels: np.ndarray) -> np.ndarray:
        """Network channels (G,3,h,w) -> coded bands (C,h,w): rounded to nearest, clipped to the type."""
        return to_dtype(self.unrounded(channels.astype(self._working, copy=False)), self.dtype)

    def unrounded(self, channels: np.ndarray) -> np.ndarray:
        """Network channels (G,3,h,w) -> coded bands (C,h,w), in the precision of the channels."""
        height, width = channels.shape[2:]
        count, real = len(self.coded), channels.dtype.type
        if self.has_klt:
            components = GREY_ROTATION.astype(real) @ (channels.reshape(self.groups, 3, -1) - real(0.5))
            components = components.reshape(self.groups * 3, -1)[self._places()]
            values = (np.linalg.inv(self.klt.astype(real)) @ components).reshape(count, height, width)
        elif count == 3:
            values = channels[0]
        else:
            replication = np.array(REPLICATION[count])
            values = np.stack([channels[0, replication == band].mean(0) for band in range(count)])
        return values * self._scales(real) + self._offsets().astype(real)

    def visible(self) -> np.ndarray:
        """(G,3,3): the projection that keeps the part of an error in network channels that reaches the bands."""
        count = len(self.coded)
        if self.has_klt:
            kept = np.zeros(self.groups * 3)
            kept[self._places()] = 1
            return GREY_ROTATION.T @ (kept.reshape(-1, 3, 1) * GREY_ROTATION)
        shares = np.equal.outer(REPLICATION[count], REPLICATION[count])
        return (shares / shares.sum(0))[None]

    @property
    def _working(self) -> type[np.floating]:
        """The float type of computations: float32 suffices for eight bits, unless a matrix must be inverted."""
        return np.float32 if self.dtype == "uint8" and self.matrix is None else np.float64

    def _scales(self, real: type[np.floating]) -> np.ndarray:
        """The network's 1.0 in units of the scene, for all bands (1,1,1) or for each (C,1,1)."""
        return (self.scale / np.array(self.weights or [1.0])).astype(real).reshape(-1, 1, 1)

    def _offsets(self) -> np.ndarray:
        return np.array(self.offset, self._working).reshape(-1, 1, 1)

    @property
    def klt(self) -> np.ndarray:
        """The matrix that computes components (rows) from bands (columns)."""
        if self.matrix is None:
            return from_angles(self.angles, len(self.coded))
        return self.matrix.astype(np.float64) / MATRIX_ONE

    def _places(self) -> list[int]:
        """Which of the 3 G channels holds each component, after the grey rotation."""
        rest = range(len(self.coded) - self.alone)
        return [3 * group for group in range(self.alone)] + [3 * self.alone + place for place in rest]


# The band that each of the three channels shows, by number of coded bands.
REPLICATION = {1: (0, 0, 0), 2: (0, 1, 1), 3: (0, 1, 2)}


HIGH_FROM = 6  # the lowest of the high qualities


def weakest_alone(quality: float) -> float:
    """The deviation in grey levels above which a component may have a group of its own; measured, see tools/LOG.md."""
    return 4.0 if quality >= HIGH_FROM else float("inf")


def to_angles(rotation: np.ndarray) -> tuple[int, ...]:
    """A rotation as a sequence of plane rotations, one byte each (256 to a circle)."""
    left, angles = rotation.copy(), []
    for one, other in combinations(range(len(left)), 2):
        angle = np.arctan2(left[other, one], left[one, one])
        left[[one, other]] = _turn(-angle) @ left[[one, other]]
        angles.append(round(angle / ANGLE) % 256)
    return tuple(angles)


def from_angles(angles: tuple[int, ...], count: int) -> np.ndarray:
    """Approximately the matrix (count, count) that was given to `to_angles`."""
    rotation = np.eye(count)
    for (one, other), angle in reversed([*zip(combinations(range(count), 2), angles, strict=True)]):
        rotation[[one, other]] = _turn(angle * ANGLE) @ rotation[[one, other]]
    return rotation


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
