"""What people really hand to `rscodec encode` and `decode`: each mistake has its line and its exit code."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rscodec.bitstreams import StreamReader
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find
from rscodec.models.weights import FOLDER


def raster(path: Path, count: int = 3, dtype: str = "uint8", fill: float = 7) -> Path:
    profile = dict(
        driver="GTiff",
        width=64,
        height=48,
        count=count,
        dtype=dtype,
        crs="EPSG:32632",
        transform=from_origin(500000, 5600000, 10, 10),
    )
    with rasterio.open(path, "w", **profile) as scene:
        scene.write(np.full((count, 48, 64), fill, dtype))
    return path


def missing(folder: Path) -> Path:
    return folder / "nowhere.tif"


def empty(folder: Path) -> Path:
    (folder / "empty.tif").write_bytes(b"")
    return folder / "empty.tif"


def not_an_image(folder: Path) -> Path:
    (folder / "notes.tif").write_text("These are notes.\n" * 20)
    return folder / "notes.tif"


def a_folder(folder: Path) -> Path:
    return folder


def too_many_bands(folder: Path) -> Path:
    return raster(folder / "many.tif", count=17)


def complex_pixels(folder: Path) -> Path:
    return raster(folder / "complex.tif", dtype="complex64")


def infinite_pixels(folder: Path) -> Path:
    return raster(folder / "infinite.tif", dtype="float32", fill=np.inf)


@pytest.mark.parametrize(
    "make, words",
    [
        (missing, "nowhere.tif"),
        (empty, "empty.tif"),
        (not_an_image, "notes.tif"),
        (a_folder, ""),
        (too_many_bands, "17"),
        (complex_pixels, "complex64"),
        (infinite_pixels, "infinit"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_scene_that_cannot_be_coded_is_3(rscodec, tmp_path, make, words):
    out = tmp_path / "out.bin"
    result = rscodec("encode", make(tmp_path), "-o", out)
    assert result.code == 3 and words in result.err and result.err.count("\n") == 1
    assert result.out == "" and not out.exists() and not list(tmp_path.glob(".*"))


def test_bands_that_are_not_there_are_3(rscodec, tmp_path):
    result = rscodec("encode", raster(tmp_path / "a.tif"), "-o", tmp_path / "a.bin", "--bands", "1,4")
    assert result.code == 3 and "a.tif" in result.err


def test_an_existing_output_is_7_and_stays(rscodec, tmp_path):
    out = tmp_path / "a.bin"
    out.write_bytes(b"precious")
    result = rscodec("encode", raster(tmp_path / "a.tif"), "-o", out)
    assert result.code == 7 and "--overwrite" in result.err and out.read_bytes() == b"precious"


@pytest.mark.parametrize("folder", ["nowhere", "a_file"])
def test_an_output_without_a_folder_is_7(rscodec, tmp_path, folder):
    (tmp_path / "a_file").write_bytes(b"")
    result = rscodec("encode", raster(tmp_path / "a.tif"), "-o", tmp_path / folder / "a.bin")
    assert result.code == 7 and folder in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize("command", ["decode", "verify", "info"])
@pytest.mark.parametrize(
    "content, code",
    [(None, 3), (b"", 4), (os.urandom(200), 4), (b"\xd2RSC\xff" + bytes(80), 4)],
    ids=["missing", "empty", "foreign", "future"],
)
def test_what_is_not_a_stream_is_named(rscodec, tmp_path, command, content, code):
    path = tmp_path / "a.bin"
    if content is not None:
        path.write_bytes(content)
    result = rscodec(command, path, *(["-o", tmp_path / "a.tif"] if command == "decode" else []))
    assert result.code == code and "a.bin" in result.err and result.err.count("\n") == 1
    assert not (tmp_path / "a.tif").exists()


def zero_bands(folder: Path) -> Path:
    (folder / "nothing.vrt").write_text('<VRTDataset rasterXSize="8" rasterYSize="8"></VRTDataset>')
    return folder / "nothing.vrt"


def test_a_scene_without_bands_is_3(rscodec, tmp_path):
    result = rscodec("encode", zero_bands(tmp_path), "-o", tmp_path / "a.bin")
    assert result.code == 3 and "nothing.vrt" in result.err and "band" in result.err


VECTORS = Path(__file__).parents[2] / "bitstreams" / "vectors"
STREAM = next(VECTORS.glob("v1/passed/*_plain_rgb")) / "stream.bin"
TINY = VECTORS / "vec-1.safetensors"


@pytest.mark.parametrize("window", [(-1, 0, 4, 4), (0, 0, 9999, 4), (4000, 0, 1, 1), (0, 0, 0, 5)])
def test_a_window_outside_the_scene_is_3(rscodec, tmp_path, window):
    result = rscodec("decode", STREAM, "-o", tmp_path / "a.tif", "--weights", TINY, "--window", *window)
    assert result.code == 3 and "not inside" in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


SHIPPED = FOLDER / f"{find(CODECS, DEFAULT_CODEC).default_model}.safetensors"


@pytest.mark.parametrize(
    "weights, words",
    [
        (None, "vec-1 with hash"),
        (SHIPPED, "vec-1 with hash"),
        (STREAM, "no rscodec weights"),
        (Path("nowhere.safetensors"), "nowhere.safetensors"),
    ],
    ids=["not_shipped", "of_another_model", "no_weights", "missing"],
)
@pytest.mark.parametrize("command", ["decode", "verify"])
def test_missing_or_other_weights_are_5(rscodec, tmp_path, command, weights, words):
    output = ["-o", tmp_path / "a.tif"] if command == "decode" else []
    result = rscodec(command, STREAM, *output, *(["--weights", weights] if weights else []))
    assert result.code == 5 and words in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_an_input_is_never_its_own_output(rscodec, tmp_path, command):
    path = tmp_path / "precious"
    path.write_bytes(STREAM.read_bytes() if command == "decode" else raster(tmp_path / "a.tif").read_bytes())
    before = path.read_bytes()
    result = rscodec(command, path, "-o", tmp_path / "." / "precious", "--overwrite")
    assert result.code == 7 and "is the input itself" in result.err and path.read_bytes() == before


def test_a_stream_where_an_image_is_expected_is_named(rscodec, tmp_path):
    verify = "verify", STREAM, "--against", STREAM, "--weights", TINY
    for line in (("encode", STREAM, "-o", tmp_path / "a.bin"), verify):
        result = rscodec(*line)
        assert result.code == 3 and "is compressed already, no image" in result.err and result.err.count("\n") == 1


def test_validate_takes_stream_and_raster_in_any_order(rscodec, tmp_path):
    scene = tmp_path / "a.tif"
    assert rscodec("decode", STREAM, "-o", scene, "--weights", TINY).code == 0
    for pair in ((scene, STREAM), (STREAM, scene), (STREAM, STREAM)):
        assert rscodec("validate", *pair).code == 0
    assert rscodec("validate", STREAM, raster(tmp_path / "b.tif")).code == 6


@pytest.mark.parametrize(
    "text, words",
    [
        (("encode", "a.tif", "-o", "a.bin", "--bands", "1,4"), "a.tif has bands 1 to 3, not 1, 4: choose"),
        (("decode", "STREAM", "-o", "b.tif", "--co", "COMPRESS=NIX", "--weights", TINY), "NIX"),
        (("decode", "STREAM", "-o", "b.tif", "--co", "NONSENSE=1", "--weights", TINY), "NONSENSE"),
        (("decode", "STREAM", "-o", "b.tif", "--bands", "9", "--weights", TINY), "has bands 1 to 3, not 9: choose"),
    ],
    ids=lambda value: value[-3] if isinstance(value, tuple) else "",
)
def test_messages_are_words_and_not_notation(rscodec, tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    raster(tmp_path / "a.tif")
    result = rscodec(*(STREAM if word == "STREAM" else word for word in text))
    assert result.code in (3, 7) and words in result.err and "CPLE" not in result.err and "[" not in result.err


def test_what_a_png_cannot_hold_is_refused_before_anything_is_decoded(rscodec, tmp_path, monkeypatch):
    from rscodec.codec.portable import PortableCodec

    monkeypatch.setattr(PortableCodec, "decode", None)
    stream = next(VECTORS.glob("v1/passed/*_twelve_bands")) / "stream.bin"
    result = rscodec("decode", stream, "-o", tmp_path / "a.png", "--weights", TINY)
    assert result.code == 7 and "a.png" in result.err and ".tif" in result.err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line",
    [
        ("enhance", "-", "-o", "b.tif", "--model", "ldm-jpeg2000"),
        ("batch", "encode", "-", "--out", "folder"),
    ],
    ids=" ".join,
)
def test_standard_input_is_refused_by_name(rscodec, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    raster(tmp_path / "a.tif")
    result = rscodec(*line)
    assert result.code == 3 and "standard input cannot be read: save the " in result.err
    assert not (tmp_path / "-").exists()


NO_FILES = ("-", "/vsistdout/", "/vsimem/a.tif", "s3://bucket/a.bin")


@pytest.mark.parametrize(
    "command, output",
    [
        *itertools.product(("decode", "sample"), NO_FILES),
        *(("encode", output) for output in NO_FILES[1:]),  # it writes to standard output: test_paths.py
    ],
)
@pytest.mark.parametrize("option", [["-o"], []])
def test_outputs_that_are_no_files_are_refused_by_name(rscodec, tmp_path, monkeypatch, command, output, option):
    monkeypatch.chdir(tmp_path)
    scene = {"encode": [raster(tmp_path / "a.tif")], "decode": [STREAM], "sample": []}[command]
    result = rscodec(command, *scene, *option, output)
    assert result.code == 7 and "name a file on disk; neither standard output" in result.err
    assert {path.name for path in tmp_path.iterdir()} <= {"a.tif"}


@pytest.mark.parametrize("folder", ["-", "/vsimem/folder", "s3://bucket/folder"])
@pytest.mark.parametrize(
    "line",
    [["batch", "decode", STREAM, "--out"], ["carbon", "simulate", "--size", 64, "-o"], ["view", STREAM, "--export"]],
    ids=lambda line: line[0],
)
def test_folders_that_are_not_on_disk_are_refused_by_name(rscodec, tmp_path, monkeypatch, line, folder):
    monkeypatch.chdir(tmp_path)
    weights = ["--weights", TINY] if STREAM in line else []
    result = rscodec(*line, folder, *weights)
    assert result.code == 7 and "name a folder on disk; neither standard output" in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_stream_in_a_pipe_is_refused_by_name(rscodec, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)  # so that nobody waits for a writer
    result = rscodec("info", tmp_path / "pipe")
    os.close(pipe)
    assert result.code == 3 and "pipe: it is not a file; save the stream in one" in result.err


def test_a_limit_of_pixels(rscodec, tmp_path):
    with StreamReader.from_path(STREAM) as reader:
        pixels = reader.header.width * reader.header.height * reader.header.bands
    line = "decode", STREAM, "-o", tmp_path / "a.tif", "--weights", TINY, "--max-pixels"
    result = rscodec(*line, pixels - 1)
    assert result.code == 4 and f"the limit is {pixels - 1} pixels" in result.err and "--max-pixels" in result.err
    assert rscodec(*line, pixels).code == 0
