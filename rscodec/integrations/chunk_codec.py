"""Encodes each chunk of an array as a stream of its own. The codecs for Zarr and numcodecs share this module.

    chunk (..., rows, columns) --the axes before rows are bands--> stream --> bytes

The configuration names the model and the hash of its weights. An array is neither read nor written with other weights.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

import rscodec
from rscodec.bitstreams.errors import InputError, WrongWeights
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.bitstreams.wire import DTYPES
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find, find_model
from rscodec.models.weights import manifest, shipped
from rscodec.stream.settings import EncodeSettings


@dataclass(frozen=True)
class ChunkCodec:
    """`quality`: 1 to 8, continuous. Pixels equal to `nodata` are restored exactly, and so is NaN in any case.

    `model` and `weights_hash`: those of the package unless a configuration names others.
    """

    quality: float = 3.0
    nodata: float | None = None
    model: str = find(CODECS, DEFAULT_CODEC).default_model
    weights_hash: str | None = None

    def __post_init__(self):
        EncodeSettings(self.quality)
        if self.weights_hash is None:
            object.__setattr__(self, "weights_hash", _names(self.model)[0])

    @property
    def configuration(self) -> dict:
        return {key: value for key, value in asdict(self).items() if value is not None}

    def encode(self, chunk: np.ndarray) -> bytes:
        check_chunk(chunk.shape, chunk.dtype)
        found = _names(self.model)
        if self.weights_hash not in found:
            raise WrongWeights(
                f"these are other weights: the array was made with {self.model} with hash "
                f"{self.weights_hash}, this package has {found[0]}; write with the release that made it"
            )
        metadata = {} if self.nodata is None else {"nodata": repr(float(self.nodata))}
        scene = rscodec.Scene(chunk.reshape(-1, *chunk.shape[-2:]), metadata=metadata)
        weights = shipped(self.model)
        return rscodec.encode(scene, self.quality, model=find_model(CODECS, self.model).name, weights=weights)

    def decode(self, data: bytes) -> np.ndarray:
        """(bands, rows, columns)"""
        return rscodec.decode(data).pixels


def _names(model: str) -> list[str]:
    """The hashes by which streams and arrays name the packaged weights. New streams use the first one."""
    shipped(model)
    return list(manifest(model)["weights_hashes"].values())


def check_chunk(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise InputError unless chunks of this shape and type can be encoded as scenes."""
    if len(shape) < 2:
        raise InputError(f"chunks of shape {shape} have no rows and columns; give an array of at least two dimensions")
    if math.prod(shape[:-2]) > MAX_BANDS:
        raise InputError(
            f"chunks of shape {shape} have {math.prod(shape[:-2])} bands before their rows and columns; "
            f"choose chunks of at most {MAX_BANDS}"
        )
    if str(dtype) not in DTYPES.values():
        raise InputError(f"{dtype} pixels cannot be coded; convert to one of {', '.join(DTYPES.values())}")
