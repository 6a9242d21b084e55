"""A codec that remembers what it encoded, so that decoding takes no time. A search that tries qualities uses it."""

from __future__ import annotations

import numpy as np

from rscodec.codec.base import Aim, Inside, TileCodec


class RememberingCodec(TileCodec):
    """Passes all work on to another codec, but decodes from memory. It can decode only what it has encoded."""

    def __init__(self, codec: TileCodec):
        self._codec = codec
        self._latents: dict[tuple[bytes, int, int], np.ndarray] = {}
        self.model, self.weights_hashes, self.portable = codec.model, codec.weights_hashes, codec.portable
        self.fixed_rate, self.most_effort, self.parallel = codec.fixed_rate, codec.most_effort, codec.parallel
        self.stride, self.halo, self.border = codec.stride, codec.halo, codec.border
        self.channels, self.latent_dtype, self.latent_unit = codec.channels, codec.latent_dtype, codec.latent_unit
        self.most_steps = codec.most_steps

    def analyse(self, pixels: np.ndarray, quality: float) -> np.ndarray:
        return self._codec.analyse(pixels, quality)

    def encode(self, y: np.ndarray, quality: float, refined: bool = False) -> list[tuple[bytes, np.ndarray]]:
        coded = self._codec.encode(y, quality, refined)
        self._latents |= {(payload, latents.shape[0], latents.shape[1]): latents for payload, latents in coded}
        return coded

    def refine(self, y: np.ndarray, inside: Inside, aims: list[Aim], quality: float, effort: int) -> np.ndarray:
        return self._codec.refine(y, inside, aims, quality, effort)

    def decode(self, payloads: list[bytes], height: int, width: int, quality: float) -> list[np.ndarray]:
        return [self._latents[payload, height, width] for payload in payloads]

    def synthesise(self, latents: np.ndarray, quality: float, inside: Inside | None = None) -> np.ndarray:
        return self._codec.synthesise(latents, quality, inside)

    def synthesise_closely(self, latents: np.ndarray, quality: float) -> np.ndarray:
        return self._codec.synthesise_closely(latents, quality)
