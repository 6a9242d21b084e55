"""What encoder and decoder share about the payloads of tiles."""

from __future__ import annotations

import zlib

import numpy as np

from rscodec.bitstreams.container import RESIDUAL
from rscodec.raster.validity import NODATA, VALID
from rscodec.stream.tile_payload import latents_crc, lost_tiles, reading_order, valid_pixels


def test_checksums_are_over_little_endian_bytes():
    latents = np.arange(-6, 6, dtype=np.int16).reshape(2, 3, 2)
    assert latents_crc(latents) == latents_crc(latents.astype(">i2")) == zlib.crc32(latents.astype("<i2").tobytes())
    assert latents_crc(np.asfortranarray(latents)) == latents_crc(latents)


def test_a_plane_counts_for_all_bands():
    classes = np.full((1, 2, 3), VALID, np.uint8)
    classes[0, 1, 2] = NODATA
    valid = valid_pixels(classes, (2, 3), 4)
    assert valid.shape == (4, 2, 3) and not valid[:, 1, 2].any() and valid.sum() == 20
    assert valid_pixels(None, (2, 3), 4).all()


def test_lost_tiles_in_words():
    lost = [(0, 1, None), (2, 3, 1), (2, 3, RESIDUAL)]
    assert lost_tiles(lost) == "tile (0, 1) planes, tile (2, 3) group 1, tile (2, 3) residual"


def test_damaged_tiles_are_listed_from_the_top():
    bad = [(10, 0, 1), (2, 11, None), (2, 3, RESIDUAL), (2, 3, 0)]
    assert reading_order(bad) == [(2, 3, 0), (2, 3, RESIDUAL), (2, 11, None), (10, 0, 1)]
