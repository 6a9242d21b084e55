"""Chunks as streams, through zarr-python alone and through numcodecs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams.digest import sha256
from rscodec.bitstreams.errors import InputError, MissingWeights, WrongWeights
from rscodec.integrations.chunk_codec import ChunkCodec
from rscodec.models import weights
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find

numcodecs = pytest.importorskip("numcodecs")
SHIPPED = find(CODECS, DEFAULT_CODEC).default_model

INSTALLED = bool(entry_points(group="zarr.codecs", name="rscodec"))
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tiny_package(tiny_weights, tiny, tmp_path, monkeypatch) -> Path:
    """A package that ships the tiny model and nothing else."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "vec-1.safetensors").write_bytes(tiny_weights.read_bytes())
    names = {arithmetic: name.hex() for arithmetic, name in tiny.weights_hashes.items()}
    told = {"sha256": sha256(tiny_weights), "weights_hashes": names}
    (folder / "vec-1.json").write_text(json.dumps(told))
    monkeypatch.setattr(weights, "FOLDER", folder)
    return folder


@pytest.fixture
def codec(tiny_package) -> ChunkCodec:
    return ChunkCodec(quality=5, model="vec-1")


@pytest.fixture(scope="module")
def zarr():
    zarr = pytest.importorskip("zarr", "3.1")
    from rscodec.integrations.zarr_codec import RscodecCodec

    zarr.registry.register_codec("rscodec", RscodecCodec)
    return zarr


SERIALIZER = {"name": "rscodec", "configuration": {"quality": 5, "model": "vec-1"}}


@pytest.fixture
def cube(make_scene) -> np.ndarray:
    return make_scene((150, 100), bands=4, dtype="uint16").pixels


def by_chunks(codec: ChunkCodec, cube: np.ndarray, edge: int = 64) -> np.ndarray:
    """What coding makes of a cube, chunk by chunk; those at the end are filled up with zeros, as Zarr does."""
    bands, height, width = cube.shape
    padded = np.pad(cube, ((0, 0), (0, -height % edge), (0, -width % edge)))
    back = np.empty_like(padded)
    for row in range(0, height, edge):
        for col in range(0, width, edge):
            chunk = np.s_[:, row : row + edge, col : col + edge]
            back[chunk] = codec.decode(codec.encode(padded[chunk]))
    return back[:, :height, :width]


def test_a_chunk_is_a_stream(codec, cube):
    data = codec.encode(cube)
    assert np.array_equal(codec.decode(data), rscodec.decode(data).pixels)
    with rscodec.open(lambda offset, length: data[offset : offset + length]) as scene:
        assert (scene.header.model, scene.header.weights_hash.hex()) == ("vec-1", codec.weights_hash)


def test_the_default_is_what_ships():
    shipped = json.loads((weights.FOLDER / f"{SHIPPED}.json").read_text())
    assert ChunkCodec().configuration == {
        "quality": 3.0,
        "model": SHIPPED,
        "weights_hash": shipped["weights_hashes"]["integer-2"],
    }


def test_nodata_comes_back(codec, make_scene):
    pixels = make_scene((90, 70), bands=2, dtype="int16", nodata=-9999).pixels
    invalid = pixels == -9999
    back = codec.decode(replace(codec, nodata=-9999).encode(pixels))
    assert invalid.any() and np.array_equal(back == -9999, invalid)
    assert not np.array_equal(codec.decode(codec.encode(pixels)) == -9999, invalid)


def test_an_array_made_with_other_weights_is_not_written_to(codec, cube):
    with pytest.raises(WrongWeights, match="0123456789abcdef"):
        replace(codec, weights_hash="0123456789abcdef").encode(cube)
    with pytest.raises(MissingWeights, match=SHIPPED):
        ChunkCodec()


def test_an_array_of_an_older_release_is_read_and_written_to(codec, cube, tiny):
    old = replace(codec, weights_hash=tiny.weights_hashes["integer-1"].hex())
    assert old.weights_hash != codec.weights_hash and old.encode(cube) == codec.encode(cube)


def test_an_impossible_quality_is_refused(tiny_package):
    with pytest.raises(InputError, match="9"):
        ChunkCodec(quality=9, model="vec-1")


def test_an_unknown_key_is_refused_with_the_known_ones(zarr, tmp_path):
    from rscodec.integrations.numcodecs_codec import RscodecCodec

    message = "no setting qualty; there are quality, nodata"
    serializer = {"name": "rscodec", "configuration": {"qualty": 5}}
    with pytest.raises(InputError, match=message):
        zarr.create_array(tmp_path / "a.zarr", shape=(64, 64), dtype="uint8", serializer=serializer, compressors=None)
    with pytest.raises(InputError, match=message):
        RscodecCodec(qualty=5)


def test_a_cube_through_a_zarr_3_store(zarr, codec, tiny_weights, cube, tmp_path):
    made = zarr.create_array(
        tmp_path / "a.zarr",
        shape=cube.shape,
        chunks=(4, 64, 64),
        dtype=cube.dtype,
        serializer=SERIALIZER,
        compressors=None,
    )
    made[:] = cube
    found = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert np.array_equal(found[:], by_chunks(codec, cube))
    chunk = (tmp_path / "a.zarr" / "c" / "0" / "0" / "1").read_bytes()
    assert np.array_equal(found[:, :64, 64:128], rscodec.decode(chunk, weights=tiny_weights).pixels)
    assert found.nbytes > 5 * found.nbytes_stored()


def test_model_and_hash_stand_in_the_store(zarr, codec, cube, tmp_path):
    zarr.create_array(
        tmp_path / "a.zarr",
        shape=cube.shape,
        chunks=(4, 64, 64),
        dtype=cube.dtype,
        serializer=SERIALIZER,
        compressors=None,
    )
    (stored,) = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["codecs"]
    assert stored == {"name": "rscodec", "configuration": codec.configuration}


def test_shards_and_compressors_around_it(zarr, codec, cube, tmp_path):
    made = zarr.create_array(
        tmp_path / "a.zarr",
        shape=cube.shape,
        chunks=(4, 32, 32),
        shards=(4, 64, 64),
        dtype=cube.dtype,
        serializer=SERIALIZER,
    )
    made[:] = cube
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr")[:], by_chunks(codec, cube, 32))


@pytest.mark.parametrize(
    "shape, chunks, dtype, words",
    [
        ((100,), (10,), "uint8", "no rows and columns"),
        ((40, 64, 64), (40, 64, 64), "uint8", "40 bands"),
        ((4, 64, 64), (4, 64, 64), "int64", "int64"),
    ],
)
def test_what_is_no_scene_is_refused_when_the_array_is_made(zarr, tiny_package, tmp_path, shape, chunks, dtype, words):
    with pytest.raises(InputError, match=words):
        zarr.create_array(
            tmp_path / "a.zarr", shape=shape, chunks=chunks, dtype=dtype, serializer=SERIALIZER, compressors=None
        )


def test_a_series_of_images_has_more_axes(zarr, codec, cube, tmp_path):
    series = np.stack([cube, cube[::-1]])
    made = zarr.create_array(
        tmp_path / "a.zarr",
        shape=series.shape,
        chunks=(1, 4, 64, 64),
        dtype=cube.dtype,
        serializer=SERIALIZER,
        compressors=None,
    )
    made[:] = series
    assert np.array_equal(made[1, 3], by_chunks(codec, series[1])[3])


def test_numcodecs(codec, cube):
    from rscodec.integrations.numcodecs_codec import RscodecCodec

    numcodecs.register_codec(RscodecCodec)
    made = numcodecs.get_codec({"id": "rscodec", "quality": 5, "model": "vec-1"})
    assert made.get_config() == {"id": "rscodec", **codec.configuration}
    assert numcodecs.get_codec(made.get_config()) == made
    data = made.encode(cube)
    assert np.array_equal(made.decode(data), codec.decode(codec.encode(cube)))
    out = np.empty_like(cube)
    assert np.array_equal(made.decode(data, out), out) and out.any()
    with pytest.raises(InputError, match="no rows and columns"):
        made.encode(cube.tobytes())


def test_numcodecs_through_a_zarr_2_store(zarr, codec, cube, tmp_path):
    from rscodec.integrations.numcodecs_codec import RscodecCodec

    made = zarr.create_array(
        tmp_path / "a.zarr",
        shape=cube.shape,
        chunks=(4, 64, 64),
        dtype=cube.dtype,
        zarr_format=2,
        compressors=RscodecCodec(quality=5, model="vec-1"),
    )
    made[:] = cube
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr")[:], by_chunks(codec, cube))


def in_a_new_process(code: str, *args: object) -> str:
    result = subprocess.run([sys.executable, "-c", code, *map(str, args)], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.skipif(not INSTALLED, reason="rscodec is used without being installed")
def test_an_old_store_opens_in_a_fresh_process_that_knows_only_zarr(zarr, make_scene, tmp_path):
    store = tmp_path / "old.zarr"
    cube = make_scene((150, 100), bands=4, dtype="uint16").pixels
    in_a_new_process(
        "import sys, numpy, zarr\n"
        "cube = numpy.load(sys.argv[2])\n"
        "made = zarr.create_array(sys.argv[1], shape=cube.shape, chunks=(4, 128, 128), dtype=cube.dtype, "
        "serializer={'name': 'rscodec', 'configuration': {'quality': 6}}, compressors=None)\n"
        "made[:] = cube",
        store,
        _saved(cube, tmp_path),
    )
    in_a_new_process(
        "import sys, numpy, zarr\n"
        "found = zarr.open_array(sys.argv[1], mode='r')\n"
        "assert 'torch' not in sys.modules\n"
        "numpy.save(sys.argv[2], found[:])",
        store,
        tmp_path / "back.npy",
    )
    assert np.abs(np.load(tmp_path / "back.npy").astype(int) - cube).mean() < 0.1 * cube.mean()


def _saved(array: np.ndarray, folder: Path) -> Path:
    np.save(folder / "cube.npy", array)
    return folder / "cube.npy"
