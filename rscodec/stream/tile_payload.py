"""What encoder and decoder share about the payloads of tiles."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from rscodec.bitstreams.container import RESIDUAL
from rscodec.raster.validity import VALID

FLAT = b"\0"  # payload of a group whose latents are all 0: mid grey in the whole tile
PARTS = {None: "planes", RESIDUAL: "residual"}  # names of payloads that are not a group
BLOCK_TILES = 2  # neighbouring tiles that the network processes together


def latents_crc(latents: np.ndarray) -> int:
    """crc_decoded of a group: the CRC-32 of its latents as little-endian bytes."""
    return zlib.crc32(np.ascontiguousarray(latents, latents.dtype.newbyteorder("<")).tobytes())


def valid_pixels(classes: np.ndarray | None, shape: tuple[int, ...], coded: int) -> np.ndarray:
    """bool (C, h, w): the valid pixels of the coded bands."""
    if classes is None:
        return np.ones((coded, *shape), bool)
    return np.broadcast_to(classes == VALID, (coded, *shape))


def reading_order(bad: Iterable[tuple]) -> list[tuple]:
    """Damaged tiles (row, col, group), row by row from the top left."""
    return sorted(bad, key=lambda tile: (*tile[:2], str(tile[2])))


def lost_tiles(bad: Iterable[tuple]) -> str:
    """Damaged tiles (row, col, group) as text."""
    parts = ((row, col, PARTS.get(group, f"group {group}")) for row, col, group in bad)
    return ", ".join(f"tile ({row}, {col}) {part}" for row, col, part in parts)
