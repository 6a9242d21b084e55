"""The contract of a codec, which turns tiles into latents, latents into bytes, and back.

    pixels (B, 3, H, W) --analyse--> y --encode--> [(payload, latents), ...]         one payload per item of the batch
    payloads --decode--> latents (h, w, N) --synthesise--> pixels (3, 16h, 16w)

Contract (tests/helpers/laws.py tests it for every row of the registry):
- H and W are multiples of `stride`; pixels are float32, mostly but not always within 0..1.
- `decode(encode(y))` gives the latents that `encode` returned; if `portable`, on every machine.
- Latents are a numpy array of a fixed dtype; their checksum is over its little-endian bytes in C order.
- A pixel depends on no latent that is more than `halo` away from its own. So tiles have no seams if they are
  synthesised with `halo` latents of their neighbours. At the edge of the scene, nothing replaces the missing
  neighbours. A latent depends on pixels up to `border` latents away. This is approximate, because decoding does not
  depend on it.
- The pixels of `synthesise_closely` of a portable codec differ between machines, threads and batch sizes by less than
  SYNTHESIS_TOLERANCE. This is so little that every machine can round them to the same integers (SPEC.md, "Base").
- A damaged payload raises a BitstreamError or gives other latents (which the checksum catches); it never crashes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

MOST_EFFORT = 9  # of codecs that have effort
SYNTHESIS_TOLERANCE = 2.0**-40  # relative to the network's 1.0; SPEC.md, "Base"


Inside = tuple[slice, slice]  # rows and columns of the latents of a tile within a larger array


class Aim(NamedTuple):
    """What a tile should look like: pixels (3, H, W), the weight of the error of each pixel (H, W), and a projection
    (3, 3) that keeps the part of an error in the three channels that counts.
    """

    pixels: np.ndarray
    weight: np.ndarray
    visible: np.ndarray


class TileCodec(ABC):
    """One loaded model on one device."""

    model: str  # its name in rscodec.bitstreams.wire.MODELS
    weights_hashes: dict[str, bytes]  # by arithmetic (bitstreams/wire.py): the 8 bytes that a header must contain
    portable: bool  # latents are the same on every machine
    parallel: bool = False  # several threads may use it at the same time
    fixed_rate: bool = False  # one operating point: quality has no effect
    most_effort: int = 0  # the highest effort that `refine` accepts
    stride: int = 16
    halo: int
    border: int
    channels: int  # number of channels of the latents
    latent_dtype: np.dtype
    latent_unit: int = 1  # a latent is about y times this
    most_steps: float = math.inf  # the largest |y| that can be coded wherever it occurs

    @property
    def arithmetic(self) -> str:
        """The arithmetic of new streams. The codec decodes streams of every arithmetic in `weights_hashes`."""
        return next(iter(self.weights_hashes))

    @property
    def weights_hash(self) -> bytes:
        """The hash by which new streams name the weights."""
        return self.weights_hashes[self.arithmetic]

    @abstractmethod
    def analyse(self, pixels: np.ndarray, quality: float) -> np.ndarray:
        """Turn pixels (B, 3, H, W) into y (B, h, w, N), in floats."""

    @abstractmethod
    def encode(self, y: np.ndarray, quality: float, refined: bool = False) -> list[tuple[bytes, np.ndarray]]:
        """Encode y (B, h, w, N). Return, for each item, its payload and the decoded latents (h, w, N).

        A codec may make more latents equal their prediction, which saves bits, unless y is `refined` already.
        """

    def refine(self, y: np.ndarray, inside: Inside, aims: list[Aim], quality: float, effort: int) -> np.ndarray:
        """Improve the y (B, h, w, N) of a tile and its surroundings. Return y (B, h', w', N) of the tile, which is
        `inside`: once encoded, it looks more like its `aims` and needs fewer bits. Only codecs that have effort
        implement it.
        """
        raise NotImplementedError(f"{self.model} knows no effort")

    @abstractmethod
    def decode(self, payloads: list[bytes], height: int, width: int, quality: float) -> list[np.ndarray]:
        """Decode payloads of tiles of height x width latents. Return their latents (h, w, N)."""

    def sketch(self, payloads: list[bytes], height: int, width: int, quality: float, detail: int) -> np.ndarray:
        """Turn payloads into a small picture (B, 3, detail h, detail w), which approximates the averages of the pixels.

        `detail` divides `stride`. This implementation decodes everything; a codec may have a faster way.
        """
        pixels = self.synthesise(np.stack(self.decode(payloads, height, width, quality)), quality)
        cell = self.stride // detail
        return pixels.reshape(*pixels.shape[:2], detail * height, cell, detail * width, cell).mean((3, 5))

    @abstractmethod
    def synthesise(self, latents: np.ndarray, quality: float, inside: Inside | None = None) -> np.ndarray:
        """Turn latents (B, h, w, N) into pixels (B, 3, 16h, 16w) in float32, not clipped. If `inside` is given, return
        only the pixels of those latents.
        """

    def synthesise_closely(self, latents: np.ndarray, quality: float) -> np.ndarray:
        """Compute `synthesise` in float64. Only portable codecs implement it."""
        raise NotImplementedError(f"{self.model} is not portable")
