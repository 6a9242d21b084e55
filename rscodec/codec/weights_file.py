"""The weights file of a portable codec: read only if it is what its own configuration says.

    safetensors: tensors     the transforms in float16, and under `exact.` the integers of the entropy path
                 metadata    "format", "model", "config" as JSON, "self_test"

A file may come from anyone, so names, shapes and types are compared with those of the configured model before a tensor
is read or a network built: neither can then be larger than the file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open

from rscodec.bitstreams.errors import MissingWeights, WrongWeights
from rscodec.bitstreams.wire import MODELS
from rscodec.codec.entropy import SCALES, Z_LIMIT
from rscodec.codec.integer import SHIFT_MAX, IntegerLayer
from rscodec.codec.model import Codec, CodecConfig

EXACT = "exact."
DECODED = (EXACT, "synthesis.", "spread", "log_step", "log_trunk_out")  # what a decoder computes with
HASH_BYTES = 8
LONGEST_CONFIG = 4096  # characters
FLOATS = ("F16", "F32")
SHOWN = 80  # characters of a tensor's name in an error


class Weights(NamedTuple):
    """What a weights file holds. `self_test` is what PortableCodec.self_test gave when it was written."""

    model: str
    config: CodecConfig
    tensors: dict[str, torch.Tensor]
    self_test: str | None


class Wanted(NamedTuple):
    """A tensor that a weights file must have. None in its shape: any size."""

    shape: tuple[int | None, ...]
    types: tuple[str, ...]


def weights_hashes(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    """By arithmetic: the weights_hash of streams that these tensors decode. New streams have the first."""
    return {"integer-2": _hash(tensors, DECODED), "integer-1": _hash(tensors, (EXACT,))}


def _hash(tensors: dict[str, torch.Tensor], prefixes: tuple[str, ...]) -> bytes:
    """SHA-256, cut to 8 bytes, over name, type, shape and bytes of every tensor with one of these prefixes."""
    digest = hashlib.sha256()
    for key in sorted(key for key in tensors if key.startswith(prefixes)):
        value = tensors[key].contiguous().numpy()
        digest.update(f"{key} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.digest()[:HASH_BYTES]


def read_weights(path: Path) -> Weights:
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            model, config = about["model"], _config(about["config"])
            if model not in MODELS.values():
                raise ValueError(f"no model is called {model[:SHOWN]!r}")
            problem = _misfit(file, wanted_tensors(config))
            if problem is None:
                tensors = {key: file.get_tensor(key) for key in file.keys()}
                problem = _illegal(tensors)
    except FileNotFoundError:
        raise MissingWeights(f"no weights at {path}; check the path given with --weights") from None
    except (OSError, SafetensorError, KeyError, ValueError) as fault:
        raise WrongWeights(f"{path} holds no rscodec weights ({fault}); give an exported .safetensors") from None
    if problem:
        raise WrongWeights(f"{path} does not hold a usable {model}: {problem}; give the file as it was exported")
    return Weights(model, config, tensors, about.get("self_test"))


def becomes_integer(key: str) -> bool:
    """Whether a trained parameter belongs to the exact path, so that a weights file holds integers in its place."""
    return key.startswith("entropy.") and not key.startswith("entropy.hyper_analysis.")


def wanted_tensors(config: CodecConfig) -> dict[str, Wanted]:
    """All tensors of the weights file of a model."""
    with torch.device("meta"):
        codec = Codec(config)
    wanted = {
        key: Wanted(tuple(value.shape), FLOATS) for key, value in codec.state_dict().items() if not becomes_integer(key)
    }
    for name, layer in codec.entropy.named_modules():
        if isinstance(layer, IntegerLayer):
            outputs = tuple(layer.bias.shape)
            wanted[f"{EXACT}{name}.weight"] = Wanted(tuple(layer.weight.shape), ("I16",))
            wanted[f"{EXACT}{name}.bias"] = Wanted(outputs, ("I32",))
            wanted[f"{EXACT}{name}.shift"] = Wanted(outputs, ("I8",))
    wanted[EXACT + "levels"] = Wanted(tuple(codec.entropy.hyper.levels.shape), ("I32",))
    for name in ("z_mu", "z_index"):
        wanted[EXACT + name] = Wanted(tuple(getattr(codec.entropy, name).shape), ("I32",))
    wanted[EXACT + "frequencies"] = Wanted((None,), ("I32",))
    wanted[EXACT + "reaches"] = Wanted((SCALES,), ("I16",))
    return wanted


def _config(text: str) -> CodecConfig:
    if len(text) > LONGEST_CONFIG:
        raise ValueError(f"its configuration has {len(text)} characters, above the limit of {LONGEST_CONFIG}")
    try:
        return CodecConfig.from_dict(json.loads(text))
    except RecursionError:
        raise ValueError("its configuration is nested too deeply") from None


def _misfit(file: Any, wanted: dict[str, Wanted]) -> str | None:
    """What is wrong with the names, shapes and types of the tensors, in words."""
    found = set(file.keys())
    for names, what in ((wanted.keys() - found, "is missing"), (found - wanted.keys(), "does not belong there")):
        if names:
            return f"the tensor {min(names)[:SHOWN]!r} {what}"
    for name, (shape, types) in wanted.items():
        held = file.get_slice(name)
        sizes, kind = tuple(held.get_shape()), held.get_dtype()
        if len(sizes) != len(shape) or any(want not in (None, size) for want, size in zip(shape, sizes, strict=True)):
            return f"{name} has the shape {sizes}, not {shape}"
        if kind not in types:
            return f"{name} is of type {kind}, not {' or '.join(types)}"
    return None


def _illegal(tensors: dict[str, torch.Tensor]) -> str | None:
    """What is wrong with the values, in words. Layers and tables check their own."""
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            return f"{name} holds values that are not finite"
    limits = {"z_mu": (-Z_LIMIT, Z_LIMIT), "z_index": (1, SCALES - 1)}  # z_index: every symbol of z is coded
    limits |= {name.removeprefix(EXACT): (0, SHIFT_MAX) for name in tensors if name.endswith(".shift")}
    for name, (low, high) in limits.items():
        value = tensors[EXACT + name]
        if value.min() < low or value.max() > high:
            return f"{EXACT}{name} holds values outside {low}..{high}"
    return None
