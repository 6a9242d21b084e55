"""Reads the weights file of a portable codec, but only if its tensors match its own configuration.

    safetensors: tensors     the transforms in float16, and under `exact.` the integers of the entropy path
                 metadata    "format", "model", "config" as JSON, "self_test"

A file may come from anyone. So names, shapes and types are compared with those of the configured model before a tensor
is read or a layer is built. Neither can then be larger than the file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from rscodec.bitstreams.errors import MissingWeights, WrongWeights
from rscodec.bitstreams.wire import MODELS
from rscodec.codec import rate
from rscodec.codec.config import STRIDE, CodecConfig
from rscodec.codec.entropy import SCALES, Z_LIMIT
from rscodec.codec.integer import EXACT, SHIFT_MAX

DECODED = (EXACT, "synthesis.", "spread", "log_step", "log_trunk_out")  # the tensors that a decoder uses
HASH_BYTES = 8
LONGEST_CONFIG = 4096  # characters
FLOATS = ("F16", "F32")
MOST_LOG = 40  # the largest absolute value in a `log_` tensor, so gains and steps lie between e^-40 and e^40
SHOWN = 80  # characters of a tensor's name in an error


class Weights(NamedTuple):
    """Contents of a weights file. `self_test` is the result of PortableCodec.self_test when the file was written."""

    model: str
    config: CodecConfig
    tensors: dict[str, np.ndarray]
    self_test: str | None


class Wanted(NamedTuple):
    """A tensor that a weights file must have. None in `shape` allows any size of that dimension."""

    shape: tuple[int | None, ...]
    types: tuple[str, ...]


def weights_hashes(tensors: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Return, by arithmetic, the weights_hash of the streams that these tensors decode. New streams have the first."""
    return {"integer-2": _hash(tensors, DECODED), "integer-1": _hash(tensors, (EXACT,))}


def _hash(tensors: dict[str, np.ndarray], prefixes: tuple[str, ...]) -> bytes:
    """Return SHA-256, cut to 8 bytes, over name, type, shape and bytes of every tensor with one of these prefixes."""
    digest = hashlib.sha256()
    for key in sorted(key for key in tensors if key.startswith(prefixes)):
        value = np.ascontiguousarray(tensors[key])
        digest.update(f"{key} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.digest()[:HASH_BYTES]


def read_weights(path: Path) -> Weights:
    try:
        with safe_open(path, "numpy") as file:
            about = file.metadata() or {}
            model, config = about["model"], _config(about["config"])
            if model not in MODELS.values():
                raise ValueError(f"no model is called {model[:SHOWN]!r}")
            problem = _misfit(file, wanted_tensors(config))
            if problem is None:
                tensors = {key: file.get_tensor(key) for key in file.keys()}
                problem = _illegal(tensors)
    except FileNotFoundError:
        raise MissingWeights(f"no weights at {path}; check the path given as `weights`") from None
    except (OSError, SafetensorError, KeyError, ValueError) as fault:
        raise WrongWeights(f"{path} holds no rscodec weights ({fault}); give an exported .safetensors") from None
    if problem:
        raise WrongWeights(f"{path} does not hold a usable {model}: {problem}; give the file as it was exported")
    return Weights(model, config, tensors, about.get("self_test"))


def wanted_tensors(config: CodecConfig) -> dict[str, Wanted]:
    """Return all tensors that the weights file of a model must have."""
    wanted = _Layout()
    n, width = config.latents, config.width
    wanted.pointwise("analysis.stem", 3 * 64, width)
    wanted.blocks("analysis.blocks", width, config.encoder_blocks)
    wanted.pointwise("analysis.head", 4 * width, n)
    wanted.pointwise("synthesis.stem", n, 4 * width)
    wanted.blocks("synthesis.blocks", width, config.decoder_blocks)
    wanted.pointwise("synthesis.narrow", width, 4 * config.tail)
    wanted.block("synthesis.tail", config.tail)
    wanted.blocks("synthesis.tail_blocks", config.tail, config.tail_blocks - 1)
    wanted.pointwise("synthesis.head", config.tail, 3 * 16)
    if config.detail:
        wanted.pointwise("synthesis.detail.narrow", config.tail, 4 * config.detail)
        wanted.blocks("synthesis.detail.blocks", config.detail, config.detail_blocks)
        wanted.pointwise("synthesis.detail.head", config.detail, 3 * 4)
    for name in ("analysis.linear.weight", "synthesis.linear.weight"):
        wanted.real(name, n, 3, STRIDE, STRIDE)
    wanted.real("spread", n)
    for name, channels in (("log_gain", n), ("log_step", n), ("log_trunk_in", width), ("log_trunk_out", width)):
        wanted.real(name, rate.LEVELS, channels)
    features, hyper = config.features, config.hyper
    for name, inputs, outputs in (
        ("enter", n, features),
        ("middle", 4 * features, features),
        ("leave", 4 * features, hyper),
    ):
        wanted.real(f"entropy.hyper_analysis.{name}.weight", outputs, inputs)
        wanted.real(f"entropy.hyper_analysis.{name}.bias", outputs)
    wanted.exact("hyper.first", 4 * config.narrow, hyper)
    wanted.exact("hyper.spatial", config.narrow, 1, 3, 3)
    wanted.exact("hyper.second", 4 * features, config.narrow)
    wanted.exact("hyper.blend", features, 1, 3, 3)
    wanted.exact("hyper.last", features, features)
    known = 0
    for number, count in enumerate(config.groups):
        wanted.group(f"groups.{number}", features, known, count)
        known += count
    wanted.whole("levels", "I32", rate.LEVELS, 4 * config.narrow)
    for name in ("z_mu", "z_index"):
        wanted.whole(name, "I32", rate.LEVELS, hyper)
    wanted.whole("frequencies", "I32", None)
    wanted.whole("reaches", "I16", SCALES)
    return wanted


class _Layout(dict[str, Wanted]):
    """Tensors by name. Its methods add one layer at a time."""

    def real(self, name: str, *shape: int) -> None:
        self[name] = Wanted(shape, FLOATS)

    def whole(self, name: str, kind: str, *shape: int | None) -> None:
        self[EXACT + name] = Wanted(shape, (kind,))

    def pointwise(self, name: str, inputs: int, outputs: int) -> None:
        self.real(f"{name}.weight", outputs, inputs, 1, 1)
        self.real(f"{name}.bias", outputs)

    def block(self, name: str, width: int) -> None:
        for part, inputs, outputs in (("enter", 1, 1), ("leave", 1, 1), ("expand", 1, 4), ("contract", 2, 1)):
            self.pointwise(f"{name}.{part}", inputs * width, outputs * width)
        self.real(f"{name}.spatial.weight", width, 1, 3, 3)
        self.real(f"{name}.spatial.bias", width)

    def blocks(self, name: str, width: int, count: int) -> None:
        for number in range(count):
            self.block(f"{name}.{number}", width)

    def exact(self, name: str, *shape: int) -> None:
        self.whole(f"{name}.weight", "I16", *shape)
        self.whole(f"{name}.bias", "I32", shape[0])
        self.whole(f"{name}.shift", "I8", shape[0])

    def group(self, name: str, features: int, known: int, count: int) -> None:
        self.exact(f"{name}.mix", features, features + known)
        self.exact(f"{name}.spatial", features, 1, 3, 3)
        for colour, inputs in (("anchor", features), ("other", features + 4 * count)):
            self.exact(f"{name}.{colour}_hidden", features, inputs)
            self.exact(f"{name}.{colour}_mu", count, features)
            self.exact(f"{name}.{colour}_index", count, features)


def _config(text: str) -> CodecConfig:
    if len(text) > LONGEST_CONFIG:
        raise ValueError(f"its configuration has {len(text)} characters, above the limit of {LONGEST_CONFIG}")
    try:
        return CodecConfig.from_dict(json.loads(text))
    except RecursionError:
        raise ValueError("its configuration is nested too deeply") from None


def _misfit(file: Any, wanted: dict[str, Wanted]) -> str | None:
    """Describe in words what is wrong with the names, shapes and types of the tensors."""
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


def _illegal(tensors: dict[str, np.ndarray]) -> str | None:
    """Describe in words what is wrong with the values. Layers and tables check their own values."""
    for name, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return f"{name} holds values that are not finite"
        if name.startswith("log_") and np.abs(value).max() > MOST_LOG:
            return f"{name} holds values beyond {MOST_LOG}"
    if tensors["spread"].min() <= 0:
        return "spread holds values that are not above 0"
    limits = {"z_mu": (-Z_LIMIT, Z_LIMIT), "z_index": (1, SCALES - 1)}  # z_index: every symbol of z is coded
    limits |= {name.removeprefix(EXACT): (0, SHIFT_MAX) for name in tensors if name.endswith(".shift")}
    for name, (low, high) in limits.items():
        value = tensors[EXACT + name]
        if value.min() < low or value.max() > high:
            return f"{EXACT}{name} holds values outside {low}..{high}"
    return None
