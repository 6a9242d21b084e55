"""What numcodecs alone can get wrong: the order of a chunk in memory."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError

pytest.importorskip("numcodecs")


class Remembers:
    """Stands in for a ChunkCodec."""

    def encode(self, chunk: np.ndarray) -> bytes:
        return chunk.tobytes()


def test_fortran_order_is_refused_because_zarr_2_would_scramble_it():
    from rscodec.integrations.numcodecs_codec import RscodecCodec

    codec = RscodecCodec.__new__(RscodecCodec)
    codec.chunks = Remembers()
    cube = np.arange(48, dtype=np.uint16).reshape(2, 4, 6)
    with pytest.raises(InputError, match="order='C'"):
        codec.encode(np.asfortranarray(cube))
    flat = cube[:1, :1]  # in both orders at once
    assert codec.encode(cube) == cube.tobytes() and codec.encode(flat) == flat.tobytes()
