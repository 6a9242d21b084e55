"""What a notebook user calls: arrays, scenes and paths in; scenes, windows and reports out."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import Parameter, signature
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import rasterio

import rscodec
from rscodec import api
from rscodec.bitstreams import StreamReader, StreamWriter
from rscodec.bitstreams.errors import (
    CheckError,
    InputError,
    LimitExceeded,
    MetadataDamaged,
    MissingWeights,
    NotAStream,
    OutputError,
    TileDamaged,
    WrongWeights,
)
from rscodec.bitstreams.header import Header
from rscodec.bitstreams.limits import MAX_TAGS, MAX_TILE
from rscodec.concurrency.threads import threads_now
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import PART, TILES_PER_THREAD
from rscodec.stream.tile_payload import FLAT, latents_crc
from tests.helpers import models
from tests.helpers.sizes import TILE


@pytest.fixture
def options(tiny_weights) -> dict:
    return {"model": "vec", "weights": tiny_weights, "tile": TILE}


@pytest.fixture(scope="module")
def scene(make_scene) -> Scene:
    return make_scene((150, 100), 4, "uint16", 0)


@pytest.fixture
def files(scene, tmp_path, options):
    """(image, stream) on disk."""
    scene.save(tmp_path / "scene.tif")
    api.encode_file(tmp_path / "scene.tif", tmp_path / "scene.bin", **options)
    return tmp_path / "scene.tif", tmp_path / "scene.bin"


def test_a_scene_there_and_back(scene, options, tiny_weights):
    data = rscodec.encode(scene, 5, **options)
    back = rscodec.decode(data, weights=tiny_weights)
    assert isinstance(back, Scene) and back.pixels.shape == scene.pixels.shape
    assert back.metadata == scene.metadata
    assert np.array_equal(back.mask, scene.pixels != 0)


def test_arrays_scenes_and_paths_give_the_same_latents(scene, files, options):
    plain = Scene(np.maximum(scene.pixels, 1))
    assert rscodec.encode(plain, **options) == rscodec.encode(plain.pixels, **options)
    assert rscodec.encode(plain.pixels[0], **options) == rscodec.encode(plain.pixels[:1], **options)
    assert rscodec.encode(str(files[0]), **options) == rscodec.encode(files[0], **options) == files[1].read_bytes()


def test_a_rate_and_a_psnr_can_be_asked_for(scene, options):
    few, many = (rscodec.encode(scene.pixels, bpp=bpp, **options) for bpp in (2, 4))
    assert len(few) < len(many) <= 4 * 150 * 100 / 8
    assert len(rscodec.encode(scene.pixels, psnr=30, **options)) < len(rscodec.encode(scene.pixels, psnr=50, **options))


@pytest.mark.parametrize("option, words", [
    ({"tile": 0}, "`tile=0`: give a multiple of 64"), ({"tile": 100}, "`tile=100`"), ({"tile": 4096}, "at most 2048"),
    ({"device": "gpu"}, "`device=gpu`: there is no such device"), ({"model": "xl"}, "unknown name 'xl'"),
    ({"quality": 9}, "`quality=9`: give a number from 1 to 8"), ({"bpp": 1, "psnr": 30}, "exclude each other"),
    ({"tile": 128.0}, "`tile=128.0`: give a multiple"), ({"tile": True}, "`tile=True`"),
    ({"effort": 2.0}, "`effort=2.0`: give a whole number"), ({"effort": True}, "`effort=True`"),
    ({"bpp": 0}, "`bpp=0`: give a number above 0"), ({"bpp": float("inf")}, "`bpp=inf`"), ({"bpp": -1.0}, "`bpp=-1.0`"),
    ({"psnr": float("nan")}, "`psnr=nan`: give a number above 0"), ({"psnr": 0.0}, "`psnr=0.0`"),
    ({"threads": 0}, "`threads=0`: give a whole number, 1 or more"),
])  # fmt: skip
def test_options_that_do_not_exist(scene, options, option, words):
    with pytest.raises(InputError, match=words):
        rscodec.encode(scene, **options | option)


def test_windows_and_bands(scene, files, tiny_weights):
    whole = rscodec.decode(files[1].read_bytes(), weights=tiny_weights)
    with rscodec.open(files[1], weights=tiny_weights) as stream:
        assert stream.header.bands == 4 and stream.metadata == scene.metadata
        part = stream.read((30, 20, 70, 60), bands=(4, 2))
        assert np.abs(part.pixels.astype(int) - whole.pixels[[3, 1], 20:80, 30:100]).max() <= 1
        assert part.metadata["transform"][2] == scene.metadata["transform"][2] + 30
        assert part.metadata["descriptions"] == [scene.metadata["descriptions"][band] for band in (3, 1)]
        assert np.array_equal(part.mask, part.pixels != 0)
        assert not stream.bad


def test_the_network_never_sees_more_than_a_few_tiles(make_scene, options, tiny_weights, monkeypatch):
    """Pixels of a whole scene fit into memory; what the network makes of as many does not."""
    from rscodec.stream.decoder import SceneDecoder

    data, seen, read = rscodec.encode(make_scene((500, 300)).pixels, **options), [], SceneDecoder.read
    monkeypatch.setattr(SceneDecoder, "read", lambda self, window: seen.append(window) or read(self, window))
    whole = rscodec.decode(data, weights=tiny_weights)
    assert whole.pixels.shape == (3, 300, 500)
    wide = PART // TILE  # tiles: what is synthesised at once is not cut in pieces
    tiles = wide * -(-TILES_PER_THREAD * threads_now() // wide)
    assert len(seen) == 5 * -(-8 // tiles) and max(window.width * window.height for window in seen) <= tiles * TILE**2


@pytest.mark.parametrize("window", [(0, 0, 151, 1), (-1, 0, 2, 2), (150, 0, 1, 1), (3, 3, 0, 1)])
def test_windows_that_are_not_there(files, tiny_weights, tmp_path, window):
    with rscodec.open(files[1], weights=tiny_weights) as stream:
        with pytest.raises(InputError, match=r"not inside .*scene\.bin, which has 150 x 100 pixels; choose"):
            stream.read(window)
    with pytest.raises(InputError, match=r"not inside .*scene\.bin, which has 150 x 100 pixels; choose"):
        api.decode_file(files[1], tmp_path / "a.tif", window=window, weights=tiny_weights)


def test_alpha_alone_keeps_the_dataset_mask(make_scene, options, tiny_weights, tmp_path):
    from rscodec.raster.validity import MASKED, NAN

    scene = make_scene((90, 70), 3, "float32")
    scene.classes = np.zeros((2, 70, 90), np.uint8)
    scene.classes[:, :10], scene.classes[1, 20:30] = MASKED, NAN
    scene.pixels[1, 20:30] = np.nan
    scene.metadata |= {"masked": True, "colorinterp": ["gray", "undefined", "alpha"]}
    (tmp_path / "a.bin").write_bytes(rscodec.encode(scene, **options))
    with rscodec.open(tmp_path / "a.bin", weights=tiny_weights) as stream:
        alpha = stream.read(bands=(3,))
    assert np.array_equal(alpha.pixels[0], scene.pixels[2]) and not alpha.dataset_mask[:10].any()
    assert alpha.dataset_mask[10:].all() and alpha.mask.all()


@pytest.mark.parametrize("bands", [(0,), (5,), (1, 1)])
def test_bands_that_are_not_there(files, tiny_weights, bands):
    with rscodec.open(files[1], weights=tiny_weights) as stream:
        with pytest.raises(InputError, match="has bands 1 to 4, not"):
            stream.read(bands=bands)


def test_any_function_that_gives_bytes_will_do(files, tiny_weights):
    """A window of a large scene costs a few range requests, and opening none but the header's."""
    data, requests = files[1].read_bytes(), []

    def get_bytes(offset: int, length: int) -> bytes:
        requests.append((offset, length))
        return data[offset : offset + length]

    with rscodec.open(get_bytes, weights=tiny_weights) as stream:
        assert len(requests) == 1
        part = stream.read((0, 0, 8, 8))
    assert sum(length for _, length in requests[1:]) < len(data) / 2
    with rscodec.open(files[1], weights=tiny_weights) as stream:
        assert np.array_equal(stream.read((0, 0, 8, 8)).pixels, part.pixels)


def test_opening_needs_no_weights_until_pixels_are_asked_for(files):
    with rscodec.open(files[1]) as stream:
        assert stream.header.model == "vec-1"
        with pytest.raises(MissingWeights):
            stream.read((0, 0, 8, 8))


def test_files_there_and_back(files, options, tiny_weights, tmp_path):
    source, stream = files
    report = api.encode_file(source, tmp_path / "again.bin", quality=4.01, **options)
    assert report.quality == 4 and report.bytes == (tmp_path / "again.bin").stat().st_size
    assert report.bpp == pytest.approx(8 * report.bytes / 15000)
    assert (report.width, report.height, report.bands) == (150, 100, 4)
    assert report.sections["bytes_file"] == report.bytes

    back = api.decode_file(stream, tmp_path / "back.tif", weights=tiny_weights)
    assert (back.width, back.height, back.bands, back.tiles_bad) == (150, 100, 4, [])
    assert api.validate_files(source, stream) == api.validate_files(source, tmp_path / "back.tif") == []
    with rasterio.open(tmp_path / "back.tif") as a, rasterio.open(source) as b:
        assert np.array_equal(a.read() == 0, b.read() == 0)
    assert api.verify_file(stream, source, weights=tiny_weights).ok


def test_a_window_of_a_file_is_a_file(files, tiny_weights, tmp_path):
    api.decode_file(files[1], tmp_path / "part.tif", window=(40, 30, 70, 50), bands=(2, 1), weights=tiny_weights)
    whole = rscodec.decode(files[1].read_bytes(), weights=tiny_weights).pixels[[1, 0], 30:80, 40:110]
    with rasterio.open(tmp_path / "part.tif") as part:
        assert np.abs(part.read().astype(int) - whole).max() <= 1
        with rasterio.open(files[0]) as source:
            assert part.transform * (0, 0) == source.transform * (40, 30)


@pytest.mark.parametrize("driver, suffix", [("COG", "tif"), ("PNG", "png"), ("GTiff", "tif")])
def test_formats(make_scene, options, tiny_weights, tmp_path, driver, suffix):
    make_scene((100, 70)).save(tmp_path / "scene.tif")
    api.encode_file(tmp_path / "scene.tif", tmp_path / "a.bin", **options)
    api.decode_file(tmp_path / "a.bin", tmp_path / f"back.{suffix}", driver=driver, weights=tiny_weights)
    with rasterio.open(tmp_path / f"back.{suffix}") as back:
        assert (back.width, back.height, back.count) == (100, 70, 3)
        assert back.driver == ("PNG" if driver == "PNG" else "GTiff")


def test_bands_and_nodata_of_a_file(files, options, tiny_weights, tmp_path):
    api.encode_file(files[0], tmp_path / "part.bin", bands=(3, 1), nodata=500, **options)
    with StreamReader.from_path(tmp_path / "part.bin") as reader:
        assert reader.header.bands == 2 and reader.metadata["nodata"] == "500.0"
    with pytest.raises(CheckError, match="of 2 uint16 bands.*of 4 uint16 bands.*`bands`"):
        api.verify_file(tmp_path / "part.bin", files[0], weights=tiny_weights)
    api.encode_file(files[0], tmp_path / "part.bin", bands=(3, 1), overwrite=True, **options)
    assert api.verify_file(tmp_path / "part.bin", files[0], bands=(3, 1), weights=tiny_weights).ok
    assert not api.verify_file(tmp_path / "part.bin", files[0], bands=(1, 3), weights=tiny_weights).ok


def test_another_nodata_value_is_no_pixel_but_metadata_that_differs(files, options, tiny_weights, tmp_path):
    """For verify and validate alike. What it makes of the pixels is not held against them."""
    api.encode_file(files[0], tmp_path / "other.bin", nodata=500, **options)
    report = api.verify_file(tmp_path / "other.bin", files[0], weights=tiny_weights)
    assert report.nodata_exact and report.metadata_exact is False and not report.ok
    assert report.metadata_differences == ("nodata: '500.0' in the stream, '0.0' in the scene",)
    other = tmp_path / "other.bin"
    assert api.validate_files(files[0], other) == [f"nodata: '0.0' in {files[0]}, '500.0' in {other}"]


def test_validate_names_the_differences(files, tmp_path, scene):
    other = Scene(scene.pixels, None, scene.metadata | {"crs": "EPSG:4326"})
    other.save(tmp_path / "other.tif")
    for pair in ((tmp_path / "other.tif", files[1]), (files[0], tmp_path / "other.tif")):
        lines = api.validate_files(*pair)
        assert lines and any("crs" in line for line in lines)


def test_validate_of_something_that_is_not_there(files, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        api.validate_files(files[0], tmp_path / "nowhere.bin")


def test_outputs_are_not_overwritten_unasked(files, options, tiny_weights, tmp_path):
    before = files[1].read_bytes()
    with pytest.raises(OutputError, match="exists.*`overwrite=True`"):
        api.encode_file(files[0], files[1], **options)
    with pytest.raises(OutputError, match="exists.*`overwrite=True`"):
        api.decode_file(files[1], files[0], weights=tiny_weights)
    assert files[1].read_bytes() == before
    api.encode_file(files[0], files[1], quality=2, overwrite=True, **options)
    assert files[1].read_bytes() != before


def test_a_damaged_file(files, tiny_weights, tmp_path, flip):
    (tmp_path / "bad.bin").write_bytes(flip(files[1].read_bytes(), 0, 1, 1))
    with pytest.raises(TileDamaged, match=r"bad\.bin.*tile \(0, 1\), group 1|bad\.bin.*tile \(0, 1\).*group 1"):
        api.decode_file(tmp_path / "bad.bin", tmp_path / "out.tif", weights=tiny_weights)
    assert not (tmp_path / "out.tif").exists()
    report = api.decode_file(tmp_path / "bad.bin", tmp_path / "out.tif", on_error="nodata", weights=tiny_weights)
    assert report.tiles_bad == [(0, 1, 1)]
    assert api.verify_file(tmp_path / "bad.bin", weights=tiny_weights).tiles_bad == 1


def test_a_damaged_tile_lies_outside_the_mask_of_the_output(make_scene, options, tiny_weights, tmp_path, flip):
    from rscodec.raster.validity import MASKED

    scene = make_scene((150, 100))
    scene.classes = np.zeros((1, 100, 150), np.uint8)
    scene.classes[:, :10, :10] = MASKED
    scene.metadata["masked"] = True
    (tmp_path / "bad.bin").write_bytes(flip(rscodec.encode(scene, **options), 1, 1, 0))
    api.decode_file(tmp_path / "bad.bin", tmp_path / "out.tif", on_error="nodata", weights=tiny_weights)
    with rasterio.open(tmp_path / "out.tif") as out:
        mask = out.read_masks(1) == 0
    assert mask[64:100, 64:128].all() and mask.sum() == 100 + 36 * 64


@pytest.mark.parametrize("driver", ["GTiff", "COG"])
@pytest.mark.parametrize("metadata", [{}, {"masked": True}, {"nodata": "0.5"}], ids=str)
def test_a_damaged_tile_is_masked_where_nothing_else_says_so(
    make_scene, options, tiny_weights, tmp_path, flip, monkeypatch, metadata, driver
):
    """Of a plain image, of one whose mask masks nothing, and of one whose nodata value no pixel can have, which only
    earlier encoders took.
    """
    monkeypatch.setattr("rscodec.raster.pixel_source.check_nodata", lambda *_: None)
    scene = make_scene((150, 100))
    scene.metadata |= metadata
    (tmp_path / "bad.bin").write_bytes(flip(rscodec.encode(scene, **options), 1, 1, 0))
    damaged = dict(on_error="nodata", weights=tiny_weights)
    api.decode_file(tmp_path / "bad.bin", tmp_path / "out.tif", driver=driver, **damaged)
    with rasterio.open(tmp_path / "out.tif") as out:
        mask = out.read_masks(1) == 0
    assert mask[64:100, 64:128].all() and mask.sum() == 36 * 64
    read = rscodec.decode((tmp_path / "bad.bin").read_bytes(), **damaged)
    again = rscodec.decode(rscodec.encode(read, **options), weights=tiny_weights)
    assert np.array_equal(~read.mask[0], mask) and np.array_equal(~again.mask[0], mask)
    read.save(tmp_path / "saved.tif", driver)
    with rasterio.open(tmp_path / "saved.tif") as out:
        assert np.array_equal(out.read_masks(1) == 0, mask)
    api.decode_file(tmp_path / "bad.bin", tmp_path / "part.tif", window=(60, 60, 20, 20), **damaged)
    with rasterio.open(tmp_path / "part.tif") as out:
        assert np.array_equal(out.read_masks(1) == 0, mask[60:80, 60:80])


def test_foreign_bytes_and_other_weights(scene, options, tmp_path):
    with pytest.raises(NotAStream):
        rscodec.decode(b"\x89PNG" * 100)
    other = models.write(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(WrongWeights):
        rscodec.decode(rscodec.encode(scene, **options), weights=other)


def test_threads_are_used_as_asked(files, tiny_weights):
    import torch

    before = torch.get_num_threads()
    reports = [api.verify_file(files[1], weights=tiny_weights, threads=threads) for threads in (1, 2)]
    assert reports[0].latents_crc32 == reports[1].latents_crc32 and torch.get_num_threads() == before


def test_threads_of_a_process_take_turns(files, options, tiny_weights, tmp_path, monkeypatch):
    """Each with as many threads of the CPU as it was told, and none beside another."""
    from rscodec.codec.portable import PortableCodec

    busy, seen = 0, []

    def watched(method):
        def watching(*args, **kwargs):
            nonlocal busy
            busy += 1
            seen.append((busy, threads_now()))
            time.sleep(0.01)
            try:
                return method(*args, **kwargs)
            finally:
                busy -= 1

        return watching

    for name in ("encode", "decode"):
        monkeypatch.setattr(PortableCodec, name, watched(getattr(PortableCodec, name)))
    with ThreadPoolExecutor(3) as executor:
        done = [
            executor.submit(api.encode_file, files[0], tmp_path / "again.bin", threads=1, **options),
            executor.submit(api.decode_file, files[1], tmp_path / "back.tif", threads=2, weights=tiny_weights),
            executor.submit(api.verify_file, files[1], files[0], threads=3, weights=tiny_weights),
        ]
    assert done[2].result().ok and len(done[1].result().tiles_bad) == 0
    assert (tmp_path / "again.bin").read_bytes() == files[1].read_bytes() == Path(done[0].result().path).read_bytes()
    assert all(busy <= threads for busy, threads in seen)
    assert sorted(threads for threads, _ in groupby(threads for _, threads in seen)) == [1, 2, 3]


def test_workers_may_be_threads_of_this_process(files, options, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        api.encode_file(files[0], tmp_path / "spread.bin", executor=executor, **options)
    assert (tmp_path / "spread.bin").read_bytes() == files[1].read_bytes()


def test_progress_reaches_its_end(files, options, tiny_weights, tmp_path):
    told = []
    api.encode_file(files[0], tmp_path / "a.bin", progress=lambda *now: told.append(now), **options)
    assert told[-1] == (6, 6)
    told.clear()
    sought = dict(max_error=50, search_progress=lambda *now: told.append(now))
    api.encode_file(files[0], tmp_path / "b.bin", **sought, **options)
    assert len(told) > 1 and told[-1][0] == told[-1][1]
    told.clear()
    api.decode_file(files[1], tmp_path / "a.tif", progress=lambda *now: told.append(now), weights=tiny_weights)
    assert told and told[-1][0] == told[-1][1] == len(told)


def test_the_public_names_are_there():
    for name in rscodec.__all__:
        assert getattr(rscodec, name) is not None and name in dir(rscodec)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rscodec.nothing  # noqa: B018


def test_an_output_that_loses_pixels_is_told_and_refused_within_a_bound(tmp_path, make_scene, options, tiny_weights):
    make_scene((150, 100), 3, "uint8").save(tmp_path / "rgb.tif")
    lossy = dict(creation_options={"COMPRESS": "JPEG"}, weights=tiny_weights, overwrite=True)
    for number, goal in enumerate(({}, {"max_error": 2})):
        api.encode_file(tmp_path / "rgb.tif", tmp_path / f"{number}.bin", **goal, **options)
    assert api.decode_file(tmp_path / "0.bin", tmp_path / "a.tif", **lossy).lossy == "COMPRESS=JPEG"
    assert api.decode_file(tmp_path / "1.bin", tmp_path / "b.tif", weights=tiny_weights).lossy == ""
    with pytest.raises(InputError, match="error of 2, which COMPRESS=JPEG cannot keep"):
        api.decode_file(tmp_path / "1.bin", tmp_path / "c.tif", **lossy)
    assert not (tmp_path / "c.tif").exists()
    assert api.preview_file(tmp_path / "1.bin", tmp_path / "d.tif", 50, **lossy).lossy == "COMPRESS=JPEG"


def test_metadata_that_the_format_cannot_hold_are_told(tmp_path, options, tiny_weights):
    points = [[float(row), 0.0, 1.0, 2.0 + row, 3.0, name, ""] for row, name in enumerate(("door", "tower", "bell"))]
    scene = Scene(np.full((1, 64, 64), 7, np.uint8), metadata={"gcps": points, "gcps_crs": "EPSG:4326"})
    (tmp_path / "a.bin").write_bytes(rscodec.encode(scene, **options))
    for make in (api.decode_file, partial(api.preview_file, longest=32)):
        told = make(tmp_path / "a.bin", tmp_path / "a.tif", weights=tiny_weights, overwrite=True)
        assert told.metadata_changed == ("gcps",)


@pytest.fixture
def grey(tiny, tmp_path):
    """grey(width, height, metadata): the path of a stream of grey tiles, which takes a byte for each."""

    def make(width: int, height: int, metadata: dict | None = None) -> Path:
        header = Header(
            model=tiny.model,
            weights_hash=tiny.weights_hash,
            arithmetic=tiny.arithmetic,
            quality=3.0,
            width=width,
            height=height,
            bands=1,
            dtype="uint8",
            groups=1,
            tile=MAX_TILE,
        )
        path = tmp_path / f"{width}-{height}.bin"
        with StreamWriter(path, header, metadata) as writer:
            for row, col in np.ndindex(*header.grid):
                sizes = (min(MAX_TILE, size - at * MAX_TILE) for size, at in ((height, row), (width, col)))
                shape = *(-(-size // tiny.stride) for size in sizes), tiny.channels
                writer.add(row, col, None, [(FLAT, latents_crc(np.zeros(shape, tiny.latent_dtype)))])
        return path

    return make


def test_a_scene_that_claims_more_pixels_than_memory_is_for(grey, tiny_weights):
    path = grey(2**17, 2**14)
    assert path.stat().st_size < 10_000
    with pytest.raises(LimitExceeded, match="131072 x 16384 pixels of 1 bands take 2.1 GB; the limit is 1073741824"):
        rscodec.decode(path.read_bytes(), weights=tiny_weights)
    with rscodec.open(path, weights=tiny_weights) as stream:
        with pytest.raises(LimitExceeded, match="2.1 GB.*max_pixels"):
            stream.read()
        assert (stream.read((2**17 - 50, 2**14 - 40, 50, 40)).pixels == 128).all()
        with pytest.raises(LimitExceeded):
            stream.read((0, 0, 2**17, 2**13 + 1))
    with rscodec.open(path, weights=tiny_weights, max_pixels=4999) as stream:
        assert stream.read((0, 0, 50, 99)).pixels.shape == (1, 99, 50)
        for read in (lambda: stream.read((0, 0, 50, 100)), lambda: stream.preview(2**10)):
            with pytest.raises(LimitExceeded, match="the limit is 4999 pixels"):
                read()
    small = grey(100, 50).read_bytes()
    assert rscodec.decode(small, weights=tiny_weights, max_pixels=5000).pixels.size == 5000
    with pytest.raises(LimitExceeded):
        rscodec.decode(small, weights=tiny_weights, max_pixels=4999)


def test_a_scene_that_claims_more_pixels_than_a_file_is_for(grey, tiny_weights, tmp_path):
    path, out = grey(2**20, 2**15), tmp_path / "out.tif"
    with pytest.raises(LimitExceeded, match=f"{path}: 1048576 x 32768 .* 34.4 GB; the limit is 17179869184 .*`max_pix"):
        api.decode_file(path, out, weights=tiny_weights)
    assert not out.exists()
    api.decode_file(path, out, weights=tiny_weights, window=(7, 7, 60, 50), max_pixels=3000)
    for function, args in ((api.decode_file, ()), (api.preview_file, (2**9,))):
        with pytest.raises(LimitExceeded, match="the limit is 3000"):
            function(path, out, *args, weights=tiny_weights, max_pixels=3000, overwrite=True)
    small = grey(60, 50)
    api.decode_file(small, out, weights=tiny_weights, max_pixels=3000, overwrite=True)
    with pytest.raises(LimitExceeded, match="the limit is 2999"):
        api.decode_file(small, out, weights=tiny_weights, max_pixels=2999, overwrite=True)


def test_upscaling_counts_the_pixels_that_it_makes(files, tiny_weights, tmp_path):
    from rscodec.upsamplers.base import UpscaleSettings

    with pytest.raises(LimitExceeded, match="300 x 200 pixels of 4 bands .* the limit is 239999"):
        api.upscale_file(
            files[1], tmp_path / "a.tif", UpscaleSettings("e2diff", 2.0), weights=tiny_weights, max_pixels=239_999
        )


def test_too_many_tags_are_named_at_once(grey, tiny_weights, tmp_path):
    path = grey(64, 64, {"tags": {"": {str(number): "" for number in range(700_000)}}})
    with pytest.raises(LimitExceeded, match="has 700000 tags, above the limit of"):
        api.decode_file(path, tmp_path / "a.tif", window=(0, 0, 1, 1), weights=tiny_weights)
    many = grey(65, 64, {"tags": {"": {f"tag {number}": "" for number in range(MAX_TAGS)}}})
    api.decode_file(many, tmp_path / "b.tif", window=(0, 0, 1, 1), weights=tiny_weights)


@pytest.mark.parametrize("metadata, words", [
    ({"tags": {"xml:XMP": {"a": "b"}}}, "impossible tags"), ({"tags": {"": {"a": "\ud800"}}}, "impossible tags"),
    ({"crs": "PROJCS[nonsense"}, "no image can hold the crs"), ({"nodata": "300.5"}, "no image can hold the nodata"),
])  # fmt: skip
def test_hostile_metadata_are_damage_of_the_stream(grey, tiny_weights, tmp_path, metadata, words):
    path, out = grey(64, 64, metadata), tmp_path / "a.tif"
    for function, args in ((api.decode_file, ()), (api.preview_file, (9,))):
        with pytest.raises(MetadataDamaged, match=f"{path}.*{words}"):
            function(path, out, *args, weights=tiny_weights)
    assert not out.exists()


def test_no_file_of_the_input_is_overwritten(files, options, tiny_weights, tmp_path):
    image, stream = files
    (tmp_path / "scene.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    sidecar = tmp_path / "scene.tif.aux.xml"
    for src, dst in ((f"GTIFF_DIR:1:{image}", image), (image, sidecar), (image, image)):
        with pytest.raises(OutputError, match="is the input itself, or belongs to one of its files"):
            api.encode_file(src, dst, overwrite=True, **options)
    (tmp_path / "scene.msk").write_bytes(stream.read_bytes())  # what a new "scene" would sweep away
    for dst in (tmp_path / "scene", tmp_path / "scene.msk"):
        with pytest.raises(OutputError, match="is the input itself, or belongs to one of its files"):
            api.decode_file(tmp_path / "scene.msk", dst, overwrite=True, weights=tiny_weights)
    assert before.items() <= {path: path.read_bytes() for path in tmp_path.iterdir()}.items()


def test_no_file_of_a_raster_is_overwritten_by_what_is_generated(files):
    from rscodec.upsamplers.base import UpscaleSettings

    source = f"GTIFF_DIR:1:{files[0]}"
    for function, settings in (
        (api.enhance_file, rscodec.EnhanceSettings("ldm-jpeg2000")),
        (api.upscale_file, UpscaleSettings("e2diff", 2.0)),
    ):
        with pytest.raises(OutputError, match="is the input itself, or belongs to one of its files"):
            function(source, files[0], settings, overwrite=True)


def test_a_stream_may_be_a_path_bytes_or_a_file(files, tiny_weights):
    data = files[1].read_bytes()
    expected = rscodec.decode(data, weights=tiny_weights).pixels
    with files[1].open("rb") as file:
        for kind in (files[1], str(files[1]), bytearray(data), io.BytesIO(data), file):
            assert np.array_equal(rscodec.decode(kind, weights=tiny_weights).pixels, expected)
        with rscodec.open(file, weights=tiny_weights) as stream:
            assert np.array_equal(stream.read((5, 6, 7, 8)).pixels, expected[:, 6:14, 5:12])
        assert not file.closed


def test_a_fill_value_that_no_pixel_can_have_is_named(scene, options):
    masked = np.ma.masked_array(scene.pixels, scene.pixels % 7 == 0)
    with pytest.raises(InputError, match="uint16 cannot hold the fill value .*; set array.fill_value"):
        rscodec.encode(masked, **options)


def test_bytes_that_are_no_image_are_named_so(scene, options):
    with pytest.raises(InputError, match="^the bytes are not an image"):
        rscodec.encode(b"not an image", **options)
    with pytest.raises(InputError, match="^the bytes are compressed already"):
        rscodec.encode(rscodec.encode(scene, **options), **options)


def test_a_scene_is_saved_in_any_order_of_bytes_but_with_three_axes(tmp_path):
    pixels = np.arange(3 * 8 * 8, dtype=">u2").reshape(3, 8, 8)
    Scene(pixels).save(tmp_path / "a.tif")
    assert np.array_equal(Scene.load(tmp_path / "a.tif").pixels, pixels)
    with pytest.raises(InputError, match=r"three axes .*, not the shape \(8, 8\)"):
        Scene(pixels[0]).save(tmp_path / "b.tif")


def test_a_masked_array_keeps_its_mask(scene, options, tiny_weights):
    masked = np.ma.masked_array(scene.pixels, scene.pixels % 7 == 0, fill_value=21)
    back = rscodec.decode(rscodec.encode(masked, max_error=0, **options), weights=tiny_weights)
    assert np.array_equal(back.mask, ~masked.mask) and back.nodata == 21
    assert np.array_equal(back.pixels[back.mask], masked.compressed())
    assert rscodec.encode(masked[0], **options) and rscodec.encode(np.ma.masked_array(scene.pixels), **options)
    with pytest.raises(InputError, match="valid pixels equal the fill value 22; set array.fill_value"):
        rscodec.encode(np.ma.masked_array([[22, 1]], [[0, 1]], "uint8", fill_value=22), **options)


def test_a_pipe_is_read_to_its_end(files, tiny_weights):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert rscodec.decode(Pipe(files[1].read_bytes()), weights=tiny_weights).pixels.shape == (4, 100, 150)


def test_an_image_may_be_bytes_or_a_file(files, options):
    data = files[0].read_bytes()
    with files[0].open("rb") as file:
        for kind in (data, memoryview(data), io.BytesIO(data), file):
            assert rscodec.encode(kind, **options) == files[1].read_bytes()


def test_decode_can_upscale(make_scene, options, tiny_weights, tmp_path):
    pytest.importorskip("torch")
    from tests.helpers import upsamplers

    model = upsamplers.write(tmp_path / "e2diff.safetensors")
    settings = rscodec.UpscaleSettings(model, 2.0, seed=1)
    (tmp_path / "a.bin").write_bytes(rscodec.encode(make_scene((60, 50)), **options))
    made = rscodec.decode(tmp_path / "a.bin", upscale=settings, weights=tiny_weights)
    rscodec.upscale_file(tmp_path / "a.bin", tmp_path / "a.tif", settings, weights=tiny_weights)
    expected = Scene.load(tmp_path / "a.tif")
    assert made.pixels.shape == (3, 100, 120) and np.array_equal(made.pixels, expected.pixels)
    assert made.metadata["tags"] == expected.metadata["tags"]
    with pytest.raises(LimitExceeded):
        rscodec.decode(tmp_path / "a.bin", upscale=settings, weights=tiny_weights, max_pixels=3 * 60 * 50)


def test_decode_passes_on_what_enhances(monkeypatch, files, tiny_weights):
    asked = []
    monkeypatch.setattr("rscodec.enhancers.apply.enhanced_stream", lambda *given: asked.append(given[2]) or 1 / 0)
    for enhance in ("ldm", rscodec.EnhanceSettings("ldm")):
        with pytest.raises(ZeroDivisionError):
            rscodec.decode(files[1], enhance=enhance, weights=tiny_weights)
    assert asked == [rscodec.EnhanceSettings("ldm")] * 2


@pytest.mark.parametrize("function, names", [
    (rscodec.encode, ["scene", "quality", "bpp", "psnr", "tile"]), (rscodec.decode, ["data", "weights", "on_error"]),
    (rscodec.open, ["source", "size", "weights", "device"]), (rscodec.encode_file, ["src", "dst", "bpp", "tile"]),
    (rscodec.decode_file, ["src", "dst", "window", "driver", "creation_options", "weights"]),
])  # fmt: skip
def test_signatures_name_all_settings(function, names):
    shown = signature(function).parameters
    assert set(names) <= shown.keys() and not any(one.kind is Parameter.VAR_KEYWORD for one in shown.values())


class TestWrongArguments:
    """Each is an error of the project that says what to do."""

    @pytest.mark.parametrize("data", [None, 1, np.zeros(3), ["b.bin"]], ids=lambda data: type(data).__name__)
    def test_streams(self, data, tmp_path):
        for function in (rscodec.decode, rscodec.open):
            with pytest.raises(InputError, match=f"a path, a URL, bytes, a binary .*, not as {type(data).__name__}$"):
                function(data)
        for function in (rscodec.decode_file, rscodec.verify_file):
            with pytest.raises(InputError, match=f"the stream is a path or a URL, not {type(data).__name__}"):
                function(data, tmp_path / "a.tif")

    @pytest.mark.parametrize("scene", [None, 1, True, [[1], [1, 2]], {"a": 1}, np.array(["a"]), object()], ids=str)
    def test_scenes(self, scene, options, tmp_path):
        with pytest.raises(InputError, match="a scene is an array, a DataArray, a Scene, or an image as a path, bytes"):
            rscodec.encode(scene, **options)
        with pytest.raises(InputError, match=f"not {type(scene).__name__}$"):
            rscodec.encode_file(scene, tmp_path / "a.bin", **options)

    @pytest.mark.parametrize("output", [None, 1, b"a.tif", io.BytesIO()], ids=lambda value: type(value).__name__)
    def test_outputs(self, files, output):
        for function, source in ((rscodec.encode_file, files[0]), (rscodec.decode_file, files[1])):
            with pytest.raises(InputError, match=f"the output is a path, not {type(output).__name__}"):
                function(source, output)

    def test_files_that_are_open_as_text(self, files):
        with files[1].open(encoding="latin-1") as text:
            for function in (rscodec.decode, rscodec.encode):
                with pytest.raises(InputError, match="open as text; open it with mode 'rb'"):
                    function(text)

    def test_two_ways_to_generate(self):
        with pytest.raises(InputError, match="`upscale` generates pixels, too; omit `enhance`"):
            rscodec.decode(b"", enhance="ldm", upscale=2)

    def test_decode_of_other_bytes(self, scene, options, tiny_weights):
        data = rscodec.encode(scene, **options)
        for kind in (bytearray, memoryview):
            assert rscodec.decode(kind(data), weights=tiny_weights).pixels.shape == scene.pixels.shape

    @pytest.mark.parametrize(
        "window",
        [1, "0123", (0, 0, 9), (0, 0, 9.0, 9), (0, 0, True, 9), rasterio.windows.Window(0, 0.5, 9, 9)],
        ids=str,
    )
    def test_windows(self, files, tiny_weights, tmp_path, window):
        with rscodec.open(files[1], weights=tiny_weights) as stream:
            with pytest.raises(InputError, match="a window is four whole numbers"):
                stream.read(window)
        with pytest.raises(InputError, match="a window is four whole numbers"):
            api.decode_file(files[1], tmp_path / "a.tif", window=window, weights=tiny_weights)

    def test_windows_of_numpy(self, files, tiny_weights):
        with rscodec.open(files[1], weights=tiny_weights) as stream:
            assert stream.read(np.array([1, 2, 30, 20])).pixels.shape == (4, 20, 30)

    @pytest.mark.parametrize("bands", [1.0, "12", (1.0,), (True,), True], ids=str)
    def test_bands(self, files, tiny_weights, bands):
        with rscodec.open(files[1], weights=tiny_weights) as stream:
            with pytest.raises(InputError, match="bands are whole numbers from 1 on"):
                stream.read(bands=bands)

    @pytest.mark.parametrize("settings, words", [
        ({"q": 3}, "there is no setting q; there are quality, bpp"), ({"quality": "3"}, "`quality='3'`: give a num"),
        ({"bpp": [1]}, "`bpp=.*`: give a number"), ({"max_error": True}, "`max_error=True`: give a number"),
        ({"device": 5}, "`device=5`: give a string"), ({"weights": b"x"}, "`weights=b'x'`: give a string or a path"),
        ({"threads": 1.5}, "`threads=1.5`: give a whole number"), ({"balance": "x"}, "`balance='x'`: give True or Fal"),
        ({"model": None}, "`model=None`: give a string"),
    ])  # fmt: skip
    def test_settings(self, scene, tmp_path, settings, words):
        with pytest.raises(InputError, match=words):
            rscodec.encode(scene, **settings)
        with pytest.raises(InputError, match=words):
            api.encode_file("a.tif", tmp_path / "a.bin", **settings)

    @pytest.mark.parametrize("settings, words", [
        ({"on_error": "x"}, "`on_error=x`: give stop or nodata"), ({"max_pixels": "x"}, "`max_pixels=.x.`: give"),
        ({"device": 5}, "`device=5`: give a string"), ({"weights": 5}, "`weights=5`: give a string or a path"),
    ])  # fmt: skip
    def test_settings_of_decoding(self, files, tiny_weights, tmp_path, settings, words):
        settings = {"weights": tiny_weights} | settings
        with pytest.raises(InputError, match=words):
            rscodec.decode(files[1], **settings)
        with pytest.raises(InputError, match=words):
            rscodec.decode_file(files[1], tmp_path / "a.tif", **settings)

    @pytest.mark.parametrize("settings, words", [
        ({"driver": 5}, "`driver=5`: give a string"), ({"overwrite": "no"}, "`overwrite='no'`: give True or False"),
        ({"creation_options": ["a"]}, "`creation_options=.*`: give a dictionary"),
        ({"threads": "x"}, "`threads='x'`: give a whole number, 1 or more"),
    ])  # fmt: skip
    def test_settings_of_outputs(self, files, tmp_path, settings, words):
        with pytest.raises(InputError, match=words):
            rscodec.decode_file(files[1], tmp_path / "a.tif", **settings)
        with pytest.raises(InputError, match=words):
            rscodec.preview_file(files[1], tmp_path / "a.tif", 9, **settings)

    @pytest.mark.parametrize("settings, words", [
        ({"enhance": 5}, "`model=5`: give a string"), ({"upscale": "x"}, "`scale='x'`: give a number"),
        ({"upscale": 0.5}, "`scale=0.5`: give a number from 1 to 10"),
    ])  # fmt: skip
    def test_what_generates(self, files, tiny_weights, settings, words):
        with pytest.raises(InputError, match=words):
            rscodec.decode(files[1], weights=tiny_weights, **settings)

    @pytest.mark.parametrize("longest", [0, -1, 2.5, "9", None], ids=str)
    def test_previews(self, files, tmp_path, longest):
        with (
            rscodec.open(files[1]) as stream,
            pytest.raises(InputError, match="of pixels, at least 1, not"),
        ):
            stream.preview(longest)
        with pytest.raises(InputError, match="of pixels, at least 1, not"):
            rscodec.preview_file(files[1], tmp_path / "a.tif", longest)

    def test_paths_sizes_and_corners(self, files, tiny_weights):
        with pytest.raises(InputError, match="an image is a path, not NoneType"):
            Scene.load(None)
        with pytest.raises(InputError, match="a scene is an array, .* not int"):
            rscodec.verify_file(files[1], 5, weights=tiny_weights)
        with pytest.raises(InputError, match="the output is a path, not NoneType"):
            Scene(np.zeros((1, 2, 2), "uint8")).save(None)
        with pytest.raises(InputError, match="each scene is a path, not NoneType"):
            rscodec.validate_files(files[0], None)
        with pytest.raises(InputError, match="the size of a stream is a whole number of bytes, not 'x'"):
            rscodec.open(lambda offset, length: b"", size="x")
        with rscodec.open(files[1]) as stream, pytest.raises(InputError, match="corners are numbers"):
            stream.window("a", 0, 0, 0)

    def test_pixels(self, options):
        with pytest.raises(InputError, match="the pixels of a scene are an array of NumPy, not list"):
            rscodec.encode(Scene([[1]]), **options)
        with pytest.raises(InputError, match=r"64 bands.*array.transpose\(2, 0, 1\)"):
            rscodec.encode(np.zeros((64, 64, 3), "uint8"), **options)

    @pytest.mark.parametrize(
        "convert",
        [
            lambda data: None,
            memoryview,
            bytearray,
            lambda data: np.frombuffer(data, np.uint8),
        ],
        ids=["nothing", "memoryview", "bytearray", "numpy"],
    )
    def test_get_bytes(self, files, tiny_weights, convert):
        data = files[1].read_bytes()
        with pytest.raises(InputError, match=r"get_bytes\(0, 4096\) returned .*, not bytes"):
            rscodec.open(lambda offset, length: convert(data[offset : offset + length]))
        whole = lambda offset, length: data[offset : offset + length]  # noqa: E731
        with rscodec.open(
            lambda *span: whole(*span) if span[0] == 0 else convert(whole(*span)), weights=tiny_weights
        ) as stream:
            with pytest.raises(InputError, match="returned .*, not bytes"):
                stream.read()
