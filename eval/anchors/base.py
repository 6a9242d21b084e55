"""The contract of an anchor: a codec that we measure ourselves against, run as its users would run it.

    pixels (B, H, W) --encode(pixels, parameter)--> bytes --decode(bytes, shape, dtype)--> pixels (B, H, W)
            |
            +--ceiling--> pixels that went through the colour conversion alone: the best that any parameter can do

- `name` labels its rows, `command` is what is run, with {parameter} in it, `version` names the tools that run it.
- `parameters` are the default operating points, from few bytes to many.
- `refuses(bands, dtype)` says in words why it cannot code such a scene, or nothing. It is asked before `encode`.
- The bytes are the whole file: what decoding needs besides shape and dtype is in them, and so is counted.
- Every conversion rounds to nearest, once.
- A tool that is not installed raises ToolMissing from the constructor, with what to install.
"""

from __future__ import annotations

import struct
import subprocess
from abc import ABC, abstractmethod

import numpy as np

from rscodec.bitstreams.errors import ToolFailed, ToolMissing

Shape = tuple[int, int, int]


class Anchor(ABC):
    name: str
    command: str
    version: str
    parameters: tuple[float, ...]

    def refuses(self, bands: int, dtype: str) -> str | None:
        """Why such a scene cannot be coded; None if it can."""
        return None

    def ceiling(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels through the colour conversion and back; themselves where there is none."""
        return pixels

    @abstractmethod
    def encode(self, pixels: np.ndarray, parameter: float) -> bytes: ...

    @abstractmethod
    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray: ...


def to_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """Rounded to nearest and clipped, once."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def bundle(side: bytes, streams: list[bytes]) -> bytes:
    """Several streams as one file: what decoding needs beside them, then each behind its length (4 bytes)."""
    return b"".join(struct.pack("<I", len(part)) + part for part in (side, *streams))


def unbundle(data: bytes) -> tuple[bytes, list[bytes]]:
    parts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return parts[0], parts[1:]


def run(command: list[str], data: bytes | None = None) -> bytes:
    """Run a tool, feeding it `data`; what it wrote to standard output."""
    try:
        result = subprocess.run(command, input=data, capture_output=True)
    except OSError as problem:
        raise ToolMissing(f"{command[0]} does not run ({problem}); install it again") from None
    if result.returncode:
        words = result.stderr.decode(errors="replace").strip().splitlines()
        raise ToolFailed(f"{command[0]} ended with {result.returncode}: {words[-1] if words else 'no message'}")
    return result.stdout
