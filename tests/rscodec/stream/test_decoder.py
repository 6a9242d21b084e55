"""Streams into pixels: no seams, exact nodata, and damage that stays where it is."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import BadField, InputError, MaskDamaged, TileDamaged
from rscodec.concurrency.threads import turn
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder

WINDOWS = [
    Window(0, 0, 1, 1), Window(199, 149, 1, 1), Window(60, 60, 10, 8), Window(0, 63, 200, 2), Window(130, 0, 1, 150),
    Window(17, 33, 100, 90), Window(128, 64, 64, 64), Window(64, 64, 64, 64),
]  # fmt: skip


def whole(decoder):
    return decoder.read(decoder.grid.scene)


def steps_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def in_pieces(decoder, windows) -> np.ndarray:
    pixels = np.zeros((decoder.reader.header.bands, decoder.grid.height, decoder.grid.width), decoder.radiometry.dtype)
    for window in windows:
        pixels[(slice(None), *window.within(decoder.grid.scene))] = decoder.read(window)[0]
    return pixels


@pytest.fixture(scope="module")
def stream(make_scene, to_stream) -> bytes:
    return to_stream(make_scene())


@pytest.mark.parametrize("quality", [1, 8])
def test_pixels_come_back_recognisably(make_scene, to_stream, to_decoder, quality):
    scene = make_scene()
    pixels, classes = whole(to_decoder(to_stream(scene, quality)))
    assert classes is None and pixels.shape == scene.pixels.shape
    mse = np.square(pixels.astype(float) - scene.pixels).mean()
    assert 10 * np.log10(255**2 / mse) > (18 if quality == 1 else 28)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_is_the_crop_of_the_whole(stream, to_decoder, window: Window):
    pixels, _ = to_decoder(stream).read(window)
    crop = whole(to_decoder(stream))[0][(slice(None), *window.within(Window(0, 0, 200, 150)))]
    assert pixels.shape == crop.shape and steps_apart(pixels, crop) <= 1


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_tiles_in_any_order_make_the_whole(stream, to_decoder, order: str):
    decoder = to_decoder(stream)
    tiles = [decoder.grid.tile(*tile) for tile in np.ndindex(decoder.grid.rows, decoder.grid.cols)]
    if order != "forward":
        tiles = tiles[::-1] if order == "backward" else list(np.random.default_rng(0).permutation(tiles))
    pixels = in_pieces(decoder, [Window(*map(int, tile)) for tile in tiles])
    assert steps_apart(pixels, whole(to_decoder(stream))[0]) <= 1


def test_seams_would_be_seen(stream, to_decoder, tiny, monkeypatch):
    """Without the halo the tests above fail."""
    expected, _ = whole(to_decoder(stream))
    monkeypatch.setattr(tiny, "halo", 0)
    decoder = to_decoder(stream)
    assert steps_apart(in_pieces(decoder, decoder.windows()), expected) > 1


@pytest.mark.parametrize("tile", [64, 128, 512])
def test_the_tile_size_makes_no_seam_either(make_scene, to_stream, to_decoder, tile: int):
    decoder = to_decoder(to_stream(make_scene(), tile=tile))
    assert steps_apart(in_pieces(decoder, decoder.windows()), whole(decoder)[0]) <= 1


def test_a_small_memory_of_tiles_changes_nothing(stream, to_decoder):
    decoder = to_decoder(stream)
    decoder.tiles.cache.limit = 1
    assert steps_apart(in_pieces(decoder, decoder.windows()), whole(to_decoder(stream))[0]) <= 1
    assert decoder.tiles.cache.total <= 12


def test_a_window_reads_the_tiles_it_needs_and_nothing_else(stream, tiny):
    from rscodec.stream.decoder import SceneDecoder

    read = []
    reader = StreamReader(lambda offset, length: read.append(offset) or stream[offset : offset + length], len(stream))
    start = len(read)
    SceneDecoder(reader, tiny).read(Window(80, 80, 8, 8))  # its halo stays inside tile (1, 1)? 5 - 2 = 3 < 4: no
    offsets = {reader.entry(row, col, 0).offset for row in (0, 1) for col in (0, 1)}
    assert set(read[start:]) == offsets


@pytest.mark.parametrize("window", [
    Window(0, 0, 0, 5), Window(0, 0, 201, 1), Window(-1, 0, 5, 5), Window(199, 149, 2, 1), Window(500, 0, 1, 1),
])  # fmt: skip
def test_a_window_outside_the_scene_is_refused(stream, to_decoder, window: Window):
    with pytest.raises(InputError, match="not inside the scene.* 200 x 150"):
        to_decoder(stream).read(window)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (15, 17), (64, 64), (65, 1)])
def test_any_size(make_scene, to_stream, to_decoder, size):
    scene = Scene(make_scene().pixels[:, : size[1], : size[0]])
    pixels, _ = whole(to_decoder(to_stream(scene, 8)))
    assert pixels.shape == scene.pixels.shape
    assert np.abs(pixels.astype(float) - scene.pixels).mean() < 20


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 2, 4, 13])
def test_any_type_and_number_of_bands(make_scene, to_stream, to_decoder, bands: int, dtype: str):
    scene = make_scene((90, 70), bands, dtype)
    decoder = to_decoder(to_stream(scene, 8))
    pixels, _ = whole(decoder)
    assert pixels.shape == scene.pixels.shape and pixels.dtype == dtype
    error = np.abs(pixels.astype(float) - scene.pixels).mean() / decoder.radiometry.scale
    assert error < 0.05
    window = Window(20, 10, 50, 60)
    crop = pixels[(slice(None), *window.within(decoder.grid.scene))]
    range_step = decoder.radiometry.scale / 255
    bound = range_step if dtype[0] == "f" else max(range_step, 1)
    assert np.abs(decoder.read(window)[0].astype(float) - crop).max() <= bound


@pytest.mark.parametrize("dtype, nodata", [("uint8", 0), ("uint16", 65535), ("int16", -9999), ("float32", -3.4e38)])
def test_nodata_is_exact(make_scene, to_stream, to_decoder, dtype: str, nodata: float):
    scene = make_scene((200, 150), 4, dtype, nodata)
    invalid = scene.pixels == np.dtype(dtype).type(nodata)
    assert invalid.any() and not invalid.all()
    pixels, classes = whole(to_decoder(to_stream(scene)))
    assert np.array_equal(pixels == np.dtype(dtype).type(nodata), invalid)
    assert np.array_equal(np.broadcast_to(classes != 0, invalid.shape), invalid)


def test_nan_is_exact_band_by_band(make_scene, to_stream, to_decoder):
    scene = make_scene((100, 80), 3, "float32")
    rng = np.random.default_rng(0)
    scene.pixels[rng.random(scene.pixels.shape) < 0.2] = np.nan
    pixels, _ = whole(to_decoder(to_stream(scene)))
    assert np.array_equal(np.isnan(pixels), np.isnan(scene.pixels))


def test_alpha_is_lossless(make_scene, to_stream, to_decoder):
    scene = make_scene((100, 80), 4)
    scene.metadata["colorinterp"] = ["red", "green", "blue", "alpha"]
    pixels, _ = whole(to_decoder(to_stream(scene, 1)))
    assert np.array_equal(pixels[3], scene.pixels[3]) and not np.array_equal(pixels[0], scene.pixels[0])


@pytest.mark.parametrize("tile", [(0, 0), (1, 2), (2, 3)])
def test_a_damaged_tile_stops_and_is_named(stream, to_decoder, flip, tile):
    with pytest.raises(TileDamaged, match=rf"tile \({tile[0]}, {tile[1]}\).*checksum") as caught:
        whole(to_decoder(flip(stream, *tile, 0)))
    assert caught.value.tile == (*tile, 0)


@pytest.mark.parametrize("tile", [(0, 0), (1, 2), (2, 3)])
def test_a_damaged_tile_costs_no_other(stream, to_decoder, flip, tiny, tile):
    decoder = to_decoder(flip(stream, *tile, 0), on_error="nodata")
    pixels, expected = in_pieces(decoder, decoder.windows()), whole(to_decoder(stream))[0]
    assert list(decoder.bad) == [(*tile, 0)]
    bad = decoder.grid.tile(*tile)
    assert not pixels[(slice(None), *bad.within(decoder.grid.scene))].any()
    near = bad.grown(tiny.halo * tiny.stride, decoder.grid.scene)
    far = np.ones(pixels.shape[1:], bool)
    far[near.within(decoder.grid.scene)] = False
    assert far.any() and steps_apart(pixels[:, far], expected[:, far]) <= 1


def test_windows_away_from_the_damage_do_not_notice(stream, to_decoder, flip):
    decoder = to_decoder(flip(stream, 2, 3, 0))
    decoder.read(Window(0, 0, 150, 60))
    assert not decoder.bad


@pytest.mark.parametrize("nodata, dtype, blank", [(7, "uint16", 7), (None, "int16", 0), (None, "float32", np.nan)])
def test_what_a_damaged_tile_becomes(make_scene, to_stream, to_decoder, flip, nodata, dtype, blank):
    scene = make_scene((130, 70), 3, dtype)
    if nodata is not None:
        scene.metadata["nodata"] = repr(float(nodata))
    decoder = to_decoder(flip(to_stream(scene), 0, 1, 0), on_error="nodata")
    pixels, _ = whole(decoder)
    assert np.array_equal(pixels[:, :64, 64:128], np.full((3, 64, 64), blank, dtype), equal_nan=dtype[0] == "f")


def test_latents_that_are_not_the_encoded_ones_are_noticed(stream, to_decoder, rewrite):
    """A payload under its own right checksum, but of another tile."""
    foreign = StreamReader.from_bytes(stream).payload(0, 1, 0)

    def swap(row, col, planes, groups):
        return planes, [(foreign, groups[0][1])] if (row, col) == (0, 0) else groups

    data = rewrite(stream, swap)
    with pytest.raises(TileDamaged, match="not those that were encoded"):
        whole(to_decoder(data))
    decoder = to_decoder(data, on_error="nodata")
    whole(decoder)
    assert list(decoder.bad) == [(0, 0, 0)]


@pytest.mark.parametrize("payload", [b"\x00", b"\x02\x00", bytes(8), bytes(500), b"\xff" * 300])
def test_a_payload_that_no_encoder_wrote_is_noticed(stream, to_decoder, rewrite, payload):
    def replace(row, col, planes, groups):
        return planes, [(payload, groups[0][1])] if (row, col) == (1, 1) else groups

    decoder = to_decoder(rewrite(stream, replace), on_error="nodata")
    whole(decoder)
    assert list(decoder.bad) == [(1, 1, 0)]


@pytest.fixture(scope="module")
def masked(make_scene, to_stream) -> bytes:
    return to_stream(make_scene((200, 150), 3, "uint16", 0))


def test_damaged_planes_stop_and_are_named(masked, to_decoder, flip):
    with pytest.raises(TileDamaged, match=r"tile \(1, 0\)") as caught:
        whole(to_decoder(flip(masked, 1, 0, None)))
    assert caught.value.tile == (1, 0, None) and isinstance(caught.value, MaskDamaged)


def test_damaged_planes_cost_their_tile_only(masked, to_decoder, flip):
    decoder = to_decoder(flip(masked, 1, 0, None), on_error="nodata")
    pixels, expected = whole(decoder)[0], whole(to_decoder(masked))[0]
    assert list(decoder.bad) == [(1, 0, None)]
    assert not pixels[:, 64:128, :64].any()
    pixels[:, 64:128, :64] = expected[:, 64:128, :64]
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize("change", ["garbage", "swapped"])
def test_planes_that_are_not_the_encoded_ones_are_noticed(masked, to_decoder, rewrite, change):
    foreign = b"garbage" if change == "garbage" else StreamReader.from_bytes(masked).planes(0, 0)

    def replace(row, col, planes, groups):
        return (foreign, planes[1]) if (row, col) == (1, 0) else planes, groups

    data = rewrite(masked, replace)
    with pytest.raises(MaskDamaged, match=r"tile \(1, 0\)") as caught:
        whole(to_decoder(data))
    assert caught.value.tile == (1, 0, None)
    decoder = to_decoder(data, on_error="nodata")
    whole(decoder)
    assert list(decoder.bad) == [(1, 0, None)]


def test_a_tile_that_is_absent_although_it_has_valid_pixels(masked, to_decoder, rewrite):
    data = rewrite(masked, lambda row, col, planes, groups: (planes, [] if (row, col) == (1, 0) else groups))
    with pytest.raises(TileDamaged, match=r"tile \(1, 0\): nothing says what its valid pixels are"):
        whole(to_decoder(data))
    decoder = to_decoder(data, on_error="nodata")
    pixels, classes = whole(decoder)
    assert list(decoder.bad) == [(1, 0, 0)]
    assert (classes[:, 64:128, :64] == MASKED).all() and not pixels[:, 64:128, :64].any()
    assert np.array_equal(pixels[:, :32], whole(to_decoder(masked))[0][:, :32])


def test_a_damaged_tile_is_marked_invalid(masked, stream, to_decoder, flip):
    for data in (masked, stream):  # with class planes and without
        decoder = to_decoder(flip(data, 1, 1, 0), on_error="nodata")
        classes = whole(decoder)[1]
        assert (classes[:, 64:128, 64:128] != 0).all() and not classes.all()
    assert whole(to_decoder(stream))[1] is None


@pytest.mark.parametrize("field, value, words", [
    ("groups", 2, "2 network groups"), ("arithmetic", "float", "arithmetic float"),
])  # fmt: skip
def test_a_header_that_does_not_fit_its_bands_or_model(stream, tiny, field: str, value, words: str):
    reader = StreamReader.from_bytes(stream)
    reader.header = replace(reader.header, **{field: value})
    with pytest.raises(BadField, match=words):
        SceneDecoder(reader, tiny)


def test_alpha_outlives_a_damaged_tile(make_scene, to_stream, to_decoder, flip):
    scene = make_scene((100, 80), 4)
    scene.metadata |= {"colorinterp": ["red", "green", "blue", "alpha"], "nodata": "255"}
    decoder = to_decoder(flip(to_stream(scene), 0, 0, 0), on_error="nodata")
    pixels, classes = whole(decoder)
    bad = (slice(None), *decoder.grid.tile(0, 0).within(decoder.grid.scene))
    assert decoder.bad and (pixels[bad][:3] == 255).all() and np.array_equal(pixels[3], scene.pixels[3])


@pytest.mark.parametrize("dtype, tile", [("float32", 64), ("uint16", 128), ("float32", 192), ("uint8", 512)])
def test_pixels_do_not_depend_on_the_number_of_threads(make_scene, tiny, to_decoder, dtype, tile):
    target = io.BytesIO()
    SceneEncoder(SceneSource(make_scene((1300, 200), 3, dtype)), tiny, tile).write(target, 4)
    found = []
    for threads in (1, 2, 5):
        with turn(threads):
            decoder = to_decoder(target.getvalue())
            found.append(
                np.concatenate([decoder.read(window)[0] for window in decoder.windows() if not window.row], -1)
            )
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_bytes_are_read_by_one_thread(make_scene, tiny, to_stream):
    """A source may have a position, as an open file has."""
    data, callers = to_stream(make_scene((700, 300)), 3), set()

    def get_bytes(offset: int, length: int) -> bytes:
        callers.add(threading.get_ident())
        return data[offset : offset + length]

    with turn(3):
        decoder = SceneDecoder(StreamReader(get_bytes, len(data)), tiny)
        decoder.read(decoder.grid.scene)
    assert callers == {threading.get_ident()}
