"""Streams for the tests: honest ones from the writer, crafted ones with right checksums around anything."""

import io
import struct
import zlib

import numpy as np
import pytest

from rscodec.bitstreams import Header, StreamReader, StreamWriter

PLAIN = dict(model="vec-1", weights_hash=b"weights!", quality=3.0, bands=3, dtype="uint8", groups=1)
LAYOUT = "<4sBBH8sHIIBBBBB"
LEGAL = dict(
    magic=b"\xd2RSC",
    version=1,
    arithmetic=1,
    model=0x7F01,
    weights_hash=bytes(8),
    quality=96,
    width=100,
    height=50,
    bands=3,
    dtype=1,
    tile=8,
    flags=0,
    groups=1,
)


def with_crc(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


@pytest.fixture
def craft():
    """craft(sections=b"", entries=[...], payloads=b"", **wire numbers): a stream that need not be legal."""

    def make(sections=b"", entries=None, payloads=b"data", **numbers):
        head = struct.pack(LAYOUT, *(LEGAL | numbers).values())
        if entries is None:
            entries = [(len(payloads), zlib.crc32(payloads), 7)]
        index = b"".join(struct.pack("<III", *entry) for entry in entries)
        return with_crc(head + sections) + with_crc(index) + payloads

    return make


@pytest.fixture
def scene():
    """scene(width=..., ...) -> (header, metadata, radiometry, tiles); bytes are seeded, tile 1 is absent."""

    def make(width=1000, height=700, metadata=None, radiometry=None, **fields):
        header = Header(width=width, height=height, **(PLAIN | fields))
        rng = np.random.default_rng(1)
        tiles = {}
        rows, cols = header.grid
        for number, tile in enumerate(np.ndindex(rows, cols)):
            absent = header.planes and number == 1
            planes = (rng.bytes(9), number) if header.planes and number % 2 else None
            sizes = rng.integers(1, 60, header.groups)
            groups = [(rng.bytes(int(size)), 100 + group) for group, size in enumerate(sizes)]
            tiles[tile] = planes, [] if absent else groups
        return header, metadata or {}, radiometry, tiles

    return make


@pytest.fixture
def write():
    """write(scene) -> bytes."""

    def make(scene):
        header, metadata, radiometry, tiles = scene
        target = io.BytesIO()
        with StreamWriter(target, header, metadata, radiometry) as writer:
            for (row, col), (planes, groups) in tiles.items():
                writer.add(row, col, planes, groups)
        return target.getvalue()

    return make


@pytest.fixture
def contents():
    """contents(data) -> everything that a stream says, every payload included."""

    def read(data):
        reader = StreamReader.from_bytes(data)
        rows, cols = reader.grid
        groups = range(reader.header.groups)
        tiles = [
            (reader.planes(row, col), [reader.payload(row, col, group) for group in groups])
            for row in range(rows)
            for col in range(cols)
        ]
        return reader.header, reader.metadata, reader.radiometry, reader.index.tobytes(), tiles

    return read
