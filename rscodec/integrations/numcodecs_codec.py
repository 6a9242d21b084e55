"""The codec `rscodec` for numcodecs, for Zarr 2 and other users of numcodecs.

zarr.create_array(store, ..., zarr_format=2, compressors=RscodecCodec(quality=3))
"""

from __future__ import annotations

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy

from rscodec.bitstreams.errors import InputError
from rscodec.integrations.chunk_codec import ChunkCodec
from rscodec.stream.settings import settings_of


class RscodecCodec(Codec):
    """The keywords are those of ChunkCodec. Encodes arrays with a shape, not plain bytes."""

    codec_id = "rscodec"

    def __init__(self, **configuration):
        (self.chunks,) = settings_of(configuration, ChunkCodec)

    def encode(self, buf) -> bytes:
        chunk = ensure_ndarray(buf)
        if chunk.flags.f_contiguous and not chunk.flags.c_contiguous:  # Zarr 2 would read it back transposed
            raise InputError("chunks in Fortran order cannot be coded; make the array with order='C'")
        return self.chunks.encode(chunk)

    def decode(self, buf, out=None) -> np.ndarray:
        return ndarray_copy(self.chunks.decode(ensure_bytes(buf)), out)

    def get_config(self) -> dict:
        return {"id": self.codec_id, **self.chunks.configuration}
