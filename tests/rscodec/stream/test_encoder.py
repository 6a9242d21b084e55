"""Scenes into streams: what is in them, what is not, and how little is held at once."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.dump import totals
from rscodec.bitstreams.errors import InputError
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.radiometry_choice import squares
from rscodec.stream.tile_payload import BLOCK_TILES, FLAT
from tests.helpers.sizes import TILE


class Watched(SceneSource):
    """A source that remembers what was read, and fails at the window of which it is told."""

    def __init__(self, scene: Scene, fail_at: int | None = None):
        super().__init__(scene)
        self.windows, self._fail_at = [], fail_at

    def read(self, window):
        if len(self.windows) == self._fail_at:
            raise InputError("the scene ends here")
        self.windows.append(window)
        return super().read(window)


def test_the_header_says_what_the_scene_is(make_scene, to_stream, tiny):
    header = StreamReader.from_bytes(to_stream(make_scene(), 2.51)).header
    assert (header.width, header.height, header.bands, header.dtype) == (200, 150, 3, "uint8")
    assert (header.model, header.weights_hash, header.arithmetic) == ("vec-1", tiny.weights_hash, "integer-2")
    assert (header.tile, header.groups, header.grid, header.planes) == (TILE, 1, (3, 4), False)
    assert header.quality == 2.5  # the nearest that the wire can say


def test_the_same_scene_gives_the_same_bytes(make_scene, to_stream):
    assert to_stream(make_scene()) == to_stream(make_scene())


@pytest.mark.parametrize("bands, quality, most", [(1, 1, 51), (1, 8, 51), (3, 1, 64), (3, 5.96875, 64), (3, 8, 86)])
def test_a_plain_image_costs_few_bytes_besides_its_latents(make_scene, to_stream, bands, quality, most):
    """An index entry for each group, of which colours may have three at high qualities."""
    reader = StreamReader.from_bytes(to_stream(Scene(make_scene((256, 256)).pixels[:bands]), quality, tile=512))
    sections = totals(reader)
    assert reader.header.groups in ((1, 3) if bands == 3 and quality >= 6 else (1,))
    assert sections["bytes_overhead"] <= most
    assert sections["bytes_file"] == sections["bytes_overhead"] + sections["bytes_groups"]


def test_quality_costs_bytes(make_scene, to_stream):
    sizes = [len(to_stream(make_scene(), quality)) for quality in (1, 3, 4, 6, 8)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("quality", [0, 8.5, float("nan")])
def test_a_quality_that_does_not_exist(make_scene, to_stream, quality):
    with pytest.raises(ValueError, match="outside 1..8"):
        to_stream(make_scene(), quality)


def test_what_is_read_is_bounded_by_the_tile_and_not_by_the_scene(make_scene, tiny):
    source = Watched(make_scene((500, 300)))
    SceneEncoder(source, tiny, TILE).write(io.BytesIO(), 3)
    windows = [window for window in source.windows if window not in squares(500, 300)]
    assert len(windows) == len(source.windows) - 1 == 2 * 5 * 4  # once for the statistics, once for the tiles
    border = tiny.border * tiny.stride
    assert max(width for _, _, width, _ in windows) <= BLOCK_TILES * TILE + 2 * border
    assert max(height for _, _, _, height in windows) <= TILE + 2 * border


def test_a_single_plain_band_needs_no_statistics(make_scene, tiny):
    source = Watched(Scene(make_scene((500, 300)).pixels[:1]))
    SceneEncoder(source, tiny, TILE).write(io.BytesIO(), 3)
    assert len(source.windows) == 5 * 4


def test_a_group_that_is_not_worth_its_bits_is_left_out(make_scene, to_stream, to_decoder):
    grey = make_scene((130, 70)).pixels[:1]
    scene = Scene(np.repeat(grey, 4, axis=0))
    low, high = (StreamReader.from_bytes(to_stream(scene, quality)) for quality in (2, 8))
    for reader in low, high:
        tiles = list(np.ndindex(reader.grid))
        assert all(reader.payload(*tile, reader.header.groups - 1) == FLAT for tile in tiles)
        assert any(len(reader.payload(*tile, 0)) > 8 for tile in tiles)
    pixels, _ = to_decoder(to_stream(scene, 8)).read(Window(0, 0, 130, 70))
    assert np.ptp(pixels.astype(int), axis=0).max() <= 1


@pytest.mark.parametrize("bands, groups", [(3, 1), (4, 2)])
def test_a_codec_of_one_rate_is_not_judged_by_quality(make_scene, tiny, monkeypatch, bands, groups):
    """What bits are worth is not known there: every group is coded, and there are as few as can be."""
    monkeypatch.setattr(tiny, "fixed_rate", True, raising=False)
    scene = Scene(make_scene((60, 50)).pixels[:3] if bands == 3 else np.repeat(make_scene((60, 50)).pixels[:1], 4, 0))
    target = io.BytesIO()
    SceneEncoder(SceneSource(scene), tiny, TILE).write(target, 8)
    reader = StreamReader.from_bytes(target.getvalue())
    assert reader.header.groups == groups and all(reader.payload(0, 0, group) != FLAT for group in range(groups))


def test_progress_counts_every_tile(make_scene, tiny):
    told = []
    SceneEncoder(SceneSource(make_scene()), tiny, TILE).write(io.BytesIO(), 3, progress=lambda *now: told.append(now))
    assert told == [(done, 12) for done in range(1, 13)]


@pytest.mark.parametrize("fail_at", [0, 1, 4])
def test_a_source_that_fails_leaves_nothing(make_scene, tiny, tmp_path, fail_at):
    source = Watched(make_scene(), fail_at)
    with pytest.raises(InputError, match="the scene ends here"):
        SceneEncoder(source, tiny, TILE).write(tmp_path / "out.bin", 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["codec", "target"])
def test_nobody_reads_on_after_a_failure(make_scene, tiny, monkeypatch, where):
    """Not even while the exception is looked at: whoever handles it closes the file that was being read."""

    class Full(io.BytesIO):
        def write(self, data):
            if len(data) > 500:
                raise OSError("full")
            return super().write(data)

    if where == "codec":
        monkeypatch.setattr(tiny, "encode", lambda *_: 1 / 0)
    before = threading.active_count()
    with pytest.raises((OSError, ZeroDivisionError)):
        try:
            SceneEncoder(SceneSource(make_scene((500, 300))), tiny, TILE).write(Full(), 8)
        finally:
            assert threading.active_count() <= before  # threads of other tests may end


def test_tiles_without_a_valid_pixel_are_absent(make_scene, to_stream):
    scene = make_scene(dtype="uint16")
    scene.metadata["nodata"] = "0.0"
    scene.pixels = np.maximum(scene.pixels, 1)
    scene.pixels[:, :TILE, :TILE] = 0
    scene.pixels[:, 100, 100] = 0
    reader = StreamReader.from_bytes(to_stream(scene))
    lengths = {tile: reader.entry(*tile, 0).length for tile in np.ndindex(*reader.grid)}
    assert [tile for tile, length in lengths.items() if not length] == [(0, 0)]
    assert reader.planes(0, 0) and reader.planes(1, 1)  # these have something to say, and it is short
    assert len(reader.planes(0, 0)) < 20 and len(reader.planes(2, 3)) < 5


def test_a_scene_without_a_valid_pixel_is_all_absent(to_stream, to_decoder):
    scene = Scene(np.full((4, 90, 130), -9999, np.float32), None, {"nodata": "-9999.0"})
    data = to_stream(scene)
    assert len(data) < 500
    decoder = to_decoder(data)
    pixels, classes = decoder.read(decoder.grid.scene)
    assert np.array_equal(pixels, scene.pixels) and (classes == 1).all()


def test_a_scene_of_alpha_alone_has_no_groups(to_stream, to_decoder):
    alpha = np.arange(90 * 70, dtype=np.uint8).reshape(1, 90, 70)
    data = to_stream(Scene(alpha, None, {"colorinterp": ["alpha"]}))
    assert StreamReader.from_bytes(data).header.groups == 0
    decoder = to_decoder(data)
    assert np.array_equal(decoder.read(decoder.grid.scene)[0], alpha)


def test_pixels_next_to_nodata_are_not_spoiled_by_it(make_scene, to_stream, to_decoder):
    """Nodata is filled smoothly before the network: a wild nodata value costs no more than a mild one."""
    sizes = []
    for nodata in (0, 65535):
        scene = make_scene((128, 128), 3, "uint16")
        scene.pixels = np.clip(scene.pixels, 1, 65534)
        scene.pixels[:, 30:80, 30:90] = nodata
        scene.metadata["nodata"] = repr(float(nodata))
        sizes.append(len(to_stream(scene)))
    assert abs(sizes[0] - sizes[1]) < 20


class Endless(Watched):
    """A source that claims a size of its own."""

    def __init__(self, width: int, height: int, count: int):
        super().__init__(Scene(np.ones((1, 64, 64), np.uint16)))
        self.width, self.height, self.count = width, height, count
        self.coded_bands = tuple(range(count))


@pytest.mark.parametrize(
    "shape, words",
    [
        ((2**20 + 1, 10, 3), "width is 1048577"),
        ((10, 2**20 + 1, 3), "height is 1048577"),
        ((10, 10, 17), "bands is 17"),
        ((2**17, 2**17, 3), "tiles"),
    ],
    ids=str,
)
def test_what_no_stream_can_hold_is_refused_before_it_is_read(tiny, shape, words):
    source = Endless(*shape)
    with pytest.raises(InputError, match=words):
        SceneEncoder(source, tiny, TILE)
    assert source.windows == []
