"""Weights files of generative models: float16 tensors, and metadata that suffices to rebuild the model.

tensors     what inference needs
metadata    "format" and "model" as text; "config" and facts, each as JSON
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn as nn
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from rscodec.bitstreams.errors import MissingWeights, WrongWeights


class Config:
    """Base of configurations: dataclasses of plain values and tuples that can be read from JSON."""

    @classmethod
    def from_dict(cls, values: dict):
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


@dataclass(frozen=True)
class ModelFile:
    """A weights file that was read, with the requested `facts`."""

    path: Path
    model: str
    config: Config
    facts: dict
    tensors: dict[str, torch.Tensor]
    weights_hash: str  # the first 16 hexadecimal digits of the SHA-256 of the file

    def load_into(self, net: nn.Module, left_out: tuple[str, ...], device: str) -> nn.Module:
        """Load the weights into `net`, ready for inference on a device. `left_out`: prefixes of tensors that do not
        ship.
        """
        rest = {key: value for key, value in net.state_dict().items() if key.startswith(left_out)}
        try:
            net.load_state_dict(rest | {key: value.float() for key, value in self.tensors.items()})
        except RuntimeError as problem:
            raise WrongWeights(f"{self.path} does not hold a usable {self.model}: {problem}") from None
        return net.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def write_model(path: Path, form: str, model: str, net: nn.Module, left_out: tuple[str, ...], **facts) -> None:
    """Write the weights file of a trained net, which has a `config`."""
    tensors = {
        key: value.detach().half().contiguous().cpu()
        for key, value in net.state_dict().items()
        if not key.startswith(left_out)
    }
    about = {key: json.dumps(value) for key, value in ({"config": asdict(net.config)} | facts).items()}
    save_file(tensors, path, {"format": form, "model": model} | about)


def form_of(path: Path) -> str | None:
    """The format that a weights file names; None if the file is not a weights file."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("format")
    except (OSError, SafetensorError):
        return None


def read_model(path: Path, form: str, what: str, config: type[Config], facts: tuple[str, ...] = ()) -> ModelFile:
    """Read a weights file of the format `form`. Errors call it `what`."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            if about.get("format") != form:
                raise ValueError(f"its format is {about.get('format')}, not {form}")
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        for key, value in tensors.items():
            if not value.isfinite().all():
                raise ValueError(f"{key[:80]!r} holds values that are not finite")
    except FileNotFoundError:
        raise MissingWeights(f"no {what} at {path}; check the path") from None
    except (OSError, SafetensorError, ValueError) as problem:
        raise WrongWeights(f"{path} holds no {what} ({problem}); give an exported .safetensors") from None
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    try:
        known = {fact: json.loads(about[fact]) for fact in facts}
        built = config.from_dict(json.loads(about["config"]))
        return ModelFile(Path(path), about["model"], built, known, tensors, digest)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        raise WrongWeights(f"{path} does not describe its {what} ({problem}); export it again") from None
