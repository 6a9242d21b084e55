"""Rows: one name each, models that the wire knows, classes that load; and the way from a name to its weights."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rscodec.bitstreams import Header
from rscodec.bitstreams.digest import sha256
from rscodec.bitstreams.errors import InputError, MissingWeights, WrongWeights
from rscodec.bitstreams.wire import MODELS
from rscodec.codec.base import TileCodec
from rscodec.models import weights
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find, find_model
from tests.helpers import models, sizes


def header(codec, **changes) -> Header:
    fields = dict(
        arithmetic=codec.arithmetic,
        model=codec.model,
        weights_hash=codec.weights_hash,
        quality=3.0,
        width=8,
        height=8,
        bands=1,
        dtype="uint8",
        groups=1,
    )
    return Header(**fields | changes)


def test_names_and_models_are_there_once():
    names = [row.name for row in CODECS]
    claimed = [model for row in CODECS for model in row.models]
    assert len(set(names)) == len(names) and len(set(claimed)) == len(claimed)
    assert set(claimed) <= set(MODELS.values())
    assert all(row.default_model in (None, *row.models) for row in CODECS)


@pytest.mark.parametrize("row", CODECS, ids=lambda row: row.name)
def test_a_row_names_a_codec(row):
    kind = inspect.signature(row.load(), eval_str=True).return_annotation if row.name != "elic" else row.load()
    assert issubclass(kind, TileCodec)


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(ValueError, match=CODECS[0].name):
        find(CODECS, "jpeg")
    with pytest.raises(ValueError, match="no codec"):
        find_model(CODECS, "rsc-xl-9")
    with pytest.raises(InputError, match="`model`: unknown name 'jpeg'"):
        weights.codec_for_encoding("jpeg")


def test_a_codec_without_weights_of_its_own_asks_for_them():
    with pytest.raises(MissingWeights, match="`weights`"):
        weights.codec_for_encoding("vec")


def test_weights_of_another_codec_are_refused(tiny_weights):
    with pytest.raises(WrongWeights, match="holds vec-1, which is not for the codec s; give `model=vec`"):
        weights.codec_for_encoding("s", tiny_weights)


def test_a_stream_gets_the_weights_it_names(tiny, tiny_weights):
    assert weights.codec_for_decoding(header(tiny), tiny_weights).weights_hash == tiny.weights_hash


def test_a_stream_whose_weights_do_not_ship_says_which_it_wants(tiny):
    with pytest.raises(MissingWeights, match=f"vec-1 with hash {tiny.weights_hash.hex()}.*`weights`"):
        weights.codec_for_decoding(header(tiny))


def test_other_weights_of_the_same_model_are_refused(tiny, tmp_path):
    other = models.write(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(WrongWeights, match=f"needs vec-1 with hash {tiny.weights_hash.hex()}.*other.safetensors holds"):
        weights.codec_for_decoding(header(tiny), other)


def test_weights_of_another_model_are_refused(tiny, tmp_path):
    other = models.write(tmp_path / "small.safetensors", sizes.SHIPPED, sizes.TINY)
    with pytest.raises(WrongWeights, match=f"holds {sizes.SHIPPED}"):
        weights.codec_for_decoding(header(tiny), other)


@pytest.fixture
def tuned(tmp_path) -> Path:
    """The tiny model with another synthesis."""
    codec = models.build()
    codec.synthesis.head.weight.data.mul_(0.5)
    models.write_weights(tmp_path / "tuned.safetensors", "vec-1", codec.config, models.freeze(codec))
    return tmp_path / "tuned.safetensors"


def test_another_synthesis_is_other_weights(tiny, tuned):
    with pytest.raises(WrongWeights, match=f"other weights.*{tiny.weights_hash.hex()}.*tuned.safetensors holds"):
        weights.codec_for_decoding(header(tiny), tuned)


def test_old_streams_name_the_exact_path_alone(tiny, tuned):
    """Weights with another synthesis decode the same latents."""
    old = header(tiny, arithmetic="integer-1", weights_hash=tiny.weights_hashes["integer-1"])
    y = np.random.default_rng(0).normal(0, 4, (1, 4, 4, tiny.channels)).astype(np.float32)
    ((payload, latents),) = tiny.encode(y, 3)
    found = weights.codec_for_decoding(old, tuned).decode([payload], 4, 4, 3)[0]
    assert np.array_equal(found, latents)


def test_an_old_hash_is_none_of_a_new_stream(tiny, tiny_weights):
    with pytest.raises(WrongWeights, match="other weights"):
        weights.codec_for_decoding(header(tiny, weights_hash=tiny.weights_hashes["integer-1"]), tiny_weights)


def test_a_file_of_the_package_that_changed_on_disk_is_refused(tmp_path, monkeypatch):
    """For streams that do not name the synthesis there is nothing else that could tell."""
    for name in (f"{sizes.SHIPPED}.safetensors", f"{sizes.SHIPPED}.json"):
        (tmp_path / name).write_bytes((weights.FOLDER / name).read_bytes())
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    codec = weights.codec_for_encoding(DEFAULT_CODEC)
    path = tmp_path / f"{sizes.SHIPPED}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    old = header(codec, arithmetic="integer-1", weights_hash=codec.weights_hashes["integer-1"])
    for load in (lambda: weights.codec_for_decoding(old), lambda: weights.codec_for_encoding(DEFAULT_CODEC)):
        with pytest.raises(WrongWeights, match="other weights.*SHA-256 [0-9a-f]{64}, its manifest says [0-9a-f]{64}"):
            load()


@pytest.mark.parametrize("path", sorted(weights.FOLDER.glob("*.safetensors")), ids=lambda path: path.stem)
def test_every_file_of_the_package_is_the_one_of_its_manifest(path):
    assert sha256(path) == weights.manifest(path.stem)["sha256"]


def test_the_manifest_names_the_weights_as_streams_do():
    names = weights.codec_for_encoding(DEFAULT_CODEC).weights_hashes
    assert weights.manifest(sizes.SHIPPED)["weights_hashes"] == {key: name.hex() for key, name in names.items()}


def test_a_gpu_that_is_not_there_is_no_matter_of_weights(tiny_weights, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device"):
        weights.codec_for_encoding("vec", tiny_weights, "cuda")


def test_a_codec_is_loaded_once_for_each_file(tiny_weights, tmp_path):
    path = tmp_path / "copy.safetensors"
    path.write_bytes(tiny_weights.read_bytes())
    first = weights.codec_for_encoding("vec", path)
    assert weights.codec_for_encoding("vec", str(path)) is first
    path.unlink()
    path.write_bytes(tiny_weights.read_bytes())
    assert weights.codec_for_encoding("vec", path) is not first


def test_a_manifest_adds_codecs_that_an_enhancer_was_measured_with(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    enhancer = SimpleNamespace(model="ldm", weights_hash="12" * 8, codecs=("ab" * 8,))
    assert weights.measured_with(enhancer) == {"ab" * 8}
    for checksum, known in (("12" * 32, {"ab" * 8, "cd" * 8}), ("34" * 32, {"ab" * 8})):  # the other is of another file
        (tmp_path / "ldm.json").write_text(json.dumps({"sha256": checksum, "also_measured": {"cd" * 8: "a command"}}))
        assert weights.measured_with(enhancer) == known
