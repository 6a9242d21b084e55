"""The interface of anchors: codecs that ours are compared with, run as their users would run them.

    pixels (B, H, W) --encode(pixels, parameter)--> bytes --decode(bytes, shape, dtype)--> pixels (B, H, W)
            |
            +--ceiling--> pixels after the colour conversion alone: the best result of any parameter

- `name` labels the rows. `command` is the command with {parameter} in it. `version` names the versions of the tools.
- `parameters`: the default operating points, from few bytes to many.
- `refuses(bands, dtype)` returns the reason why it cannot code such a scene, or None. It is called before `encode`.
- The bytes are the whole file: everything that decoding needs besides shape and dtype is in them and counts.
- Every conversion rounds to nearest, once.
- If a tool is not installed, the constructor raises ToolMissing, which says what to install.
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
        """The reason why such a scene cannot be coded, or None."""
        return None

    def ceiling(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels after colour conversion and back; unchanged if there is none."""
        return pixels

    @abstractmethod
    def encode(self, pixels: np.ndarray, parameter: float) -> bytes: ...

    @abstractmethod
    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray: ...


def to_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """Round to nearest and clip, once."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def bundle(side: bytes, streams: list[bytes]) -> bytes:
    """Several streams as one file: the side information for decoding, then each stream after its length (4 bytes)."""
    return b"".join(struct.pack("<I", len(part)) + part for part in (side, *streams))


def unbundle(data: bytes) -> tuple[bytes, list[bytes]]:
    parts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return parts[0], parts[1:]


def run(command: list[str], data: bytes | None = None) -> bytes:
    """Run a tool with `data` as standard input. Returns its standard output."""
    try:
        result = subprocess.run(command, input=data, capture_output=True)
    except OSError as problem:
        raise ToolMissing(f"{command[0]} does not run ({problem}); install it again") from None
    if result.returncode:
        words = result.stderr.decode(errors="replace").strip().splitlines()
        raise ToolFailed(f"{command[0]} ended with {result.returncode}: {words[-1] if words else 'no message'}")
    return result.stdout
