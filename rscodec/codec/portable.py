"""The codec that ships: float transforms, and an entropy path of integers that is the same on every machine.

    weights file --read_weights--> tensors --> Analysis, Synthesis, ContextModel, SymbolCoder

A weights file contains the transforms in float16. Under `exact.` it contains everything that the symbols depend on: the
integers of each layer, the level vectors, the statistics of z and the frequency tables. The header of a stream contains
a hash of the `exact.` tensors and of the synthesis (see rscodec.codec.weights_file).
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InexactArithmetic, InexactModelError, SymbolsDamaged, WrongWeights
from rscodec.codec import rate
from rscodec.codec.arrays import Arrays
from rscodec.codec.base import MOST_EFFORT, Aim, Inside, TileCodec
from rscodec.codec.coder import SYMBOL_LIMIT, SymbolCoder
from rscodec.codec.dead_zone import nearer_zero
from rscodec.codec.entropy import UNIT, Z_LIMIT, Z_STRIDE, Checkerboard, ContextModel, HyperAnalysis, Pass
from rscodec.codec.integer import EXACT
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.transforms import Analysis, Margin, Synthesis
from rscodec.codec.weights_file import read_weights, weights_hashes

# A sketch of one pixel per latent has three colour values. Four times as many channels hold nearly all of its
# information.
SKETCH_CHANNELS = 12
Refine = Callable[["PortableCodec", np.ndarray, Inside, list[Aim], float, int], np.ndarray]


class PortableCodec(TileCodec):
    """See the module. `arrays` does the computation, and `refine` is the search of effort 1 and more."""

    portable = True
    latent_dtype = np.dtype("<i2")
    latent_unit = UNIT
    most_steps = float(SYMBOL_LIMIT)

    def __init__(self, path: Path, arrays: Arrays | None = None, refine: Refine | None = None):
        self.model, self.config, self.tensors, self.expected_self_test = read_weights(path)
        self.arrays, self._refine = arrays or NumpyArrays(), refine
        self.parallel, self.most_effort = self.arrays.parallel, MOST_EFFORT if refine else 0
        self.weights_hashes = weights_hashes(self.tensors)
        self.halo, self.border, self.channels = self.config.halo, self.config.border, self.config.latents
        try:
            self._build()
        except (InexactModelError, ValueError) as problem:
            raise WrongWeights(
                f"{path} does not hold a usable {self.model}: {problem}; give the file as it was exported"
            ) from None
        if self.expected_self_test not in (None, self.self_test()):
            raise InexactArithmetic(
                f"the self-test of {path} fails on {self.arrays.name}: products of integers are not exact here, so "
                f"streams would not decode elsewhere; use another device or another build of {self.arrays.software}"
            )

    def _build(self) -> None:
        arrays, tensors = self.arrays, self.tensors
        self._context = ContextModel(self.config, arrays, tensors)
        self._hyper = HyperAnalysis(arrays, tensors)
        self._analysis = Analysis(self.config, arrays, tensors)
        self._synthesis = Synthesis(self.config, arrays, tensors)
        self._close: Synthesis | None = None
        self._making = threading.Lock()
        self._levels, self._z_mu, self._z_index = (
            tensors[EXACT + key].astype(np.float32) for key in ("levels", "z_mu", "z_index")
        )
        self._coder = SymbolCoder(tensors[EXACT + "frequencies"], tensors[EXACT + "reaches"])

    def _close_synthesis(self) -> Synthesis:
        """The synthesis in float64, made when it is first needed. It is about three times as slow."""
        with self._making:
            if self._close is None:
                self._close = Synthesis(self.config, self.arrays, self.tensors, np.float64)
            return self._close

    def self_test(self) -> str:
        """Return a checksum of the result of the exact path for a fixed input. It must be the same on every machine."""
        checksum = 0

        def pattern(shape: tuple[int, ...], period: int) -> np.ndarray:
            count = int(np.prod(shape))
            return (np.arange(count) * 37 % period - period // 2).reshape(shape).astype(np.float32)

        def answer(known: Pass) -> np.ndarray:
            nonlocal checksum
            checksum = zlib.crc32(known.index.astype(np.uint8).tobytes(), checksum)
            return known.mu + UNIT * pattern(known.mu.shape, 5)

        z = pattern((1, 2, 2, self.config.hyper), 11)
        latents = self._walk(z, 4.5, 7, 5, answer)
        return f"{zlib.crc32(latents.tobytes(), checksum):08x}"

    def analyse(self, pixels: np.ndarray, quality: float) -> np.ndarray:
        return self._analysis(pixels, rate.to_wire(quality))

    def synthesise(self, latents: np.ndarray, quality: float, inside: Inside | None = None) -> np.ndarray:
        return self._synthesis(latents, rate.to_wire(quality), _margin(latents, inside))

    def synthesise_closely(self, latents: np.ndarray, quality: float) -> np.ndarray:
        return self._close_synthesis()(latents, rate.to_wire(quality))

    def refine(self, y: np.ndarray, inside: Inside, aims: list[Aim], quality: float, effort: int) -> np.ndarray:
        if self._refine is None:
            return super().refine(y, inside, aims, quality, effort)
        return self._refine(self, y, inside, aims, rate.from_wire(rate.to_wire(quality)), effort)

    def encode(self, y: np.ndarray, quality: float, refined: bool = False) -> list[tuple[bytes, np.ndarray]]:
        coded, latents = self.symbols(y, quality, refined)
        return [(self._coder.encode(*one), own) for one, own in zip(coded, latents, strict=True)]

    def symbols(
        self, y: np.ndarray, quality: float, refined: bool = False
    ) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
        """Return the symbols that the coder writes for each item of the batch, with the indexes of their tables; and
        the latents.
        """
        if not np.isfinite(y).all():
            raise WrongWeights(f"these weights of {self.model} make latents that are not finite; give trained weights")
        board, (z_mu, z_index) = Checkerboard(NumpyArrays()), self._z_model(quality)
        z = self._hyper(y).round().clip(-Z_LIMIT, Z_LIMIT)
        coded = [_Column(z - z_mu, np.broadcast_to(z_index, z.shape))]

        def answer(known: Pass) -> np.ndarray:
            residual = board.rows(y[..., known.channels], known.anchors) - known.mu / UNIT
            if not refined:
                residual = nearer_zero(residual, known.index)
            symbols = residual.round().clip(-SYMBOL_LIMIT, SYMBOL_LIMIT)
            symbols[known.index == 0] = 0
            coded.append(_Column(symbols, known.index))
            return known.mu + UNIT * symbols

        height, width = y.shape[1:3]
        latents = self._walk(z, quality, height, width, answer)
        return [_coded(coded, item) for item in range(len(latents))], latents

    def decode(self, payloads: list[bytes], height: int, width: int, quality: float) -> list[np.ndarray]:
        return list(self._read(payloads, height, width, quality))

    def sketch(self, payloads: list[bytes], height: int, width: int, quality: float, detail: int) -> np.ndarray:
        """Use the linear shortcut and only the first groups of channels, which hold the information for this detail."""
        enough = SKETCH_CHANNELS * detail**2
        groups = 1 + sum(total < enough for total in accumulate(self.config.groups[:-1]))
        latents = self._read(payloads, height, width, quality, groups)
        return self._synthesis.sketch(latents, rate.to_wire(quality), detail)

    def _read(
        self, payloads: list[bytes], height: int, width: int, quality: float, groups: int | None = None
    ) -> np.ndarray:
        """Read the latents (B, h, w, N) of payloads, or those of the first groups of channels."""
        z_height, z_width = -(-height // Z_STRIDE), -(-width // Z_STRIDE)
        most = z_height * z_width * self.config.hyper + height * width * self.channels
        decoders = [self._coder.decoder(payload, most) for payload in payloads]

        def read(index: np.ndarray) -> np.ndarray:
            symbols = np.zeros(index.shape, np.float32)
            for row, line, decoder in zip(symbols, index.astype(np.int32), decoders, strict=True):
                places = np.flatnonzero(line)
                row.reshape(-1)[places] = decoder.read(line.reshape(-1)[places])
            return symbols

        z_mu, z_index = self._z_model(quality)
        z = z_mu + read(np.broadcast_to(z_index, (len(payloads), z_height, z_width, len(z_index))))
        if np.abs(z).max(initial=0) > Z_LIMIT:
            raise SymbolsDamaged("the payload holds side information that no encoder writes")
        return self._walk(z, quality, height, width, lambda known: known.mu + UNIT * read(known.index), groups)

    def _walk(
        self,
        z: np.ndarray,
        quality: float,
        height: int,
        width: int,
        answer: Callable[[Pass], np.ndarray],
        groups: int | None = None,
    ) -> np.ndarray:
        """Walk the exact path and answer each pass. Return the latents (B, h, w, N) in int16."""
        level = rate.mix_exact(self._levels, rate.to_wire(quality))
        walk = self._context.walk(z, level, height, width, groups)
        known = next(walk)
        while True:
            try:
                known = walk.send(answer(known))
            except StopIteration as end:
                return end.value.astype(np.int16)

    def _z_model(self, quality: float) -> tuple[np.ndarray, np.ndarray]:
        steps = rate.to_wire(quality)
        return rate.mix_exact(self._z_mu, steps), rate.mix_exact(self._z_index, steps)


class _Column:
    """Symbols and indexes of one pass for the whole batch: (B, n) each."""

    def __init__(self, symbols: np.ndarray, indexes: np.ndarray):
        self.symbols, self.indexes = (values.reshape(len(values), -1).astype(np.int32) for values in (symbols, indexes))


def _coded(columns: list[_Column], item: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the symbols of one item of the batch that the coder writes, and their table indexes. Symbols with index 0
    are not written.
    """
    symbols = np.concatenate([column.symbols[item] for column in columns])
    indexes = np.concatenate([column.indexes[item] for column in columns])
    coded = np.flatnonzero(indexes)
    return symbols[coded], indexes[coded]


def _margin(latents: np.ndarray, inside: Inside | None) -> Margin:
    """Return the margin of latents (B, h, w, N) around the part `inside`."""
    rows, cols = inside or (slice(0, latents.shape[1]), slice(0, latents.shape[2]))
    return Margin(rows.start, latents.shape[1] - rows.stop, cols.start, latents.shape[2] - cols.stop)
