"""Converts a trained codec to a weights file, and a weights file to a trainable codec.

Codec --freeze--> tensors --write_weights--> weights file --read_weights--> tensors --thaw--> Codec
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from rscodec.codec.config import CodecConfig
from rscodec.codec.entropy import SCALES
from rscodec.codec.integer import BIAS_UNIT, EXACT
from rscodec.codec.portable import PortableCodec
from rscodec.codec.tables import gaussian_frequencies
from rscodec.networks.integer import IntegerLayer
from rscodec.networks.model import Codec


def becomes_integer(key: str) -> bool:
    """Whether a trained parameter belongs to the exact path, so that a weights file contains integers instead."""
    return key.startswith("entropy.") and not key.startswith("entropy.hyper_analysis.")


def freeze(codec: Codec) -> dict[str, np.ndarray]:
    """Return the tensors of a weights file, with Gaussian tables. Raise InexactModelError if the exact path would not
    be exact.
    """
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
    arrays = {key: np.ascontiguousarray(value.cpu().numpy()) for key, value in tensors.items()}
    return with_tables(arrays, *gaussian_frequencies())


def with_tables(
    tensors: Mapping[str, np.ndarray], frequencies: np.ndarray, reaches: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the tensors of a weights file with other tables."""
    return {**tensors, EXACT + "frequencies": frequencies.astype(np.int32), EXACT + "reaches": reaches}


def thaw(codec: Codec, tensors: Mapping[str, np.ndarray]) -> None:
    """Load the tensors of a weights file into a trainable codec."""
    values = {key: torch.from_numpy(value) for key, value in tensors.items()}
    state = {key: value.float() for key, value in values.items() if not key.startswith(EXACT)}
    codec.load_state_dict(state, strict=False)
    with torch.no_grad():
        codec.entropy.hyper.levels.copy_(values[EXACT + "levels"] / BIAS_UNIT)
        codec.entropy.z_mu.copy_(values[EXACT + "z_mu"])
        codec.entropy.z_index.copy_(values[EXACT + "z_index"] / BIAS_UNIT)
    for name, layer in codec.entropy.named_modules():
        if isinstance(layer, IntegerLayer):
            layer.thaw({part: values[f"{EXACT}{name}.{part}"] for part in ("weight", "bias", "shift")})


def write_weights(path: Path, model: str, config: CodecConfig, tensors: dict[str, np.ndarray]) -> None:
    """Write a weights file, run its self-test, and write the file again with the result."""
    about = {"format": "rscodec-1", "model": model, "config": json.dumps(config.as_dict())}
    save_file(tensors, path, about)
    save_file(tensors, path, about | {"self_test": PortableCodec(path).self_test()})
