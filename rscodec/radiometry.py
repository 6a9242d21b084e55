"""Bands <-> what the network sees.

The network knows groups of three channels with values of about 0..1, 0.5 being mid grey. A scene has up to
sixteen bands of some integer or float type. Between them stands a `Radiometry`, small enough to be stored in
the file and exact enough that both sides compute the same numbers:

    all bands (B,h,w) --split--> coded (C,h,w)        exact (E,h,w): alpha, stored losslessly
                                   |
                                   |  v = (pixels - offset) / scale    one scale: an error has one size in DN
              C <= 3               |                 C > 3
        1 band : (v, v, v) <-------+-------> c = matrix @ v            KLT, rows by falling variance
        2 bands: (v1, v2, v2)      |         (c0 c1 c2) (c3 c4 c5) ... threes, zeros for missing ones
        3 bands: (v1, v2, v3)      |         GREY_ROTATION.T @ three + 0.5
                                   v
                        network channels (G,3,h,w) float32

Behind the KLT the leading component of a group looks like luminance and the others like colour differences,
as in the RGB imagery that the network was trained on. All rotations are orthonormal: squared errors stay.
A `Radiometry` is made by `rscodec.statistics.Statistics` from what a scene holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from bitstreams.errors import RadiometryDamaged
from bitstreams.limits import MAX_BANDS

MATRIX_ONE = 2**14  # the KLT is stored as int16 in steps of 2**-14
MATRIX_TOLERANCE = 0.01  # how far a stored KLT may be from orthonormal before it is called damaged
GREY_ROTATION = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])

# Packed form: flags u8, exact bands u16 (a bit each), then only what the flags announce. Real numbers are
# float32, for float64 scenes float64: any offset and scale will do, as long as both sides use the same.
FLAG_PLANES, FLAG_SCALE, FLAG_OFFSET, FLAG_MATRIX = 0b11, 4, 8, 16


@dataclass(frozen=True)
class Radiometry:
    """How the bands of one scene map to network channels, and which parts of them are stored losslessly.

    bands counts all bands, exact ones included; offset and matrix speak of the coded bands only.
    planes: 0 no class planes, 1 one plane shared by all coded bands, 2 one plane for each coded band.
    """

    dtype: str
    bands: int
    exact: tuple[int, ...] = ()
    planes: int = 0
    scale: float = 255.0
    offset: tuple[float, ...] = ()
    matrix: np.ndarray | None = None

    @classmethod
    def default(cls, dtype: str, bands: int) -> Radiometry:
        """The one that needs no section in the file: one to three uint8 bands, every pixel valid."""
        return cls(dtype, bands, offset=(0.0,) * bands)

    @staticmethod
    def needs_section(dtype: str, bands: int) -> bool:
        """Whether no default exists for such a scene, so that a file without this section is damaged."""
        return dtype != "uint8" or bands > 3

    def is_default(self) -> bool:
        return not self.needs_section(self.dtype, self.bands) and self.pack() == bytes(3)

    @property
    def coded(self) -> tuple[int, ...]:
        """Indices (0-based) of the bands that the network codes."""
        return tuple(band for band in range(self.bands) if band not in self.exact)

    @property
    def groups(self) -> int:
        """Groups of three network channels."""
        return -(-len(self.coded) // 3)

    @property
    def plane_count(self) -> int:
        """Class planes of a tile: none, one, or one for each coded band."""
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
        values = (coded.astype(self._working) - self._offsets()) / self._working(self.scale)
        if self.matrix is None:
            return values[list(_REPLICATION[count])].astype(np.float32, copy=False)[None]
        components = np.zeros((self.groups * 3, height * width))
        components[:count] = self._klt() @ values.reshape(count, -1)
        channels = GREY_ROTATION.T @ components.reshape(self.groups, 3, -1) + 0.5
        return channels.reshape(self.groups, 3, height, width).astype(np.float32)

    def inverse(self, channels: np.ndarray) -> np.ndarray:
        """Network channels (G,3,h,w) -> coded bands (C,h,w): rounded to nearest, clipped to the type."""
        height, width = channels.shape[2:]
        count = len(self.coded)
        channels = channels.astype(self._working, copy=False)
        if count == 3:
            values = channels[0]
        elif self.matrix is None:
            replication = np.array(_REPLICATION[count])
            values = np.stack([channels[0, replication == band].mean(0) for band in range(count)])
        else:
            components = GREY_ROTATION @ (channels.reshape(self.groups, 3, -1) - 0.5)
            values = np.linalg.inv(self._klt()) @ components.reshape(self.groups * 3, -1)[:count]
            values = values.reshape(count, height, width)
        return to_dtype(values * self._working(self.scale) + self._offsets(), self.dtype)

    @property
    def _working(self) -> type[np.floating]:
        """What to compute in: eight bits leave room enough in float32, unless a matrix is to be inverted."""
        return np.float32 if self.dtype == "uint8" and self.matrix is None else np.float64

    def _offsets(self) -> np.ndarray:
        return np.array(self.offset, self._working).reshape(-1, 1, 1)

    def _klt(self) -> np.ndarray:
        return self.matrix.astype(np.float64) / MATRIX_ONE

    def pack(self) -> bytes:
        """The radiometry section of a file; the width of a float follows the type of the scene."""
        real = np.dtype(_real(self.dtype))
        flags, tail = self.planes, b""
        if self.scale != 255.0:
            flags, tail = flags | FLAG_SCALE, tail + np.array([self.scale], real).tobytes()
        if any(self.offset):
            flags, tail = flags | FLAG_OFFSET, tail + np.array(self.offset, real).tobytes()
        if self.matrix is not None:
            flags, tail = flags | FLAG_MATRIX, tail + self.matrix.astype("<i2").tobytes()
        return struct.pack("<BH", flags, sum(1 << band for band in self.exact)) + tail

    @classmethod
    def unpack(cls, data: bytes | None, dtype: str, bands: int) -> Radiometry:
        """Read a radiometry section (None: absent). Raises RadiometryDamaged for what `pack` cannot write."""
        if data is None:
            if cls.needs_section(dtype, bands):
                raise RadiometryDamaged(f"the radiometry section is missing, {bands} {dtype} bands need it")
            return cls.default(dtype, bands)
        if len(data) < 3:
            raise RadiometryDamaged(f"the radiometry section has {len(data)} bytes, at least 3 are needed")
        flags, exact_bits = struct.unpack_from("<BH", data)
        exact = tuple(band for band in range(MAX_BANDS) if exact_bits >> band & 1)
        count = bands - len(exact)
        if any(band >= bands for band in exact) or flags & FLAG_PLANES == 3 or flags > 31:
            raise RadiometryDamaged(f"the radiometry section has flags {flags:#x}, lossless bands {exact}")
        if bool(flags & FLAG_MATRIX) != (count > 3):
            raise RadiometryDamaged(f"a spectral transform is for more than 3 coded bands, not for {count}")

        real = np.dtype(_real(dtype))
        sizes = [
            real.itemsize if flags & FLAG_SCALE else 0,
            real.itemsize * count if flags & FLAG_OFFSET else 0,
            2 * count * count if flags & FLAG_MATRIX else 0,
        ]
        if len(data) != 3 + sum(sizes):
            raise RadiometryDamaged(f"the radiometry section has {len(data)} bytes, not {3 + sum(sizes)}")
        start, middle, end = 3, 3 + sizes[0], 3 + sizes[0] + sizes[1]
        scale = float(np.frombuffer(data[start:middle], real)[0]) if sizes[0] else 255.0
        offset = np.frombuffer(data[middle:end], real).astype(float) if sizes[1] else np.zeros(count)
        matrix = np.frombuffer(data[end:], "<i2").astype(np.int16).reshape(count, count) if sizes[2] else None

        if not (np.isfinite(scale) and scale > 0 and np.isfinite(offset).all()):
            raise RadiometryDamaged("the radiometry section has an impossible scale or offset")
        if matrix is not None:
            klt = matrix.astype(np.float64) / MATRIX_ONE
            if np.abs(klt @ klt.T - np.eye(count)).max() > MATRIX_TOLERANCE:
                raise RadiometryDamaged("the spectral transform in the radiometry section is not orthonormal")
        return cls(dtype, bands, exact, flags & FLAG_PLANES, scale, tuple(offset.tolist()), matrix)


# Which band each of the three channels shows, by number of coded bands.
_REPLICATION = {1: (0, 0, 0), 2: (0, 1, 1), 3: (0, 1, 2)}


def _real(dtype: str) -> str:
    """The stored type of scale and offset."""
    return "<f8" if dtype == "float64" else "<f4"


def to_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """float64 -> dtype: rounded to nearest if it is an integer type, clipped to its range."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.rint(values)
    else:
        limits = np.finfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype)
