"""Streams as a whole: they read as they were written, cost little, and are read only where asked."""

import errno
import io
import json
import threading
from pathlib import Path

import pytest

from rscodec.bitstreams import StreamReader, StreamWriter
from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.bitstreams.limits import MAX_METADATA_DEPTH
from rscodec.bitstreams.source import FIRST_READ

SCENES = [
    dict(),
    dict(metadata={"crs": "EPSG:32633", "tags": {"ä": "\udcff"}}),
    dict(flags={"planes"}, radiometry=bytes(3)),
    dict(flags={"planes"}, bands=12, groups=4, dtype="uint16", metadata={"a": 0.1}, radiometry=b"r" * 300),
    dict(flags={"planes"}, bands=1, groups=0),
    dict(width=1, height=1),
]


@pytest.mark.parametrize("fields", SCENES)
def test_round_trip(scene, write, fields):
    header, metadata, radiometry, tiles = scene(**fields)
    reader = StreamReader.from_bytes(write((header, metadata, radiometry, tiles)))
    assert (reader.metadata, reader.radiometry) == (metadata, radiometry)
    assert reader.header.flags == header.flags | {k for k in ("metadata", "radiometry") if fields.get(k)}
    assert reader.grid == header.grid
    for (row, col), (planes, groups) in tiles.items():
        assert reader.planes(row, col) == (planes or (b"", 0))[0]
        for group in range(header.groups):
            data, crc = groups[group] if groups else (b"", 0)
            assert reader.payload(row, col, group) == data
            assert reader.entry(row, col, group).crc_decoded == crc


def test_a_plain_scene_costs_at_most_64_bytes(scene, write):
    header, metadata, radiometry, tiles = scene(width=256, height=256)
    data = write((header, metadata, radiometry, tiles))
    assert len(data) - len(tiles[0, 0][1][0][0]) == 51 <= 64


def test_a_window_touches_its_bytes_only(scene, write):
    data = write(scene(width=2000, height=2000, tile=64, flags={"planes"}))
    calls = []

    def get_bytes(offset, length):
        calls.append((offset, length))
        return data[offset : offset + length]

    reader = StreamReader(get_bytes)
    assert len(calls) == 2 and calls[0] == (0, FIRST_READ)
    assert calls[1] == (FIRST_READ, reader.parts["payloads"][0] - FIRST_READ)
    calls.clear()
    window = [(row, col) for row in (4, 5) for col in (7, 8)]
    for row, col in window:
        reader.planes(row, col)
        reader.payload(row, col, 0)
    entries = [reader.entry(row, col, group) for row, col in window for group in (None, 0)]
    assert calls == [(e.offset, e.length) for e in entries if e.length]


def test_small_header_is_one_read(scene, write):
    data, calls = write(scene()), []
    StreamReader(lambda offset, length: calls.append(offset) or data[offset : offset + length])
    assert calls == [0]


def test_no_such_entry(scene, write):
    reader = StreamReader.from_bytes(write(scene()))
    for entry in ((2, 0, 0), (-1, 0, 0), (0, 2, 0), (0, 0, 1), (0, 0, -1), (0, 0, None)):
        with pytest.raises(IndexError):
            reader.entry(*entry)


def test_files_and_threads(scene, write, tmp_path):
    header, metadata, radiometry, tiles = scene(width=2000, height=2000, tile=64, metadata={"crs": "x"})
    path = tmp_path / "scene.bin"
    with StreamWriter(path, header, metadata, radiometry) as writer:
        for (row, col), (planes, groups) in tiles.items():
            writer.add(row, col, planes, groups)
        assert not path.exists()
        writer.close()
        assert path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["scene.bin"]
    assert path.read_bytes() == write((header, metadata, radiometry, tiles))
    wrong = []

    def check(reader):
        wrong.extend(tile for tile, (_, groups) in tiles.items() if reader.payload(*tile, 0) != groups[0][0])

    with StreamReader.from_path(path) as reader:
        threads = [threading.Thread(target=check, args=(reader,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_an_unreadable_file_is_an_input_error(tmp_path):
    for path in (tmp_path, tmp_path / "missing.bin"):
        with pytest.raises(InputError, match="cannot read"):
            StreamReader.from_path(path)


def test_the_writer_insists_on_order_and_completeness(scene, tmp_path):
    header, _, _, tiles = scene()
    planes, groups = tiles[0, 0]
    for misuse, words in (
        (lambda w: w.add(0, 1, planes, groups), "out of order"),
        (lambda w: w.add(0, 0, (b"p", 1), groups), "made without the flag of planes"),
        (lambda w: w.add(0, 0, None, groups * 2), "2 payloads, but a tile of this header has 1"),
        (lambda w: w.add(0, 0, None, groups), "tiles were written"),
    ):
        with pytest.raises(ValueError, match=words), StreamWriter(tmp_path / "scene.bin", header) as writer:
            misuse(writer)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_failure(scene, tmp_path):
    header, _, _, tiles = scene()
    path = tmp_path / "scene.bin"
    path.write_bytes(b"as before")
    with pytest.raises(OutputError, match="`overwrite=True`"):
        StreamWriter(path, header)
    with pytest.raises(KeyboardInterrupt), StreamWriter(path, header, overwrite=True) as writer:
        writer.add(0, 0, *tiles[0, 0])
        raise KeyboardInterrupt
    writer.close()  # once more: nothing happens
    assert [p.name for p in tmp_path.iterdir()] == ["scene.bin"] and path.read_bytes() == b"as before"


def test_nothing_is_left_of_a_file_that_cannot_be_opened(scene, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OutputError, match="Too many open files"):
        StreamWriter(tmp_path / "a.bin", scene()[0])
    assert not list(tmp_path.iterdir())


def test_metadata_that_json_cannot_hold(scene):
    header, *_ = scene()
    for value in (float("nan"), {1, 2}, b"bytes"):
        with pytest.raises(InputError, match="JSON"):
            StreamWriter(io.BytesIO(), header, {"key": value})
    with pytest.raises(InputError, match="limit"):
        StreamWriter(io.BytesIO(), header, {"key": " " * 2**24})


def test_metadata_nest_as_deep_as_the_limit_and_no_deeper(scene, write):
    def nested(depth: int) -> dict:
        return {"a": (nested(depth - 2),)} if depth > 1 else {}

    deepest = nested(MAX_METADATA_DEPTH - 1)
    assert StreamReader.from_bytes(write(scene(metadata=deepest))).metadata == json.loads(json.dumps(deepest))
    with pytest.raises(InputError, match="nest deeper than 32"):
        write(scene(metadata=nested(MAX_METADATA_DEPTH + 1)))
