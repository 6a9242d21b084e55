"""The portable codec of a weights file, with torch for the parts that need it.

cpu     NumPy computes; the search of effort 1 and more imports torch when it is called
cuda    torch computes on the GPU
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from rscodec.codec.arrays import Arrays
from rscodec.codec.base import Aim, Inside
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.portable import PortableCodec
from rscodec.concurrency.threads import limit_torch


def portable_codec(path: Path, device: str = "cpu") -> PortableCodec:
    """The codec in a weights file."""
    return PortableCodec(path, _arrays(device), _refine if find_spec("torch") else None)


def _arrays(device: str) -> Arrays:
    if device == "cpu":
        return NumpyArrays()
    from rscodec.networks.torch_arrays import TorchArrays

    return TorchArrays(device)


def _refine(
    codec: PortableCodec, y: np.ndarray, inside: Inside, aims: list[Aim], quality: float, effort: int
) -> np.ndarray:
    from rscodec.networks.effort import refine_with

    limit_torch()
    return refine_with(codec, y, inside, aims, quality, effort)
