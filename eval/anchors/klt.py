"""The spectral transform for multi-band anchors: the image's own KLT, as integers.

pixels (B, H, W) --mean, matrix (B, B) int16 / 2^14--> components (B, H, W) --offset, gain--> uint16
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rscodec.eval.anchors.base import to_dtype

UNIT = 2**14
FULL = 65535


@dataclass(frozen=True)
class Klt:
    """`matrix`: rows are components by falling variance. All components have the same `gain`, so that errors weigh the
    same.
    """

    matrix: np.ndarray
    mean: np.ndarray
    offset: np.ndarray
    gain: float

    @classmethod
    def of(cls, pixels: np.ndarray) -> Klt:
        flat = pixels.reshape(len(pixels), -1).astype(np.float64)
        mean = flat.mean(1).astype(np.float32)
        variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(flat)))
        matrix = np.rint(vectors[:, np.argsort(-variances, kind="stable")].T * UNIT).astype(np.int16)
        components = _forward(matrix, mean, flat)
        low, high = components.min(1), components.max(1)
        gain = np.float32(min(16.0, FULL / max(float((high - low).max()), 1.0)))
        return cls(matrix, mean, low.astype(np.float32), float(gain))

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        components = _forward(self.matrix, self.mean, pixels.reshape(len(pixels), -1).astype(np.float64))
        return to_dtype((components - self.offset[:, None]) * self.gain, "uint16").reshape(pixels.shape)

    def inverse(self, components: np.ndarray, dtype: str) -> np.ndarray:
        flat = components.reshape(len(components), -1) / self.gain + self.offset[:, None]
        values = np.linalg.inv(self.matrix / UNIT) @ flat + self.mean[:, None]
        return to_dtype(values, dtype).reshape(components.shape)

    def pack(self) -> bytes:
        return b"".join(
            (
                self.matrix.astype("<i2").tobytes(),
                self.mean.astype("<f4").tobytes(),
                self.offset.astype("<f4").tobytes(),
                np.float32(self.gain).tobytes(),
            )
        )

    @classmethod
    def unpack(cls, data: bytes, bands: int) -> Klt:
        numbers = np.frombuffer(data, "<f4", offset=2 * bands * bands)
        matrix = np.frombuffer(data, "<i2", bands * bands).reshape(bands, bands)
        return cls(matrix, numbers[:bands], numbers[bands : 2 * bands], float(numbers[-1]))


def _forward(matrix: np.ndarray, mean: np.ndarray, flat: np.ndarray) -> np.ndarray:
    return (matrix / UNIT) @ (flat - mean[:, None])
