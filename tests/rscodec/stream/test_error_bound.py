"""The promise of a largest error: kept for every type, on every machine, by every tile."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams import StreamReader, StreamWriter
from rscodec.bitstreams.container import RESIDUAL
from rscodec.bitstreams.errors import InputError, TileDamaged, WrongWeights
from rscodec.codec.base import SYNTHESIS_TOLERANCE
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED, NODATA, VALID
from rscodec.raster.window import Window
from rscodec.stream import bounded_tiles
from rscodec.stream import error_bound as bound_module
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.error_bound import Bound, unrounded_base
from rscodec.stream.rate_search import quality_for_bound
from rscodec.stream.verify import verify
from tests.helpers.sizes import TILE


@pytest.fixture(scope="module")
def bounded(tiny):
    """bounded(scene, max_error, quality=4): the stream, as bytes."""

    def encode(scene: Scene, max_error: float, quality: float = 4, tile: int = TILE) -> bytes:
        target = io.BytesIO()
        SceneEncoder(SceneSource(scene), tiny, tile, max_error=max_error).write(target, quality)
        return target.getvalue()

    return encode


def rewritten(data: bytes, removed: tuple[int, int] | None = None, **fields) -> bytes:
    """The stream without the residual of one tile, or with other header fields; all checksums are right."""
    reader, target = StreamReader.from_bytes(data), io.BytesIO()
    header = replace(reader.header, **fields)
    with StreamWriter(target, header, reader.metadata, reader.radiometry, bound=reader.bound) as writer:
        for row, col in np.ndindex(*reader.grid):
            groups = [
                (reader.payload(row, col, group), reader.entry(row, col, group).crc_decoded)
                for group in range(header.groups)
            ]
            residual = reader.residual(row, col), reader.entry(row, col, RESIDUAL).crc_decoded
            writer.add(row, col, None, groups, (b"", 0) if (row, col) == removed else residual)
    return target.getvalue()


def error(scene: Scene, decoded: Scene) -> float:
    there = decoded.pixels.astype(np.float64) - scene.pixels
    return float(np.abs(there[decoded.mask]).max(initial=0))


def reading(data: bytes, codec, **options) -> Scene:
    decoder = SceneDecoder(StreamReader.from_bytes(data), codec, **options)
    return Scene(*decoder.read(decoder.grid.scene), decoder.reader.metadata)


@pytest.mark.parametrize("max_error", [1, 2, 5, 20])
@pytest.mark.parametrize("dtype, bands", [("uint8", 3), ("uint16", 4), ("int16", 1), ("float32", 1), ("float64", 2)])
def test_no_pixel_is_further_off(make_scene, bounded, tiny, dtype, bands, max_error):
    scene = make_scene((70, 60), bands, dtype)
    if dtype.startswith("float"):
        scene.pixels[:] = scene.pixels * 3000 - 700  # something with a unit
    decoded = reading(bounded(scene, max_error), tiny)
    assert 0.9 * max_error <= error(scene, decoded) <= max_error
    assert decoded.pixels.dtype == dtype


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_none_at_all_is_lossless(make_scene, bounded, tiny, dtype):
    scene = make_scene((40, 30), 2, dtype)
    assert (reading(bounded(scene, 0), tiny).pixels == scene.pixels).all()


def test_integers_are_kept_to_whole_numbers(make_scene, bounded):
    assert StreamReader.from_bytes(bounded(make_scene((40, 30)), 2.9)).bound == 2


@pytest.mark.parametrize("max_error", [1e-3, 0.25, 7.0])
def test_floats_of_any_size(bounded, tiny, max_error):
    rng = np.random.default_rng(4)
    scene = Scene((rng.normal(290, 12, (1, 40, 50)) + 0.123).astype(np.float32))
    assert error(scene, reading(bounded(scene, max_error), tiny)) <= max_error


@pytest.mark.parametrize("pixels, max_error, words", [
    (np.full((1, 20, 20), 1e9, np.float32) + np.arange(20, dtype=np.float32) * 1e6, 1.0, "too fine"),
    (np.linspace(0, 1e15, 400).reshape(1, 20, 20), 1e-3, "too fine"),
    (np.zeros((1, 20, 20), np.float32), 0.0, "cannot be kept exactly"),
    (np.linspace(0, 1, 400).reshape(1, 20, 20), 5e-324, "cannot be kept exactly"),
    (np.linspace(0, 1e6, 400).reshape(1, 20, 20), 2.0**-1017, "too fine"),
])  # fmt: skip
def test_what_cannot_be_promised_is_refused(bounded, pixels, max_error, words):
    with pytest.raises(InputError, match=words):
        bounded(Scene(pixels), max_error)


@pytest.mark.parametrize("dtype, max_error", [("float32", 1e-3), ("float64", 1e-9)])
def test_the_limit_that_the_refusal_names_is_kept(bounded, tiny, dtype, max_error):
    scene = Scene(np.random.default_rng(5).uniform(500, 60_000, (1, 40, 50)).astype(dtype))
    with pytest.raises(InputError, match="too fine for pixels of float.*; give .* or more") as refusal:
        bounded(scene, max_error)
    named = float(str(refusal.value).split("; give ")[1].split()[0])
    assert error(scene, reading(bounded(scene, named), tiny)) <= named


@pytest.mark.parametrize("nodata", [0, 7, 128, 255])
@pytest.mark.parametrize("max_error", [0, 1, 6])
def test_nodata_stays_what_it_is_and_no_valid_pixel_becomes_it(make_scene, bounded, tiny, nodata, max_error):
    scene = make_scene((60, 56), 2)
    near = np.random.default_rng(nodata).integers(-9, 10, scene.pixels.shape) + nodata
    scene.pixels[:] = np.where(near % 2, scene.pixels, np.clip(near, 0, 255))
    scene.pixels[:, 20:50, 10:30] = nodata
    scene.metadata["nodata"] = str(float(nodata))
    decoded = reading(bounded(scene, max_error), tiny)
    assert ((decoded.pixels == nodata) == (scene.pixels == nodata)).all()
    assert error(scene, decoded) <= max_error


def test_float_nodata_and_nan(bounded, tiny):
    rng = np.random.default_rng(8)
    pixels = rng.normal(0, 2, (2, 60, 50)).astype(np.float32)
    pixels[0, :9], pixels[1, 5:30, 5:30] = np.nan, 0
    scene = Scene(pixels, metadata={"nodata": "0.0"})
    decoded = reading(bounded(scene, 0.5), tiny)
    assert (np.isnan(decoded.pixels) == np.isnan(pixels)).all() and ((decoded.pixels == 0) == (pixels == 0)).all()
    assert error(scene, decoded) <= 0.5


@pytest.mark.parametrize("nodata", [0, 1.5, -9999])
@pytest.mark.parametrize("max_error", [0.05, 0.1, 0.2, 100])
@pytest.mark.parametrize("sign", [1, -1])
def test_float_values_beside_nodata(bounded, tiny, nodata, max_error, sign):
    """They round to the nodata value, and go to the side of it that they are on."""
    rng = np.random.default_rng(7)
    away = np.abs(rng.normal(0, 0.2, (1, 64, 64))) * 10.0 ** rng.choice([0, 0, -2, -12], (1, 64, 64))
    pixels = (nodata + sign * away).astype(np.float32)
    pixels[0, :9] = nodata
    scene = Scene(pixels, metadata={"nodata": repr(float(nodata))})
    expected = SceneSource(scene).read(Window(0, 0, 64, 64))[1]
    decoder = SceneDecoder(StreamReader.from_bytes(bounded(scene, max_error)), tiny)
    decoded, classes = decoder.read(decoder.grid.scene)
    assert np.array_equal(classes, expected) and np.array_equal(decoded == nodata, classes == NODATA)
    assert np.abs(decoded - pixels.astype(np.float64))[classes == VALID].max() <= max_error


@pytest.mark.parametrize("nodata", [np.finfo(np.float64).min, 1e300, 2.0**25])
def test_nodata_beyond_all_values(bounded, tiny, nodata):
    pixels = np.random.default_rng(6).normal(0, 20, (1, 40, 50))
    pixels[0, :9] = nodata
    scene = Scene(pixels, metadata={"nodata": repr(float(nodata))})
    decoded = reading(bounded(scene, 0.5), tiny)
    assert ((decoded.pixels == nodata) == (pixels == nodata)).all() and error(scene, decoded) <= 0.5


def test_alpha_is_exact_and_has_no_residual(make_scene, bounded, tiny):
    scene = make_scene((70, 60), 4)
    scene.metadata["colorinterp"] = ["red", "green", "blue", "alpha"]
    decoded = reading(bounded(scene, 3), tiny)
    assert (decoded.pixels[3] == scene.pixels[3]).all() and error(scene, decoded) <= 3
    alone = Scene(scene.pixels[3:], metadata={"colorinterp": ["alpha"]})
    data = bounded(alone, 3)
    assert StreamReader.from_bytes(data).bound is None and (reading(data, tiny).pixels == alone.pixels).all()


def test_a_tile_within_the_bound_has_no_residual(make_scene, bounded, tiny):
    scene = make_scene((130, 128))
    scene.pixels[:, :64, :64] = 90
    reader = StreamReader.from_bytes(bounded(scene, 12))
    lengths = [reader.entry(*tile, RESIDUAL).length for tile in np.ndindex(reader.grid)]
    assert lengths[0] == 0 and max(lengths) > 0
    assert error(scene, reading(bounded(scene, 12), tiny)) <= 12
    assert StreamReader.from_bytes(bounded(scene, 250)).index["length"][:, -1].max() == 0


def test_a_plain_stream_does_not_grow(make_scene, to_stream, bounded):
    scene = make_scene((64, 64))
    plain, kept = StreamReader.from_bytes(to_stream(scene)), StreamReader.from_bytes(bounded(scene, 4, 5))
    assert plain.header.entries == 1 and plain.bound is None
    assert kept.end - plain.end == 9 + 12 + kept.entry(0, 0, RESIDUAL).length


def test_a_window_is_the_crop(make_scene, bounded, tiny):
    data = bounded(make_scene((100, 90)), 3)
    whole = reading(data, tiny).pixels
    for window in Window(0, 0, 1, 1), Window(60, 61, 9, 7), Window(3, 40, 90, 50):
        pixels, _ = SceneDecoder(StreamReader.from_bytes(data), tiny).read(window)
        assert (pixels == whole[(slice(None), *window.within(Window(0, 0, 100, 90)))]).all()


def test_windows_of_a_few_rows_decode_no_tile_twice(make_scene, bounded, tiny, monkeypatch):
    data = bounded(make_scene((190, 64)), 3)
    whole, made = reading(data, tiny).pixels, []
    monkeypatch.setattr(bounded_tiles, "unrounded_base", lambda *args: made.append(args[-1]) or unrounded_base(*args))
    decoder = SceneDecoder(StreamReader.from_bytes(data), tiny)
    rows = [decoder.read(Window(0, row, 190, 8))[0] for row in range(0, 64, 8)]
    assert (np.concatenate(rows, 1) == whole).all() and len(made) == len(set(made)) == 3


def test_memory_for_tiles_within_a_bound_is_bounded(make_scene, bounded, tiny, monkeypatch):
    data = bounded(make_scene((190, 150)), 3)
    monkeypatch.setattr(bounded_tiles, "BOUNDED_BYTES", 2 * 3 * TILE**2)
    decoder = SceneDecoder(StreamReader.from_bytes(data), tiny)
    for window in decoder.windows():
        decoder.read(window)
        assert decoder.bounded.cache.total <= 2 * 3 * TILE**2
    assert (decoder.read(decoder.grid.scene)[0] == reading(data, tiny).pixels).all()


class Elsewhere:
    """A codec on a machine that computes a little differently: by `off` of the network's 1.0, this way and that."""

    def __init__(self, codec, off: float):
        self._codec, self._off = codec, off

    def __getattr__(self, name: str):
        return getattr(self._codec, name)

    def synthesise_closely(self, latents, quality):
        pixels = self._codec.synthesise_closely(latents, quality)
        return pixels + self._off * np.random.default_rng(0).choice([-1, 1], pixels.shape)


@pytest.mark.parametrize("dtype, bands", [("uint8", 3), ("uint16", 5), ("float32", 1)])
def test_machines_that_differ_within_the_tolerance_decode_the_same_pixels(make_scene, bounded, tiny, dtype, bands):
    scene = make_scene((60, 50), bands, dtype)
    data = bounded(scene, 0.01 if dtype == "float32" else 1)
    there = reading(data, Elsewhere(tiny, SYNTHESIS_TOLERANCE / 4))
    assert np.array_equal(there.pixels, reading(data, tiny).pixels)


def test_machines_that_differ_by_more_are_found_out(make_scene, bounded, tiny):
    """They read other symbols, and the checksum of the pixels says so."""
    data = bounded(make_scene((90, 70)), 1)
    with pytest.raises(TileDamaged, match="not those that were encoded|no encoder writes|residual"):
        reading(data, Elsewhere(tiny, 1e-3))


def test_the_nudge_keeps_every_value_away_from_the_jumps(tiny):
    bound = Bound(1, "uint8", 255.0, None)
    rng = np.random.default_rng(0)
    base = rng.uniform(0, 255, (3, 30, 30))
    base[0] = 99.5  # where floor(v + 1/2) jumps
    base[1, 0, 0] = 7.5 + 1e-12
    nudges = bound.nudges(base)
    assert nudges.tolist() == [1, 1, 0]
    doubt = 4 * SYNTHESIS_TOLERANCE * 255
    assert all((bound.base(base + off, nudges) == bound.base(base, nudges)).all() for off in (-doubt / 8, doubt / 8))


def test_no_nudge_will_do(monkeypatch):
    monkeypatch.setattr(bound_module, "SYNTHESIS_TOLERANCE", 0.01)
    with pytest.raises(InputError, match="too fine.* differ by 3 between.* some of its 8100 pixels .*smaller `tile`"):
        Bound(1, "uint8", 255.0, None).nudges(np.random.default_rng(0).uniform(0, 9, (1, 90, 90)))


def test_tiles_stand_alone(make_scene, bounded, tiny):
    """The base of a tile is made of its latents alone, so a damaged neighbour costs it nothing."""
    data = bounded(make_scene((190, 64)), 2)
    reader = StreamReader.from_bytes(data)
    damaged = bytearray(data)
    damaged[reader.entry(0, 1, 0).offset + 9] ^= 1
    decoder = SceneDecoder(StreamReader.from_bytes(bytes(damaged)), tiny, on_error="nodata")
    pixels, _ = decoder.read(Window(0, 0, 190, 64))
    whole = reading(data, tiny).pixels
    assert list(decoder.bad) == [(0, 1, 0)]
    assert (pixels[:, :, :64] == whole[:, :, :64]).all() and (pixels[:, :, 128:] == whole[:, :, 128:]).all()


def test_a_damaged_residual_costs_its_tile(make_scene, bounded, tiny, flip):
    scene = make_scene((190, 64), nodata=255)
    data = bounded(scene, 1)
    damaged = flip(data, 0, 1, RESIDUAL)
    with pytest.raises(TileDamaged, match="residual at byte") as caught:
        reading(damaged, tiny)
    assert caught.value.tile == (0, 1, RESIDUAL)
    decoder = SceneDecoder(StreamReader.from_bytes(damaged), tiny, on_error="nodata")
    pixels, classes = decoder.read(Window(0, 0, 190, 64))
    assert list(decoder.bad) == [(0, 1, RESIDUAL)]
    assert (pixels[:, :, 64:128] == 255).all() and (classes[:, :, 64:128] == MASKED).all()
    valid = np.broadcast_to(classes == VALID, pixels.shape)
    assert valid[:, :, :64].any() and (np.abs(pixels.astype(int) - scene.pixels)[valid] <= 1).all()


def test_verify_says_what_was_promised_and_what_was_found(make_scene, bounded, tiny, monkeypatch):
    scene = make_scene((90, 70))
    reader = StreamReader.from_bytes(bounded(scene, 2))
    report = verify(reader, tiny, SceneSource(scene))
    assert report.ok and report.max_error_bound == 2 == report.max_abs_error
    assert verify(reader, tiny).ok
    scene.pixels[0, 3, 3] ^= 64
    report = verify(reader, tiny, SceneSource(scene))
    assert not report.ok and report.max_abs_error > 2


def test_the_quality_is_the_one_that_takes_the_fewest_bytes(make_scene, bounded, tiny):
    scene = make_scene((60, 60))
    told: list[tuple[int, int]] = []
    encoder = SceneEncoder(SceneSource(scene), tiny, TILE, max_error=3)
    best = quality_for_bound(encoder, lambda *now: told.append(now))
    assert told == [*((tries, 8) for tries in range(1, len(told))), (len(told) - 1,) * 2] and len(told) > 3
    sizes = [len(bounded(scene, 3, quality)) for quality in (best - 1, best, best + 1) if 1 <= quality <= 8]
    assert min(sizes) == len(bounded(scene, 3, best)) < max(sizes)


def test_from_the_outside(make_scene, tiny_weights):
    scene = make_scene((70, 60))
    options = {"model": "vec", "weights": tiny_weights}
    decoded = rscodec.decode(rscodec.encode(scene, max_error=1, **options), weights=tiny_weights)
    assert error(scene, decoded) == 1
    with pytest.raises(InputError, match="excludes"):
        rscodec.encode(scene, max_error=1, bpp=2, **options)
    with pytest.raises(InputError, match="`max_error=-1`: give 0 or more"):
        rscodec.encode(scene, max_error=-1, **options)


def test_groups_of_grey_are_grey(tiny):
    """Latents that are all 0 stand for mid grey, whatever the synthesis makes of them."""
    from rscodec.stream.radiometry import Radiometry

    latents = np.zeros((1, 2, 2, tiny.channels), np.int16)
    base = unrounded_base(tiny, Radiometry.default("uint8", 3), latents, 4, Window(0, 0, 30, 20))
    assert base.shape == (3, 20, 30) and (base == 127.5).all()


@pytest.mark.parametrize("seed", range(3))
def test_outliers_on_a_smooth_scene_lead_nobody_astray(bounded, tiny, seed):
    """A prediction that holds between them must not leap from one to the next: its error would not fit a symbol."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:33, :33] / 33 - 0.5
    saddle = rng.uniform(0.2, 1) * x**2 - rng.uniform(0.2, 1) * y**2
    far = rng.random(saddle.shape) < 0.01
    scene = Scene(np.where(far, rng.choice([-9999.0, 9999.0], saddle.shape), saddle)[None])
    assert error(scene, reading(bounded(scene, 3e-4, quality=1), tiny)) <= 3e-4


@pytest.mark.parametrize("max_error, empty", [(0, False), (100, True)])
def test_a_removed_residual_is_found(make_scene, bounded, tiny, max_error, empty):
    """Of a residual that is empty anyway it is the checksum that was removed."""
    data = bounded(make_scene((150, 100), bands=1, dtype="int16" if max_error == 0 else "uint8"), max_error)
    reader = StreamReader.from_bytes(data)
    assert (reader.entry(0, 1, RESIDUAL).length == 0) == empty and reader.entry(0, 1, RESIDUAL).crc_decoded
    assert verify(reader, tiny).ok
    forged = rewritten(data, removed=(0, 1))
    report = verify(StreamReader.from_bytes(forged), tiny)
    assert not report.ok and report.tiles_bad == 1 and "(0, 1)" in report.lost
    with pytest.raises(TileDamaged, match=r"tile \(0, 1\): the pixels are not those that were encoded"):
        reading(forged, tiny)


def test_an_old_stream_has_no_checksum_of_an_empty_residual(make_scene, bounded, tiny):
    data = bounded(make_scene((150, 100)), 100)
    old = rewritten(data, arithmetic="integer-1", weights_hash=tiny.weights_hashes["integer-1"])
    assert len(old) == len(data) and not StreamReader.from_bytes(old).index["crc_decoded"][:, -1].any()
    assert verify(StreamReader.from_bytes(old), tiny).ok
    assert np.array_equal(reading(old, tiny).pixels, reading(data, tiny).pixels)


@pytest.mark.parametrize("max_error", [2, 40])
def test_an_old_stream_with_another_synthesis_asks_for_the_weights(make_scene, bounded, tiny, tmp_path, max_error):
    pytest.importorskip("torch")
    from tests.helpers import models

    codec = models.build()
    codec.synthesis.head.weight.data.mul_(0.5)
    models.write_weights(tmp_path / "tuned.safetensors", "vec-1", codec.config, models.freeze(codec))
    data = bounded(make_scene((100, 80)), max_error)
    old = rewritten(data, arithmetic="integer-1", weights_hash=tiny.weights_hashes["integer-1"])
    with pytest.raises(TileDamaged, match="other weights"):
        rscodec.decode(old, weights=tmp_path / "tuned.safetensors")
    with pytest.raises(WrongWeights, match="other weights"):
        rscodec.decode(data, weights=tmp_path / "tuned.safetensors")
