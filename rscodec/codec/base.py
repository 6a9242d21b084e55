"""What a codec is to the rest of the house: a thing that turns tiles into latents, latents into bytes, and back.

    pixels (B, 3, H, W) --analyse--> y --encode--> [(payload, latents), ...]         one payload per item of the batch
    payloads --decode--> latents (h, w, N) --synthesise--> pixels (3, 16h, 16w)

Contract (tests/helpers/laws.py holds every row of the registry to it):
- H and W are multiples of `stride`; pixels are float32, about 0..1, and may go beyond.
- `decode(encode(y))` gives latents equal to those `encode` returned; if `portable`, on every machine.
- Latents are a numpy array of a fixed dtype; their checksum is over its little-endian bytes in C order.
- A pixel depends on no latent further than `halo` from its own, so tiles synthesised with that much of their neighbours
  around them show no seam. Where the scene ends nothing stands in for the missing neighbours. The other way round, a
  latent depends on pixels up to `border` latents' worth away (approximately: decoding does not rest on it).
- Of a portable codec `synthesise_closely` gives pixels that differ between machines, threads and sizes of batch by less
  than SYNTHESIS_TOLERANCE: so little that they can be rounded to the same integers everywhere (SPEC.md, "Base").
- A damaged payload raises a BitstreamError or gives other latents (which the checksum catches); it never crashes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

MOST_EFFORT = 9  # of those who know effort
SYNTHESIS_TOLERANCE = 2.0**-40  # of the network's 1.0; SPEC.md, Bound


Inside = tuple[slice, slice]  # rows and columns of the latents of a tile among those around it


class Aim(NamedTuple):
    """What a tile should look like: pixels (3, H, W), how much each of them counts (H, W), and a projection (3, 3) that
    leaves of an error in the three channels what counts.
    """

    pixels: np.ndarray
    weight: np.ndarray
    visible: np.ndarray


class TileCodec(ABC):
    """One loaded model on one device."""

    model: str  # its name in rscodec.bitstreams.wire.MODELS
    weights_hashes: dict[str, bytes]  # by arithmetic (bitstreams/wire.py): 8 bytes that a header must hold
    portable: bool  # latents are the same on every machine
    parallel: bool = False  # threads may use it side by side
    fixed_rate: bool = False  # one operating point: quality means nothing
    most_effort: int = 0  # what `encode` and `refine` may be told
    stride: int = 16
    halo: int
    border: int
    channels: int  # of the latents
    latent_dtype: np.dtype
    latent_unit: int = 1  # what 1 of y is among latents

    @property
    def arithmetic(self) -> str:
        """That of new streams; the codec decodes streams of every arithmetic in `weights_hashes`."""
        return next(iter(self.weights_hashes))

    @property
    def weights_hash(self) -> bytes:
        """By which new streams name the weights."""
        return self.weights_hashes[self.arithmetic]

    @abstractmethod
    def analyse(self, pixels: np.ndarray, quality: float) -> np.ndarray:
        """Pixels (B, 3, H, W) -> y (B, h, w, N), float."""

    @abstractmethod
    def encode(self, y: np.ndarray, quality: float, dead_zone: bool = False) -> list[tuple[bytes, np.ndarray]]:
        """y (B, h, w, N) -> for each item its payload and the latents (h, w, N) that it decodes to.

        `dead_zone`: more of them are what was expected, which saves bits; only for those who know effort.
        """

    def refine(self, y: np.ndarray, inside: Inside, aims: list[Aim], quality: float, effort: int) -> np.ndarray:
        """y (B, h, w, N) of a tile and its surroundings -> y (B, h', w', N) of the tile, which is `inside`, that looks
        more like its `aims` for fewer bits once encoded. Only for those who know effort.
        """
        raise NotImplementedError(f"{self.model} knows no effort")

    @abstractmethod
    def decode(self, payloads: list[bytes], height: int, width: int, quality: float) -> list[np.ndarray]:
        """Payloads of tiles of height x width latents -> their latents (h, w, N)."""

    def sketch(self, payloads: list[bytes], height: int, width: int, quality: float, detail: int) -> np.ndarray:
        """Payloads -> a small picture (B, 3, detail h, detail w): about the pixels, averaged.

        `detail` divides `stride`. Here by decoding it all; a codec may know a shorter way.
        """
        pixels = self.synthesise(np.stack(self.decode(payloads, height, width, quality)), quality)
        cell = self.stride // detail
        return pixels.reshape(*pixels.shape[:2], detail * height, cell, detail * width, cell).mean((3, 5))

    @abstractmethod
    def synthesise(self, latents: np.ndarray, quality: float, inside: Inside | None = None) -> np.ndarray:
        """Latents (B, h, w, N) -> pixels (B, 3, 16h, 16w) float32, not clipped; only those of the latents `inside`, if
        that is given.
        """

    def synthesise_closely(self, latents: np.ndarray, quality: float) -> np.ndarray:
        """Like `synthesise`, in float64. Only portable codecs have it."""
        raise NotImplementedError(f"{self.model} is not portable")
