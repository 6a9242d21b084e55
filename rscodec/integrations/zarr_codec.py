"""The codec `rscodec` for Zarr 3 (array to bytes). Each chunk, or inner chunk of a shard, is a stream of its own.

zarr.create_array(store, ..., serializer=RscodecCodec(quality=3), compressors=None)
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from zarr.abc.codec import ArrayBytesCodec

from rscodec.integrations.chunk_codec import ChunkCodec, check_chunk
from rscodec.stream.settings import settings_of


@dataclass(frozen=True, init=False)
class RscodecCodec(ArrayBytesCodec):
    """The keywords are those of ChunkCodec."""

    is_fixed_size = False
    chunks: ChunkCodec

    def __init__(self, **configuration):
        (chunks,) = settings_of(configuration, ChunkCodec)
        object.__setattr__(self, "chunks", chunks)

    @classmethod
    def from_dict(cls, data: dict) -> RscodecCodec:
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict:
        return {"name": "rscodec", "configuration": self.chunks.configuration}

    def validate(self, *, shape, dtype, chunk_grid) -> None:
        check_chunk(chunk_grid.chunk_shape, dtype.to_native_dtype())

    def compute_encoded_size(self, input_byte_length, chunk_spec) -> int:
        raise NotImplementedError("the size of a coded chunk depends on its pixels")

    async def _encode_single(self, chunk_data, chunk_spec):
        data = await asyncio.to_thread(self.chunks.encode, chunk_data.as_numpy_array())
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data, chunk_spec):
        pixels = await asyncio.to_thread(self.chunks.decode, chunk_data.to_bytes())
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(pixels.reshape(chunk_spec.shape))
