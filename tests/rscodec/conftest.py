"""Scenes and streams of the tiny model for the tests of the pipeline."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader, StreamWriter
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize
from tests.helpers.site import Site, serving
from tests.helpers.sizes import TILE


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Scene]:
    """make_scene(size=(200, 150), bands=3, dtype="uint8", nodata=None): a synthetic scene, made once."""
    made = {}

    def make(size=(200, 150), bands=3, dtype="uint8", nodata=None) -> Scene:
        key = size, bands, dtype, nodata
        if key not in made:
            made[key] = synthesize(size, bands, dtype, nodata)
        pixels, metadata = made[key]
        return Scene(pixels.copy(), None, dict(metadata))

    return make


@pytest.fixture(scope="session")
def to_stream(tiny) -> Callable[..., bytes]:
    """to_stream(scene, quality=5, tile=TILE): the scene encoded with the tiny model."""
    from rscodec.stream.encoder import SceneEncoder

    def encode(scene: Scene, quality: float = 5, tile: int = TILE) -> bytes:
        target = io.BytesIO()
        SceneEncoder(SceneSource(scene), tiny, tile).write(target, quality)
        return target.getvalue()

    return encode


@pytest.fixture(scope="session")
def to_decoder(tiny) -> Callable:
    """to_decoder(stream, **options): a SceneDecoder with the tiny model."""
    from rscodec.stream.decoder import SceneDecoder

    return lambda data, **options: SceneDecoder(StreamReader.from_bytes(data), tiny, **options)


@pytest.fixture(scope="session")
def rewrite() -> Callable[..., bytes]:
    """rewrite(stream, change): the stream with change(row, col, planes, groups) in place of each tile, checksums right.

    planes is (bytes, crc) or None, groups a list of (bytes, crc); change returns both.
    """

    def make(data: bytes, change: Callable) -> bytes:
        reader, target = StreamReader.from_bytes(data), io.BytesIO()
        header = reader.header
        with StreamWriter(target, header, reader.metadata, reader.radiometry) as writer:
            for row, col in np.ndindex(*reader.grid):
                planes = (reader.planes(row, col), reader.entry(row, col, None).crc_decoded) if header.planes else None
                groups = [
                    (reader.payload(row, col, group), reader.entry(row, col, group).crc_decoded)
                    for group in range(header.groups)
                ]
                writer.add(row, col, *change(row, col, planes, groups))
        return target.getvalue()

    return make


@pytest.fixture(scope="session")
def flip() -> Callable[..., bytes]:
    """flip(stream, row, col, group): with one bit of that payload flipped."""

    def make(data: bytes, row: int, col: int, group: int | None) -> bytes:
        entry = StreamReader.from_bytes(data).entry(row, col, group)
        damaged = bytearray(data)
        damaged[entry.offset + entry.length // 2] ^= 4
        return bytes(damaged)

    return make


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server that answers range requests and keeps count."""
    with serving() as site:
        yield site


@pytest.fixture(scope="session")
def wide(make_scene, to_stream) -> bytes:
    """A stream of 10 x 10 tiles and four bands, the last of which is called nir."""
    return to_stream(make_scene((640, 640), bands=4, dtype="uint16"))


@pytest.fixture(scope="session")
def wide_file(wide, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / "wide.bin"
    path.write_bytes(wide)
    return path


@pytest.fixture(scope="session")
def tile_bytes() -> Callable[[bytes, Iterable[tuple[int, int]]], int]:
    """tile_bytes(stream, [(row, col), ...]): what these tiles take of it."""

    def bytes_of(data: bytes, tiles: Iterable[tuple[int, int]]) -> int:
        reader = StreamReader.from_bytes(data)
        groups = [*[None] * reader.header.planes, *range(reader.header.groups)]
        return sum(reader.entry(*tile, group).length for tile in tiles for group in groups)

    return bytes_of
