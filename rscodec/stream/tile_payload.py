"""Definitions about the payloads of tiles that encoder and decoder share."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from rscodec.raster.validity import VALID

FLAT = b"\0"  # payload of a group whose latents are all 0: mid grey in the whole tile
BLOCK_TILES = 2  # neighbouring tiles that the network processes together


def latents_crc(latents: np.ndarray) -> int:
    """crc_decoded of a group: the CRC-32 of its latents as little-endian bytes."""
    return zlib.crc32(np.ascontiguousarray(latents, latents.dtype.newbyteorder("<")).tobytes())


def valid_pixels(classes: np.ndarray | None, shape: tuple[int, ...], coded: int) -> np.ndarray:
    """bool (C, h, w): the valid pixels of the coded bands."""
    if classes is None:
        return np.ones((coded, *shape), bool)
    return np.broadcast_to(classes == VALID, (coded, *shape))


def lost_tiles(bad: Iterable[tuple]) -> str:
    """Damaged tiles (row, col, group) as text."""
    parts = ((row, col, "planes" if group is None else f"group {group}") for row, col, group in bad)
    return ", ".join(f"tile ({row}, {col}) {part}" for row, col, part in parts)
