"""The row `elic`: CompressAI's models, small and untrained, through the container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from compressai.ans import RansDecoder
from compressai.models import Elic2022Chandelier, Elic2022Official
from safetensors.torch import save_file

import rscodec
from rscodec.bitstreams.errors import InputError, MissingWeights, SymbolsDamaged, WrongWeights
from rscodec.codec.coder import longest
from rscodec.codec.elic import SYMBOL_LIMIT, ElicCodec, guarded
from rscodec.codec.rans import Tables
from rscodec.codec.tables import gaussian_frequencies
from rscodec.networks.export import freeze, write_weights
from rscodec.networks.model import Codec
from tests.helpers.laws import LAWS, pixels_come_back
from tests.helpers.sizes import TINY

KINDS = {"elic-official": Elic2022Official, "elic-chandelier": Elic2022Chandelier}


def network(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    net = KINDS[kind](8, 24, [4, 8, 12])
    with torch.no_grad():
        net.g_a[-2].weight *= 200  # untrained latents are next to nothing
        net.g_s[-1].weight /= 100
    return net


@pytest.fixture(scope="module", params=KINDS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elic") / f"{request.param}.pth.tar"
    torch.save({"state_dict": network(request.param).state_dict(), "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elic") / "official.pth"
    torch.save(network("elic-official").state_dict(), path)
    return path


@pytest.fixture(scope="module")
def codec(official: Path) -> ElicCodec:
    return ElicCodec(official)


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 20, (2, 7, 5, 24)).astype(np.float32)


def scene(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 255, (3, height, width), np.uint8)


def test_a_scene_goes_through_the_container(checkpoint: Path):
    pixels = scene(100, 140)
    data = rscodec.encode(pixels, model="elic", weights=checkpoint, tile=64)
    with rscodec.open(lambda start, length: data[start : start + length], weights=checkpoint) as stream:
        header = stream.header
        part = stream.read(window=(50, 30, 70, 50))
    assert (header.model, header.arithmetic, header.quality) == (checkpoint.name.partition(".")[0], "float", 1.0)
    whole = rscodec.decode(data, weights=checkpoint).pixels
    assert whole.shape == pixels.shape
    crop = whole[:, 30:80, 50:120].astype(int)
    assert np.abs(crop - part.pixels).max() <= 1


def test_latents_are_those_that_were_encoded(codec: ElicCodec, y: np.ndarray):
    coded = codec.encode(y, 1.0)
    decoded = codec.decode([payload for payload, _ in coded], 7, 5, 1.0)
    for (_, latents), again, original in zip(coded, decoded, y, strict=True):
        assert latents.dtype == codec.latent_dtype and np.array_equal(latents, again)
        assert np.abs(latents - original).max() <= 0.5 + 1e-4


def test_it_is_what_compressai_makes(codec: ElicCodec, y: np.ndarray):
    net = network("elic-official").eval()
    net.update()
    padded = np.pad(y[:1], ((0, 0), (0, 1), (0, 3), (0, 0)), mode="edge").transpose(0, 3, 1, 2)
    with torch.no_grad():
        coded = net.latent_codec.compress(torch.from_numpy(padded.copy()))
    payload, latents = codec.encode(y[:1], 1.0)[0]
    assert payload.endswith(b"".join(string for (string,) in coded["strings"]))
    assert np.array_equal(latents, coded["y_hat"][0, :, :7, :5].permute(1, 2, 0).numpy())


def test_no_pixel_depends_on_a_latent_beyond_the_halo(codec: ElicCodec):
    size = 2 * codec.halo + 3
    latents = np.random.default_rng(3).normal(0, 5, (1, size, size, 24)).astype(np.float32)
    changed = latents.copy()
    changed[:, 0] += 1000
    difference = codec.synthesise(latents, 1.0) != codec.synthesise(changed, 1.0)
    assert difference[..., : 16 * codec.halo, :].any()
    assert not difference[..., 16 * (codec.halo + 1) :, :].any()


@pytest.mark.parametrize("law", [law for law in LAWS if law is not pixels_come_back], ids=lambda law: law.__name__)
def test_the_law_holds(codec: ElicCodec, law):
    """All but that pixels come back, which takes training."""
    law(codec)


def test_checkpoints_of_every_form_are_the_same(codec: ElicCodec, tmp_path: Path):
    net = network("elic-official")
    net.update()
    state = net.state_dict()
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "parallel.pth")
    save_file(state, tmp_path / "net.safetensors")
    for path in tmp_path.iterdir():
        assert ElicCodec(path).weights_hash == codec.weights_hash


def test_other_files_are_no_checkpoints(tmp_path: Path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"net": Path("a")}, tmp_path / "object.pth")
    (tmp_path / "text.pth").write_text("weights\nof two lines\n")
    (tmp_path / "empty.pth").touch()
    (tmp_path / "bad.safetensors").write_bytes(b"12345678")
    write_weights(tmp_path / "ours.safetensors", "vec-1", TINY, freeze(Codec(TINY)))
    state = network("elic-official").state_dict()
    torch.save({key: value for key, value in state.items() if "h_a" not in key}, tmp_path / "incomplete.pth")
    for path in [*tmp_path.iterdir(), tmp_path]:
        with pytest.raises(WrongWeights, match="is no checkpoint of CompressAI's") as problem:
            ElicCodec(path)
        assert "\n" not in str(problem.value)
    with pytest.raises(MissingWeights):
        ElicCodec(tmp_path / "none.pth")


def test_a_checkpoint_of_no_numbers_is_refused(codec: ElicCodec, y: np.ndarray):
    with pytest.raises(WrongWeights, match="no numbers"):
        codec.encode(y * np.float32(np.nan), 1.0)


def test_one_checkpoint_has_one_rate(official: Path, tmp_path: Path):
    rscodec.Scene(scene(64, 64)).save(tmp_path / "scene.tif")
    for goal in ({"bpp": 0.5}, {"psnr": 30.0}):
        with pytest.raises(InputError, match="one rate"):
            rscodec.encode(scene(64, 64), model="elic", weights=official, **goal)
    report = rscodec.encode_file(tmp_path / "scene.tif", tmp_path / "a.bin", model="elic", weights=official)
    assert report.quality is None


def test_weights_are_asked_for_and_told_apart(official: Path, checkpoint: Path):
    with pytest.raises(MissingWeights, match="`weights`"):
        rscodec.encode(scene(64, 64), model="elic")
    with pytest.raises(WrongWeights):
        rscodec.encode(scene(64, 64), model="s", weights=official)
    data = rscodec.encode(scene(64, 64), model="elic", weights=checkpoint)
    with pytest.raises(MissingWeights, match=r"elic-\w+ with hash"):
        rscodec.decode(data)
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    state["g_a.0.bias"] += 1
    torch.save(state, other := checkpoint.with_name("other.pth"))
    with pytest.raises(WrongWeights, match="the stream needs"):
        rscodec.decode(data, weights=other)


def test_what_a_string_allocates_is_bounded_by_its_symbols():
    assert len(guarded(bytes(longest(1000, SYMBOL_LIMIT)), 1000, SYMBOL_LIMIT)) < 160 * 1000
    with pytest.raises(SymbolsDamaged, match="longer than any"):
        guarded(bytes(longest(1000, SYMBOL_LIMIT) + 1), 1000, SYMBOL_LIMIT)


@pytest.mark.parametrize(
    "string",
    [
        b"\xff" * 4000,
        bytes(8) + b"\x0f\0\0\0" * 1000,
        b"\xff" * 8 + b"\x0f\0\0\0" * 1000,
        b"\x7f\xff\xff\xff" * 1000,
    ],
    ids=["nibbles", "words", "both", "skewed"],
)
@pytest.mark.parametrize("index", [1, 30, 63])
def test_compressais_coder_does_not_read_beyond_the_guard(string: bytes, index: int):
    """What follows the guard has no influence."""
    starts = Tables(*gaussian_frequencies()).each[index].tolist()

    def read(behind: bytes) -> list[int]:
        stream = RansDecoder()
        stream.set_stream(guarded(string, 1000, SYMBOL_LIMIT) + behind)
        return stream.decode_stream([0] * 1000, [starts], [len(starts)], [(3 - len(starts)) // 2])

    assert read(bytes(400_000)) == read(b"\xa5" * 400_000)
