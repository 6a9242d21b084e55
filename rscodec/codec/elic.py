"""CompressAI's own ELIC models, with a checkpoint of the user, in the container of this project.

    pixels --g_a--> y --pad to z's stride--> latent_codec --> 2 strings a channel group, 1 of z --> payload
    payload --> strings --> latent_codec --> y^ --crop--> latents (float32) --g_s--> pixels

    payload = length u32 of each string but the last, then the strings

This codec is not portable. The networks between the strings use floating point, and the tables are computed when the
checkpoint is loaded. So a stream decodes only on the kind of machine that wrote it; on others, the checksums report the
difference. A checkpoint has one rate, so the quality in the header is 1 and has no meaning.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file

from rscodec.bitstreams.errors import InputError, MissingWeights, SymbolsDamaged, WrongWeights
from rscodec.codec.base import Inside, TileCodec
from rscodec.codec.coder import longest

Z_STRIDE = 4  # y positions per z position, in each direction
SYMBOL_LIMIT = 2**20  # CompressAI's coder hangs on symbols of more than 27 bits, and NaN becomes such a symbol
# CompressAI's coder reads beyond the end of a damaged string. An escape whose count has n nibbles is followed by up to
# 15 n more. In state 0 every nibble takes a word, so each byte of the string causes at most 15 bytes of reading after
# its end. A symbol that begins after the end reads zeros and takes about two words.
GUARD_PER_BYTE, GUARD_PER_SYMBOL, GUARD = 16, 8, 1024
NOT_ELIC = "is no checkpoint of CompressAI's Elic2022Official or Elic2022Chandelier"


class ElicCodec(TileCodec):
    """See the module. The tensors of a checkpoint determine which of the two models it is for, and its sizes."""

    portable = False
    fixed_rate = True
    halo = 9  # g_s reaches 4 pixels at stride 16, 4 at stride 8, 7 at stride 4 and 4 at stride 2: 8.25 latents
    border = 4  # g_a also reaches 8.25 latents, but pixels that far away have almost no effect
    latent_dtype = np.dtype("<f4")

    def __init__(self, path: Path, device: str = "cpu"):
        self.device = torch.device(device)
        self._net: Any  # CompressAI has no types
        state = _read(path)
        try:
            self.model, self.groups, self._net = _rebuild(state)
        except (KeyError, IndexError, RuntimeError, ValueError, TypeError, AttributeError) as problem:
            raise WrongWeights(f"{path} {NOT_ELIC} ({_first_line(problem)})") from None
        self.channels = sum(self.groups)
        self.weights_hashes = {"float": _hash(self._net)}
        self._net.to(self.device)

    @torch.inference_mode()
    def analyse(self, pixels: np.ndarray, quality: float) -> np.ndarray:
        return self._net.g_a(torch.from_numpy(pixels).to(self.device)).permute(0, 2, 3, 1).cpu().numpy()

    @torch.inference_mode()
    def synthesise(self, latents: np.ndarray, quality: float, inside: Inside | None = None) -> np.ndarray:
        y = torch.from_numpy(latents).to(self.device).permute(0, 3, 1, 2).contiguous()
        pixels = self._net.g_s(y).cpu().numpy()
        if inside is None:
            return pixels
        rows, cols = (slice(self.stride * part.start, self.stride * part.stop) for part in inside)
        return pixels[..., rows, cols]

    def encode(self, y: np.ndarray, quality: float, refined: bool = False) -> list[tuple[bytes, np.ndarray]]:
        return [self._encode(item) for item in torch.from_numpy(y)]

    def decode(self, payloads: list[bytes], height: int, width: int, quality: float) -> list[np.ndarray]:
        return [self._decode(payload, height, width) for payload in payloads]

    # Tiles are coded one at a time: with another batch size, sums have another order and give other symbols.

    @torch.inference_mode()
    def _encode(self, y: torch.Tensor) -> tuple[bytes, np.ndarray]:
        height, width = y.shape[:2]
        y = F.pad(y.permute(2, 0, 1)[None], (0, -width % Z_STRIDE, 0, -height % Z_STRIDE), mode="replicate")
        coded = self._net.latent_codec.compress(y.to(self.device))
        return _frame([string for (string,) in coded["strings"]]), _crop(coded["y_hat"], height, width)

    @torch.inference_mode()
    def _decode(self, payload: bytes, height: int, width: int) -> np.ndarray:
        strings = _unframe(payload, 2 * len(self.groups) + 1)
        z_height, z_width = -(-height // Z_STRIDE), -(-width // Z_STRIDE)
        y_shape = Z_STRIDE * z_height, Z_STRIDE * z_width
        shapes = {"hyper": (z_height, z_width), "y": [(count, *y_shape) for count in self.groups]}
        decoded = self._net.latent_codec.decompress([[string] for string in strings], shapes)
        return _crop(decoded["y_hat"], height, width)


def guarded(string: bytes, most_symbols: int, limit: int) -> bytes:
    """Return a string of at most `most_symbols` symbols with |symbol| <= limit, plus as many zeros as the coder may
    read.
    """
    if len(string) > longest(most_symbols, limit):
        raise SymbolsDamaged("the payload is longer than any that an encoder writes")
    return string + bytes(GUARD_PER_BYTE * len(string) + GUARD_PER_SYMBOL * most_symbols + GUARD)


class GuardedCoder:
    """Replaces CompressAI's range coder in its models. It is safe from damaged strings and huge symbols.

    The coder fails on lists of one symbol or none. They do not occur: y comes in fours, and z has many channels.
    """

    def __init__(self, coder: Any):
        self._coder = coder

    def encode_with_indexes(self, symbols: list[int], indexes: list[int], *tables: list) -> bytes:
        if max(symbols) > SYMBOL_LIMIT or min(symbols) < -SYMBOL_LIMIT:
            raise WrongWeights("the checkpoint makes latents of this scene that are no numbers; give a trained one")
        return self._coder.encode_with_indexes(symbols, indexes, *tables)

    def decode_with_indexes(self, string: bytes, indexes: list[int], *tables: list) -> list[int]:
        symbols = self._coder.decode_with_indexes(guarded(string, len(indexes), SYMBOL_LIMIT), indexes, *tables)
        if max(symbols) > SYMBOL_LIMIT or min(symbols) < -SYMBOL_LIMIT:
            raise SymbolsDamaged("the payload holds a symbol that no encoder writes")
        return symbols


def _read(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint, .safetensors or of torch.save, and remove `state_dict` and `module.` around
    them.
    """
    try:
        if Path(path).suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
        return {key.removeprefix("module."): value for key, value in state.items()}
    except FileNotFoundError:
        raise MissingWeights(f"no weights at {path}; check the path given as `weights`") from None
    except (OSError, EOFError, SafetensorError, UnpicklingError, RuntimeError, ValueError, AttributeError) as problem:
        raise WrongWeights(f"{path} {NOT_ELIC} ({_first_line(problem)})") from None


def _rebuild(state: dict[str, torch.Tensor]) -> tuple[str, list[int], torch.nn.Module]:
    """Return (model, channel groups, network with its tables) of a checkpoint."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # from a library that CompressAI loads
        try:
            from compressai.entropy_models.entropy_models import EntropyModel
            from compressai.models import Elic2022Chandelier, Elic2022Official
        except ModuleNotFoundError:
            raise InputError(
                "elic needs compressai, which runs on Python 3.12 or older; run pip install 'rscodec[elic]'"
            ) from None

    count, latents = state["g_a.0.weight"].shape[0], state["g_s.1.weight"].shape[0]
    groups: list[int] = []
    while (key := f"latent_codec.y.latent_codec.y{len(groups)}.context_prediction.weight") in state:
        groups.append(state[key].shape[1])
    rows, columns = state["latent_codec.hyper.h_s.4.weight"].shape[:2]
    model, kind = {
        (count * 3 // 2, count * 2): ("elic-official", Elic2022Official),  # the last layer of h_s, transposed
        (latents * 2, count * 3 // 2): ("elic-chandelier", Elic2022Chandelier),
    }[rows, columns]
    net = kind(count, latents, groups)
    net.load_state_dict(state)
    net.update(force=True)  # the tables in a checkpoint may be older than its weights
    for module in net.modules():
        if isinstance(module, EntropyModel):
            module.entropy_coder = GuardedCoder(module.entropy_coder)
    return model, groups, net.eval().requires_grad_(False)


def _hash(net: torch.nn.Module) -> bytes:
    """Return SHA-256, cut to 8 bytes, over name, shape and bytes of every parameter, which determine the tables."""
    digest = hashlib.sha256()
    for name, value in sorted(net.named_parameters()):
        digest.update(f"{name} {tuple(value.shape)}\n".encode())
        digest.update(value.numpy().astype("<f4").tobytes())
    return digest.digest()[:8]


def _frame(strings: list[bytes]) -> bytes:
    return struct.pack(f"<{len(strings) - 1}I", *map(len, strings[:-1])) + b"".join(strings)


def _unframe(payload: bytes, count: int) -> list[bytes]:
    start = 4 * (count - 1)
    lengths = struct.unpack_from(f"<{count - 1}I", payload) if len(payload) >= start else (len(payload),)
    if start + sum(lengths) > len(payload):
        raise SymbolsDamaged("the payload is shorter than the strings in it")
    strings = []
    for length in lengths:
        strings.append(payload[start : start + length])
        start += length
    return [*strings, payload[start:]]


def _crop(y: torch.Tensor, height: int, width: int) -> np.ndarray:
    """Crop (1, N, >= h, >= w) to latents (h, w, N)."""
    return np.ascontiguousarray(y[0, :, :height, :width].permute(1, 2, 0).cpu().numpy(), "<f4")


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
