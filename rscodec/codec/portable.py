"""The codec that ships: float transforms, and an entropy path of integers that is the same on every machine.

    trained Codec --freeze--> tensors --safetensors--> PortableCodec

A weights file holds the transforms in float16, and under `exact.` everything that the symbols depend on: the integers
of each layer, the level vectors, the statistics of z and the frequency tables. A stream's header names a hash of these
and of the synthesis (rscodec.codec.weights_file).
"""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from rscodec.bitstreams.errors import InexactArithmetic, InexactModelError, SymbolsDamaged, WrongWeights
from rscodec.codec import precision, rate, transforms
from rscodec.codec.base import MOST_EFFORT, Aim, TileCodec
from rscodec.codec.coder import SYMBOL_LIMIT, SymbolCoder
from rscodec.codec.effort import nearer_zero, refine
from rscodec.codec.entropy import SCALES, UNIT, Z_LIMIT, Z_STRIDE, Pass, split
from rscodec.codec.integer import BIAS_UNIT, Exact, IntegerLayer
from rscodec.codec.model import Codec, CodecConfig
from rscodec.codec.tables import gaussian_frequencies
from rscodec.codec.weights_file import EXACT, becomes_integer, read_weights, weights_hashes

SKETCH_CHANNELS = 12  # for a picture of three colours a latent: four times as many channels hold nearly all of it


def freeze(codec: Codec) -> dict[str, torch.Tensor]:
    """The tensors of a weights file. Raises InexactModelError where the exact path would not be exact."""
    entropy = codec.entropy
    tensors = {
        key: value.detach().half() if value.numel() > 10_000 else value.detach().float()
        for key, value in codec.state_dict().items()
        if not becomes_integer(key)
    }
    for name, layer in entropy.named_modules():
        if isinstance(layer, IntegerLayer):
            tensors |= {f"{EXACT}{name}.{part}": value for part, value in layer.freeze().items()}
    tensors[EXACT + "levels"] = torch.round(entropy.hyper.levels.detach() * BIAS_UNIT).to(torch.int32)
    tensors[EXACT + "z_mu"] = torch.round(entropy.z_mu.detach()).to(torch.int32)
    tensors[EXACT + "z_index"] = torch.round(entropy.z_index.detach() * BIAS_UNIT).clamp(1, SCALES - 1).to(torch.int32)
    frequencies, reaches = gaussian_frequencies()
    tensors[EXACT + "frequencies"] = torch.from_numpy(frequencies.astype(np.int32))
    tensors[EXACT + "reaches"] = torch.from_numpy(reaches)
    return {key: value.contiguous().cpu() for key, value in tensors.items()}


def thaw(codec: Codec, tensors: dict[str, torch.Tensor]) -> None:
    """Load a weights file into a trainable codec: the warm start."""
    state = {key: value.float() for key, value in tensors.items() if not key.startswith(EXACT)}
    codec.load_state_dict(state, strict=False)
    with torch.no_grad():
        codec.entropy.hyper.levels.copy_(tensors[EXACT + "levels"] / BIAS_UNIT)
        codec.entropy.z_mu.copy_(tensors[EXACT + "z_mu"])
        codec.entropy.z_index.copy_(tensors[EXACT + "z_index"] / BIAS_UNIT)
    for name, layer in codec.entropy.named_modules():
        if isinstance(layer, IntegerLayer):
            layer.thaw({part: tensors[f"{EXACT}{name}.{part}"] for part in ("weight", "bias", "shift")})


def write_weights(path: Path, model: str, config: CodecConfig, tensors: dict[str, torch.Tensor]) -> None:
    """Write a weights file, then again with the result of its self-test."""
    about = {"format": "rscodec-1", "model": model, "config": json.dumps(config.as_dict())}
    save_file(tensors, path, about)
    save_file(tensors, path, about | {"self_test": PortableCodec(path).self_test()})


class PortableCodec(TileCodec):
    """See the module. Loads a weights file; encodes and decodes on the CPU or a GPU."""

    portable = True
    most_effort = MOST_EFFORT
    latent_dtype = np.dtype("<i2")
    latent_unit = UNIT

    def __init__(self, path: Path, device: str = "cpu"):
        self.model, self.config, tensors, expected = read_weights(path)
        self._tensors = tensors
        self.weights_hashes = weights_hashes(tensors)
        self.device = torch.device(device)
        self.halo = transforms.halo(self.config.synthesis_blocks)
        self.border = transforms.border(self.config.encoder_blocks)
        self.channels = self.config.latents
        try:
            self._net = self._rebuild(tensors)
        except (InexactModelError, ValueError) as problem:
            raise WrongWeights(
                f"{path} does not hold a usable {self.model}: {problem}; give the file as it was exported"
            ) from None
        if expected is not None and self.self_test() != expected:
            raise InexactArithmetic(
                f"the self-test of {path} fails on {device}: products of integers are not exact here, so streams would "
                "not decode elsewhere; use another device or another build of torch"
            )

    @torch.inference_mode()
    def self_test(self) -> str:
        """A checksum of what the exact path makes of a fixed input: the same on every machine, or streams are not."""
        checksum = 0

        def pattern(like: tuple[int, ...], period: int) -> torch.Tensor:
            count = torch.Size(like).numel()
            return (torch.arange(count) * 37 % period - period // 2).view(like).float().to(self.device)

        def answer(known: Pass) -> torch.Tensor:
            nonlocal checksum
            checksum = zlib.crc32(known.index.to(torch.uint8).cpu().numpy().tobytes(), checksum)
            return known.mu + UNIT * pattern(known.mu.shape, 5)

        z = pattern((1, 2, 2, self.config.hyper), 11)
        latents = self._walk(z, 4.5, 7, 5, answer)
        return f"{zlib.crc32(latents.tobytes(), checksum):08x}"

    def _rebuild(self, tensors: dict[str, torch.Tensor]) -> Codec:
        net = Codec(self.config)
        replaced = {key: value for key, value in net.state_dict().items() if becomes_integer(key)}
        floats = {key: value.float() for key, value in tensors.items() if not key.startswith(EXACT)}
        net.load_state_dict(replaced | floats)
        for name, layer in list(net.entropy.named_modules()):
            if isinstance(layer, IntegerLayer):
                frozen = {part: tensors[f"{EXACT}{name}.{part}"] for part in ("weight", "bias", "shift")}
                parent, _, child = name.rpartition(".")
                setattr(net.entropy.get_submodule(parent), child, Exact(layer, frozen))
        self._levels, self._z_mu, self._z_index = (
            tensors[EXACT + key].float().to(self.device) for key in ("levels", "z_mu", "z_index")
        )
        self._coder = SymbolCoder(tensors[EXACT + "frequencies"].numpy(), tensors[EXACT + "reaches"].numpy())
        return net.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def analyse(self, pixels: np.ndarray, quality: float) -> np.ndarray:
        x = torch.from_numpy(pixels).to(self.device, memory_format=torch.channels_last)
        with precision.fast(self.device.type):
            return self._net.analyse(x, self._quality(quality, len(x))).float().cpu().numpy()

    @torch.inference_mode()
    def synthesise(self, latents: np.ndarray, quality: float, fast: bool = False) -> np.ndarray:
        y = torch.from_numpy(latents).to(self.device).float()
        with full_precision(), precision.fast(self.device.type, fast):
            return self._net.synthesise(y, self._quality(quality, len(y))).float().cpu().numpy()

    @torch.inference_mode()
    def synthesise_closely(self, latents: np.ndarray, quality: float) -> np.ndarray:
        y = torch.from_numpy(latents).to(self.device).double()
        with torch.autocast(self.device.type, enabled=False):
            return self._double.synthesise(y, self._quality(quality, len(y)).double()).cpu().numpy()

    @cached_property
    def _double(self) -> Codec:
        """The network in float64: on a CPU some four times as slow."""
        return copy.deepcopy(self._net).double()

    @cached_property
    def _trainable(self) -> Codec:
        """The networks once more, in the form that passes gradients on."""
        net = Codec(self.config)
        thaw(net, self._tensors)
        return net.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

    def refine(
        self, y: np.ndarray, inside: tuple[slice, slice], aims: list[Aim], quality: float, effort: int
    ) -> np.ndarray:
        quality = rate.from_wire(rate.to_wire(quality))
        return np.stack([refine(self._trainable, *one, inside, quality, effort) for one in zip(y, aims, strict=True)])

    @torch.inference_mode()
    def encode(self, y: np.ndarray, quality: float, dead_zone: bool = False) -> list[tuple[bytes, np.ndarray]]:
        target = torch.from_numpy(y).to(self.device)
        with precision.fast(self.device.type):
            z = self._net.entropy.analyse(target)
        z_mu, z_index = self._z_model(quality)
        z = z.float().round().clamp(-Z_LIMIT, Z_LIMIT)
        rows = dict(zip((True, False), split(target), strict=True))
        coded = [_Column((z - z_mu).flatten(1), z_index.expand_as(z).flatten(1))]

        def answer(known: Pass) -> torch.Tensor:
            residual = rows[known.anchors][..., known.channels] - known.mu / UNIT
            if dead_zone:
                residual = nearer_zero(residual, known.index)
            symbols = residual.round_().clamp_(-SYMBOL_LIMIT, SYMBOL_LIMIT).masked_fill_(known.index == 0, 0)
            coded.append(_Column(symbols.flatten(1), known.index.flatten(1)))
            return known.mu + UNIT * symbols

        height, width = y.shape[1:3]
        latents = self._walk(z, quality, height, width, answer)
        return [(self._coder.encode(*_coded(coded, item)), latents[item]) for item in range(len(latents))]

    @torch.inference_mode()
    def decode(self, payloads: list[bytes], height: int, width: int, quality: float) -> list[np.ndarray]:
        return list(self._read(payloads, height, width, quality))

    @torch.inference_mode()
    def sketch(self, payloads: list[bytes], height: int, width: int, quality: float, detail: int) -> np.ndarray:
        """By the linear shortcut, from the first groups of channels: those that hold what is left at this detail."""
        enough = SKETCH_CHANNELS * detail**2
        groups = 1 + sum(total < enough for total in accumulate(self.config.groups[:-1]))
        y = torch.from_numpy(self._read(payloads, height, width, quality, groups)).to(self.device).float()
        with full_precision():
            return self._net.sketch(y, self._quality(quality, len(y)), detail).cpu().numpy()

    def _read(
        self, payloads: list[bytes], height: int, width: int, quality: float, groups: int | None = None
    ) -> np.ndarray:
        """The latents (B, h, w, N) of payloads, or those of the first groups of channels."""
        z_height, z_width = -(-height // Z_STRIDE), -(-width // Z_STRIDE)
        most = z_height * z_width * self.config.hyper + height * width * self.channels
        decoders = [self._coder.decoder(payload, most) for payload in payloads]

        def read(index: torch.Tensor) -> torch.Tensor:
            indexes = index.flatten(1).cpu().numpy().astype(np.int32)
            symbols = np.zeros(indexes.shape, np.float32)
            for row, line, decoder in zip(symbols, indexes, decoders, strict=True):
                coded = np.flatnonzero(line)
                row[coded] = decoder.read(line[coded])
            return torch.from_numpy(symbols).view(index.shape).to(self.device)

        z_mu, z_index = self._z_model(quality)
        z = read(z_index.expand(len(payloads), z_height, z_width, -1)) + z_mu
        if z.abs().max() > Z_LIMIT:
            raise SymbolsDamaged("the payload holds side information that no encoder writes")
        return self._walk(z, quality, height, width, lambda known: known.mu + UNIT * read(known.index), groups)

    def _walk(
        self,
        z: torch.Tensor,
        quality: float,
        height: int,
        width: int,
        answer: Callable[[Pass], torch.Tensor],
        groups: int | None = None,
    ) -> np.ndarray:
        """Take the exact path, answering each pass; the latents (B, h, w, N) int16."""
        level = rate.mix_exact(self._levels, rate.to_wire(quality)).expand(len(z), -1)
        with exactly(), torch.autocast(self.device.type, enabled=False):
            walk = self._net.entropy.walk(z, level, height, width, groups)
            known = next(walk)
            while True:
                try:
                    known = walk.send(answer(known))
                except StopIteration as end:
                    return end.value.to(torch.int16).cpu().numpy()

    def _z_model(self, quality: float) -> tuple[torch.Tensor, torch.Tensor]:
        steps = rate.to_wire(quality)
        return rate.mix_exact(self._z_mu, steps), rate.mix_exact(self._z_index, steps)

    def _quality(self, quality: float, count: int) -> torch.Tensor:
        return torch.full((count,), rate.from_wire(rate.to_wire(quality)), device=self.device)


class _Column:
    """Symbols and indexes of one pass for the whole batch: (B, n) each."""

    def __init__(self, symbols: torch.Tensor, indexes: torch.Tensor):
        self.symbols = symbols.cpu().numpy().astype(np.int32)
        self.indexes = indexes.cpu().numpy().astype(np.int32)


def _coded(columns: list[_Column], item: int) -> tuple[np.ndarray, np.ndarray]:
    """What is written of one item: the symbols of all passes that have a scale, and their table indexes."""
    symbols = np.concatenate([column.symbols[item] for column in columns])
    indexes = np.concatenate([column.indexes[item] for column in columns])
    coded = np.flatnonzero(indexes)
    return symbols[coded], indexes[coded]


@contextmanager
def exactly() -> Iterator[None]:
    """Plain sums of products in full float32 inside, whatever the user asked of torch.

    TensorFloat-32 or bfloat16 would round what the exact path counts on, and cuDNN may choose algorithms for
    convolution that are no sums of products.
    """
    with full_precision(), _set([torch.backends.cudnn], "enabled", False):
        yield


def full_precision() -> AbstractContextManager[None]:
    """Neither TensorFloat-32 nor bfloat16 inside."""
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    if hasattr(torch.backends, "fp32_precision"):  # torch 2.9 on; it refuses the older switches once these were used
        return _set([cuda.matmul, cudnn.conv, mkldnn.matmul, mkldnn.conv], "fp32_precision", "ieee")
    return _set([cuda.matmul, cudnn], "allow_tf32", False)


@contextmanager
def _set(switches: list[Any], name: str, value: object) -> Iterator[None]:
    """`name` of every switch is `value` inside, and what it was afterwards."""
    before = [getattr(switch, name) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, name, value)
        yield
    finally:
        for switch, old in zip(switches, before, strict=True):
            setattr(switch, name, old)
