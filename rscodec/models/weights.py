"""Finds the weights of a model: in the package, or in a file that the user names.

Each `NAME.safetensors` in rscodec/weights has a manifest `NAME.json`: SHA-256, licence, training data, command,
configuration and measured figures. A file of the package is compared with that SHA-256 when it is loaded, and refused
if it has changed on disk.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rscodec.bitstreams import Header
from rscodec.bitstreams.digest import sha256
from rscodec.bitstreams.errors import InputError, MissingWeights, WrongWeights
from rscodec.codec.base import TileCodec
from rscodec.concurrency.threads import limit_torch
from rscodec.models.registry import CARBON, CODECS, ENHANCERS, UPSAMPLERS, Row, find, find_model

if TYPE_CHECKING:
    from rscodec.enhancers.base import Enhancer
    from rscodec.upsamplers.base import Upsampler

FOLDER = Path(__file__).parent.parent / "weights"
SUFFIX = ".safetensors"


def shipped(model: str) -> Path:
    """The weights file of a model in the package."""
    path = FOLDER / f"{model}.safetensors"
    if not path.exists():
        raise MissingWeights(f"the weights {model} are not in this package; give their file as `weights`")
    return path


def manifest(model: str) -> dict:
    return json.loads((FOLDER / f"{model}.json").read_text())


def weights_path(name: str, weights: str | Path | None = None) -> Path:
    """The weights file to encode with: the one that the user names, or the one that ships for this registry row."""
    model = _row(name).default_model
    if weights is None and model is None:
        raise MissingWeights(f"no weights of the codec {name} ship with this package; give your file as `weights`")
    return Path(weights) if weights is not None else shipped(model)


def codec_for_encoding(name: str, weights: str | Path | None = None, device: str = "cpu") -> TileCodec:
    """The codec of a registry row, with the weights that ship or with those in a file."""
    row, path = _row(name), weights_path(name, weights)
    check_device(device)
    codec = _load(row, path, device)
    if codec.model not in row.models:
        fits = find_model(CODECS, codec.model).name
        raise WrongWeights(f"{path} holds {codec.model}, which is not for the codec {name}; give `model={fits}`")
    return codec


def codec_for_decoding(header: Header, weights: str | Path | None = None, device: str = "cpu") -> TileCodec:
    """The codec that a stream needs. If its weights are not found, the error names the model and the hash."""
    wanted = f"{header.model} with hash {header.weights_hash.hex()}"
    if weights is None and not (FOLDER / f"{header.model}.safetensors").exists():
        raise MissingWeights(f"the stream needs {wanted}, which is not in this package; give its file as `weights`")
    path = Path(weights) if weights is not None else shipped(header.model)
    check_device(device)
    codec = _load(find_model(CODECS, header.model), path, device)
    found = codec.weights_hashes.get(header.arithmetic, codec.weights_hash)
    if (codec.model, found) != (header.model, header.weights_hash):
        raise WrongWeights(
            f"these are other weights: the stream needs {wanted}, but {path} holds {codec.model} with hash "
            f"{found.hex()}; give the right file as `weights`"
        )
    return codec


def enhancer_for(model: str | Path, device: str = "cpu") -> Enhancer:
    """The enhancer that `model` names: a row of the registry, with the weights that ship, or a weights file (known by
    its suffix).
    """
    return _generator(ENHANCERS, "enhancer", model, device)


def measured_with(enhancer: Enhancer) -> set[str]:
    """The hashes of the codec weights that an enhancer was measured with: those in its file, and, if it ships, those
    that its manifest adds (`also_measured`, with the commands).
    """
    known = set(enhancer.codecs)
    if (FOLDER / f"{enhancer.model}.json").exists():
        about = manifest(enhancer.model)
        if about["sha256"].startswith(enhancer.weights_hash):
            known |= about.get("also_measured", {}).keys()
    return known


def upsampler_for(model: str | Path, device: str = "cpu") -> Upsampler:
    """The upsampler that `model` names, as in `enhancer_for`."""
    return _generator(UPSAMPLERS, "upsampler", model, device)


def mapper_for(model: str | Path, device: str = "cpu"):
    """The model of carbon (rscodec.carbon.mapper) that `model` names, as in `enhancer_for`."""
    return _generator(CARBON, "model of carbon", model, device)


def _generator(rows: tuple[Row, ...], kind: str, model: str | Path, device: str):
    check_device(device)
    if Path(model).suffix == SUFFIX:
        return _load(_row_of(rows, Path(model)), Path(model), device)
    row = next((row for row in rows if row.name == str(model)), None)
    if row is None:
        there = ", ".join(row.name for row in rows if ships(row))
        raise InputError(f"unknown name {str(model)!r}; there are {there}, or give a weights file (*{SUFFIX})")
    if not ships(row):
        raise MissingWeights(f"no weights of the {kind} {row.name} ship with this package; give a file with them")
    return _load(row, shipped(row.default_model), device)


def _row_of(rows: tuple[Row, ...], path: Path) -> Row:
    """The row that reads a weights file. If none does, the first row, whose loader raises the error."""
    _imported(rows[0])
    from rscodec.models.model_file import form_of

    form = form_of(path)
    return next((row for row in rows if row.load().form == form), rows[0])


def ships(row: Row) -> bool:
    """Whether this package contains the weights of a row."""
    return row.default_model is not None and (FOLDER / f"{row.default_model}{SUFFIX}").exists()


def check_device(device: str) -> None:
    """Raise InputError for an unknown device, and for a GPU that is not usable."""
    if device == "cpu":
        return
    try:
        import torch
    except ImportError:
        raise InputError(f"`device={device}`: a GPU needs torch; run pip install 'rscodec[enhance]'") from None
    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise InputError(f"`device={device}`: there is no such device; give cpu or cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"`device={device}`: no CUDA device is usable here; use `device=cpu`")


def _row(name: str) -> Row:
    try:
        return find(CODECS, name)
    except ValueError as problem:
        raise InputError(f"`model`: {problem}") from None


def _load(row: Row, path: Path, device: str):
    """The model in a file. The two used last are cached until their files change."""
    about = path.stat() if path.exists() else None
    return _loaded(row, path.absolute(), device, about and (about.st_ino, about.st_mtime_ns, about.st_size))


@lru_cache(maxsize=2)
def _loaded(row: Row, path: Path, device: str, _version: tuple | None):
    if path.parent == FOLDER and path.with_suffix(".json").exists():
        _check_packaged(path)
    load = _imported(row)
    limit_torch()
    return load(path, device)


def _imported(row: Row):
    """The class or function that loads the weights of a row. Raises InputError if the row's extra is not installed."""
    try:
        return row.load()
    except ModuleNotFoundError as missing:
        raise InputError(f"{row.name} needs {missing.name}; run pip install 'rscodec[{row.extra}]'") from None


def _check_packaged(path: Path) -> None:
    """Raise WrongWeights if a file of the package does not have the SHA-256 in its manifest."""
    found, wanted = sha256(path), manifest(path.stem)["sha256"]
    if found != wanted:
        raise WrongWeights(
            f"these are other weights: {path} has the SHA-256 {found}, its manifest says {wanted}; "
            "install the package again"
        )
