"""Streams at the end of a URL: the same pixels, from no more bytes than they need."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.container import RESIDUAL
from rscodec.bitstreams.errors import InputError, TileDamaged, Truncated
from rscodec.bitstreams.source import FIRST_READ
from rscodec.cli.main import main
from rscodec.stream.remote import RemoteSource, open_stream
from tests.helpers import sizes
from tests.helpers.sizes import TILE

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")


@pytest.fixture
def url(site, wide) -> str:
    site.files["/wide.bin"] = wide
    return f"{site.address}/wide.bin"


def start_of(data: bytes) -> int:
    """Header and index, what the first read takes beyond them, and the byte that shows whether there are ranges."""
    return 1 + max(FIRST_READ, StreamReader.from_bytes(data).parts["payloads"][0])


def window_tiles(window, halo: int, edge: int = TILE, size: int = 640):
    """(row, col) of the tiles that a window and its halo touch, counted by hand."""
    col, row, width, height = window
    rows = range(max(0, row - halo) // edge, -(-min(size, row + height + halo) // edge))
    cols = range(max(0, col - halo) // edge, -(-min(size, col + width + halo) // edge))
    return [(r, c) for r in rows for c in cols]


def test_info_reads_header_and_index(url, site, wide, capsys):
    assert main(["info", url]) == 0
    assert "10 x 10 tiles" in capsys.readouterr().out
    assert site.sent == start_of(wide)


def read_again(scene, told) -> None:
    told.send(scene.read((10, 20, 30, 40)).pixels)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_reads_on(url, tiny_weights):
    with rscodec.open(url, weights=tiny_weights) as scene:
        here = scene.read((10, 20, 30, 40)).pixels
        context = multiprocessing.get_context("fork")
        answer, told = context.Pipe(duplex=False)
        child = context.Process(target=read_again, args=(scene, told))
        child.start()
        assert answer.poll(120) and np.array_equal(answer.recv(), here)
        child.join()


def test_a_window_reads_its_tiles_and_no_others(url, site, wide, tiny, tiny_weights, tile_bytes):
    window = (270, 330, 60, 120)
    with rscodec.open(url, weights=tiny_weights) as scene:
        opened = site.sent
        part = scene.read(window)
    whole = rscodec.decode(wide, weights=tiny_weights)
    assert np.abs(part.pixels.astype(int) - whole.pixels[:, 330:450, 270:330]).max() < 40
    assert opened == start_of(wide)
    tiles = window_tiles(window, tiny.halo * tiny.stride)
    assert len(tiles) < 100
    assert site.sent - opened == tile_bytes(wide, tiles)


def test_neighbouring_tiles_come_in_one_request_and_only_once(url, site, tiny_weights):
    with rscodec.open(url, weights=tiny_weights) as scene:
        before = len(site.asked)
        scene.read((200, 300, 100, 20))
        asked = len(site.asked) - before
        assert asked <= 3  # one for each row of tiles
        scene.read((210, 305, 50, 10))
        assert len(site.asked) - before == asked


def test_a_stream_with_a_bound_needs_no_neighbours(site, make_scene, tiny_weights):
    scene = make_scene((256, 192), bands=1, dtype="int16", nodata=0)
    data = rscodec.encode(scene, max_error=20, model="vec", weights=tiny_weights, tile=TILE)
    reader = StreamReader.from_bytes(data)
    site.files["/bounded.bin"] = data
    with rscodec.open(f"{site.address}/bounded.bin", weights=tiny_weights) as opened:
        before = site.sent
        part = opened.read((64, 64, 64, 64))
    assert np.abs(part.pixels.astype(int) - scene.pixels[:, 64:128, 64:128]).max() <= 20
    assert site.sent - before == sum(reader.entry(1, 1, group).length for group in (None, 0, RESIDUAL))


def test_decode_window_on_the_command_line(url, site, wide, tiny, tiny_weights, tile_bytes, tmp_path):
    window = (5, 6, 40, 30)
    options = ["--window", *map(str, window), "--weights", str(tiny_weights), "-o", str(tmp_path / "part.tif")]
    assert main(["decode", url, *options, "--quiet"]) == 0
    assert site.sent == start_of(wide) + tile_bytes(wide, window_tiles(window, tiny.halo * tiny.stride))
    part = rscodec.Scene.load(tmp_path / "part.tif")
    assert np.abs(part.pixels.astype(int) - rscodec.decode(wide, weights=tiny_weights).pixels[:, 6:36, 5:45]).max() < 40


def test_verify_on_the_command_line(url, site, wide, tiny_weights, capsys):
    assert main(["verify", url, "--weights", str(tiny_weights)]) == 0
    assert "tiles" in capsys.readouterr().out
    assert site.sent < 1.05 * len(wide) + FIRST_READ


RUN = "import json, sys; from rscodec.cli.main import main; print([main(line) for line in json.loads(sys.argv[1])])"


def test_scenes_are_read_from_urls_by_gdal(site, make_scene, tmp_path, monkeypatch, root):
    """In a process of its own, because GDAL waits for the server without letting other threads run."""
    pytest.importorskip("torch")
    from tests.helpers import models

    monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    scene, weights = tmp_path / "scene.tif", models.write(tmp_path / "small.safetensors", sizes.SHIPPED, sizes.TINY)
    make_scene().save(scene)
    site.files["/a/scene.tif"] = scene.read_bytes()
    url, local, options = f"{site.address}/a/scene.tif", tmp_path / "local.bin", ["--weights", weights, "--quiet"]
    lines = [
        ["encode", scene, "-o", local, *options],
        ["encode", url, "-o", tmp_path / "a.bin", *options],
        ["encode", f"/vsicurl/{url}", "-o", tmp_path / "b.bin", *options],
        ["batch", "encode", url, "--out", tmp_path / "many", *options],
        ["validate", url, local],
        ["verify", local, "--against", url, *options],
        ["encode", f"{url}f", "-o", tmp_path / "none.bin", *options],
    ]
    result = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(lines, default=str)],
        cwd=root,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines()[-1] == "[0, 0, 0, 0, 0, 0, 3]", result.stderr
    assert f"no such image: {url}f" in result.stderr
    for made in ("a.bin", "b.bin", "many/scene.bin"):
        assert (tmp_path / made).read_bytes() == local.read_bytes()


def test_any_file_system_of_fsspec(wide, tiny_weights):
    fsspec.filesystem("memory").pipe("/rscodec/wide.bin", wide)
    with rscodec.open("memory://rscodec/wide.bin", weights=tiny_weights) as scene:
        assert scene.read((0, 0, 8, 8)).pixels.shape == (4, 8, 8)


def test_s3(site, wide, tiny_weights, monkeypatch):
    pytest.importorskip("s3fs")
    site.files["/bucket/wide.bin"] = wide
    for name, value in {"ENDPOINT_URL": site.address, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with rscodec.open("s3://bucket/wide.bin", weights=tiny_weights) as scene:
        scene.read((0, 0, 8, 8))
    assert start_of(wide) < site.sent < len(wide)


def test_a_missing_file_is_bad_input(site, capsys):
    assert main(["info", f"{site.address}/nowhere.bin"]) == 3
    said = capsys.readouterr().err
    assert f"{site.address}/nowhere.bin: there is no such file" in said and said.count("\n") == 1


def test_a_server_that_is_not_there(capsys):
    assert main(["info", "http://127.0.0.1:9/scene.bin"]) == 3
    assert "cannot read http://127.0.0.1:9/scene.bin" in capsys.readouterr().err


def test_a_server_without_ranges_is_named_and_its_answer_not_read(site):
    site.ranges = False
    site.files["/huge.bin"] = bytes(2**26)
    with pytest.raises(InputError, match="huge.bin: the server does not support range requests; fetch the whole file"):
        open_stream(f"{site.address}/huge.bin")
    assert site.taken < 2**25


def test_a_server_that_forgets_about_ranges_is_named(url, site, tiny_weights):
    with rscodec.open(url, weights=tiny_weights) as scene:
        site.ranges = False
        with pytest.raises(InputError, match="sends more bytes than requested"):
            scene.read((0, 0, 8, 8))


def test_a_scheme_that_nobody_knows():
    with pytest.raises(InputError, match="nope"):
        open_stream("nope://scene.bin")


def test_a_missing_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(InputError, match=r"s3:// needs .*pip install 'rscodec\[remote\]'"):
        RemoteSource("s3://bucket/scene.bin")


def test_damage_is_said_of_the_url(url, site, wide, flip, tiny_weights):
    site.files["/wide.bin"] = flip(wide, 0, 0, 0)
    with rscodec.open(url, weights=tiny_weights) as scene, pytest.raises(TileDamaged, match="wide.bin: tile"):
        scene.read((0, 0, 8, 8))
    site.files["/wide.bin"] = wide[:40]
    with pytest.raises(Truncated, match=f"{url}: "):
        open_stream(url)


def test_no_empty_range_is_requested(monkeypatch):
    """S3 refuses one. Parts beyond the end are those of a stream that is cut off."""
    files, asked = fsspec.filesystem("memory"), []
    files.pipe("/rscodec/short.bin", b"0123456789")
    source = RemoteSource("memory://rscodec/short.bin")
    original = files.cat_ranges  # fsspec keeps one object for all users of this file system

    def cat_ranges(paths, starts, ends, **options):
        asked.extend(zip(starts, ends, strict=True))
        return original(paths, starts, ends, **options)

    monkeypatch.setattr(files, "cat_ranges", cat_ranges)
    source.prefetch([(2, 3), (8, 5), (5000, 10)])
    assert [source(2, 3), source(8, 5), source(5000, 10), source(10, 4)] == [b"234", b"89", b"", b""]
    assert asked and all(first < last for first, last in asked)
