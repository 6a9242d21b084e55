"""The decoder in bitstreams/js, run by Node: against the frozen vectors, and against the codec."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import rscodec
from rscodec.bitstreams import StreamReader
from rscodec.codec.config import CodecConfig
from rscodec.codec.portable import PortableCodec
from rscodec.models.weights import shipped
from rscodec.networks.export import freeze, write_weights
from rscodec.networks.model import Codec
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.preview import preview
from rscodec.synthetic.sample import synthesize
from tests.helpers import node as helpers
from tests.helpers.site import serving
from tests.helpers.sizes import SHIPPED

FORMAT = Path(__file__).resolve().parent.parent.parent / "bitstreams"
JS, VECTORS = FORMAT / "js", FORMAT / "vectors"
WEIGHTS = VECTORS / "vec-1.safetensors"

pytestmark = helpers.needed


def node(script: str | Path, *args) -> subprocess.CompletedProcess:
    return helpers.node(JS / script, *args)


def decode(stream: Path | str, weights: Path, out: Path, *numbers: int) -> tuple[np.ndarray, np.ndarray | None, dict]:
    """Pixels (B, h, w) and classes (P, h, w), if there are any, as Node decodes them, and what it says of them.

    `numbers`: column, row, width, height and factor of a window, as decode.mjs takes them.
    """
    done = node("decode.mjs", stream, weights, out, *numbers)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    size, data = (said["height"], said["width"]), out.read_bytes()
    pixels = np.frombuffer(data, said["dtype"], said["bands"] * size[0] * size[1])
    classes = np.frombuffer(data[pixels.nbytes :], np.uint8).reshape(said["planes"], *size)
    return pixels.reshape(said["bands"], *size), classes if said["planes"] else None, said


def test_every_vector():
    done = node("check_vectors.mjs")
    assert done.returncode == 0, done.stdout + done.stderr
    folders = [folder for kind in ("passed", "failed") for folder in sorted((VECTORS / "v1" / kind).iterdir())]
    lines = done.stdout.splitlines()[:-1]
    assert [line.split()[:2] for line in lines] == [["ok", f"{folder.parent.name}/{folder.name}"] for folder in folders]


def test_the_kernel_in_webassembly():
    done = node(Path(__file__).with_name("products.mjs"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_vector_without_webassembly():
    without = "data:text/javascript,delete globalThis.WebAssembly"
    command = ["node", "--import", without, JS / "check_vectors.mjs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind, name, key, value", [
    ("passed", "001_plain_rgb", "latents_crc32", 1),
    ("passed", "033_bound_2", "pixels_max_abs_error", -1),
    ("passed", "009_int16_nodata", "metadata", {}),
    ("failed", "046_trailing_bytes", "error", "BadField"),
    ("failed", "047_payload_crc", "stage", "open"),
])  # fmt: skip
def test_a_difference_is_reported(tmp_path: Path, kind: str, name: str, key: str, value):
    shutil.copy(WEIGHTS, tmp_path)
    for folder in (VECTORS / "v1" / kind / name, VECTORS / "v1" / "passed" / "002_odd_size"):
        shutil.copytree(folder, tmp_path / "v1" / folder.parent.name / folder.name)
    (tmp_path / "v1" / "failed").mkdir(exist_ok=True)
    assert node("check_vectors.mjs", tmp_path).returncode == 0
    expected = tmp_path / "v1" / kind / name / "expected.json"
    expected.write_text(json.dumps(json.loads(expected.read_text()) | {key: value}))
    done = node("check_vectors.mjs", tmp_path)
    assert done.returncode == 1
    assert [line.split()[1] for line in done.stdout.splitlines() if "MISMATCH" in line] == [f"{kind}/{name}"]


DETAILED = CodecConfig(
    width=12,
    encoder_blocks=1,
    decoder_blocks=2,
    tail=9,
    groups=(3, 5),
    features=10,
    hyper=6,
    narrow=7,
    tail_blocks=2,
    detail=6,
    detail_blocks=2,
)


@pytest.fixture(scope="module")
def detailed(tmp_path_factory) -> Path:
    """Weights of a model with every kind of layer, and of sizes that no product is tuned for. It is not trained."""
    path = tmp_path_factory.mktemp("weights") / "detailed.safetensors"
    torch.manual_seed(3)
    codec = Codec(DETAILED)
    with torch.no_grad():
        for head in (codec.synthesis.head, codec.synthesis.detail.head, codec.analysis.head):
            head.weight.normal_(0, 0.3)
            head.bias.normal_(0, 0.1)
        codec.log_gain.fill_(-1.0)
        codec.log_step.uniform_(1.0, 2.0)
        codec.log_trunk_out.normal_(0, 0.1)
        codec.spread.uniform_(5, 20)
        codec.entropy.hyper.levels.normal_(0, 2)
    write_weights(path, SHIPPED, DETAILED, freeze(codec))
    return path


@pytest.mark.parametrize("settings, bands, dtype", [
    ({"quality": 3.3}, 3, "uint8"),
    ({"quality": 6.0}, 5, "uint16"),
    ({"max_error": 4, "quality": 4.0}, 3, "uint8"),
    ({"max_error": 0.05, "quality": 4.0}, 2, "float32"),
])  # fmt: skip
def test_every_kind_of_layer(tmp_path: Path, detailed: Path, settings: dict, bands: int, dtype: str):
    """Over several tiles, so that their seams are seen too."""
    pixels, _ = synthesize((150, 170), bands=bands, dtype=dtype, seed=5)
    stream = tmp_path / "a.bin"
    stream.write_bytes(rscodec.encode(pixels, weights=detailed, tile=64, threads=1, **settings))
    found, _, said = decode(stream, detailed, tmp_path / "raw")
    wanted = rscodec.decode(stream.read_bytes(), weights=detailed).pixels
    assert said["latents_crc32"] == rscodec.verify_file(stream, weights=detailed).latents_crc32
    assert np.ptp(wanted.astype(float)) > 0
    allowed = 0 if "max_error" in settings else 1
    assert np.abs(found.astype(float) - wanted.astype(float)).max() <= allowed


def test_a_window_is_a_crop_of_the_whole(tmp_path: Path, detailed: Path):
    """To the last bit of a float, so all the latents that it depends on are there."""
    pixels, _ = synthesize((150, 170), bands=2, dtype="float32", seed=5)
    stream = tmp_path / "a.bin"
    stream.write_bytes(rscodec.encode(pixels, quality=5.0, weights=detailed, tile=64, threads=1))
    whole, *_ = decode(stream, detailed, tmp_path / "raw")
    window, *_ = decode(stream, detailed, tmp_path / "raw", 64, 70, 50, 40)
    assert np.array_equal(window, whole[:, 70:110, 64:114])


FACTORS = (1, 2, 4, 8, 16, 64)


def check_preview(stream: Path, weights: Path, factor: int, out: Path) -> None:
    """Node's small picture is Python's: the same classes, and pixels within one level."""
    with StreamReader.from_path(stream) as reader:
        wanted, wanted_classes = preview(SceneDecoder(reader, PortableCodec(weights)), factor)
    found, classes, said = decode(stream, weights, out, 0, 0, 0, 0, factor)
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert (classes is None) == (wanted_classes is None)
    if classes is not None:
        assert np.array_equal(classes, wanted_classes)
    level = 1 if np.issubdtype(found.dtype, np.integer) else np.nanmax(np.abs(wanted)) / 255
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    assert np.nanmax(np.abs(found.astype(float) - wanted.astype(float))) <= level


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", ["001_plain_rgb", "009_int16_nodata"])
def test_small_pictures_of_vectors(tmp_path: Path, name: str, factor: int):
    check_preview(VECTORS / "v1" / "passed" / name / "stream.bin", WEIGHTS, factor, tmp_path / "raw")


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("bands, dtype, nodata, bound", [
    (5, "uint16", 0, None),
    (2, "float32", np.nan, None),
    (3, "uint8", 0, 4),
])  # fmt: skip
def test_small_pictures(tmp_path: Path, detailed: Path, bands: int, dtype: str, nodata, bound, factor: int):
    """Over tiles whose edge is no multiple of the largest factor, with a collar without valid pixels."""
    pixels, metadata = synthesize((400, 170), bands=bands, dtype=dtype, nodata=nodata, seed=5)
    stream = tmp_path / "a.bin"
    scene = rscodec.Scene.load(saved(tmp_path / "a.tif", pixels, metadata))
    target = {"quality": 4.0} if bound is None else {"max_error": bound}
    stream.write_bytes(rscodec.encode(scene, weights=detailed, tile=192, threads=1, **target))
    check_preview(stream, detailed, factor, tmp_path / "raw")


def saved(path: Path, pixels: np.ndarray, metadata) -> Path:
    rscodec.Scene(pixels, metadata=metadata).save(path)
    return path


def test_windows_groups_and_damage_of_small_pictures(tmp_path: Path):
    """With weights that are trained, so that the first group tells most."""
    pixels, _ = synthesize((256, 256), bands=6, dtype="uint16", seed=5)
    stream = tmp_path / "a.bin"
    stream.write_bytes(rscodec.encode(pixels, quality=4.0, tile=64, threads=1))
    done = node(Path(__file__).with_name("previews.mjs"), stream, shipped(SHIPPED))
    assert done.returncode == 0, done.stdout + done.stderr


def test_over_http_only_what_is_needed_is_read(tmp_path: Path, detailed: Path):
    pixels, _ = synthesize((512, 512), bands=6, dtype="uint16", seed=5)
    stream = tmp_path / "a.bin"
    stream.write_bytes(rscodec.encode(pixels, quality=6.0, weights=detailed, tile=64, threads=1))
    whole, *_ = decode(stream, detailed, tmp_path / "raw")
    with serving() as site:
        site.files["/a.bin"] = stream.read_bytes()
        part, _, said = decode(f"{site.address}/a.bin", detailed, tmp_path / "raw", 70, 70, 40, 40)
        assert np.array_equal(part, whole[:, 70:110, 70:110])
        assert said["fetched"] == site.sent < len(site.files["/a.bin"]) / 2
        assert len(site.asked) < 12  # one for the header, the others for rows of tiles with all their groups


def test_over_http_the_whole_is_read_once_where_ranges_are_unknown(tmp_path: Path, detailed: Path):
    pixels, _ = synthesize((128, 128), seed=5)
    data = rscodec.encode(pixels, quality=4.0, weights=detailed, tile=64, threads=1)
    with serving() as site:
        site.ranges, site.files["/a.bin"] = False, data
        decode(f"{site.address}/a.bin", detailed, tmp_path / "raw")
        assert site.asked == [(0, len(data))]


def test_over_http_a_missing_stream_is_named(tmp_path: Path, detailed: Path):
    with serving() as site:
        done = node("decode.mjs", f"{site.address}/a.bin", detailed, tmp_path / "raw")
    assert done.returncode == 1 and "InputError: cannot read" in done.stderr and "status 404" in done.stderr


def test_what_a_server_says_is_passed_on():
    done = node(Path(__file__).with_name("refusal.mjs"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_workers_and_their_watchdog(tmp_path: Path, detailed: Path):
    pixels, _ = synthesize((100, 150), seed=5)
    stream = tmp_path / "a.bin"
    stream.write_bytes(rscodec.encode(pixels, quality=4.0, weights=detailed, tile=64, threads=1))
    latents = rscodec.verify_file(stream, weights=detailed).latents_crc32
    done = node(Path(__file__).with_name("pool.mjs"), latents, stream, detailed)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_damaged_behind_right_checksums_is_named():
    done = node(Path(__file__).with_name("damage.mjs"), 400, 1)
    assert done.returncode == 0, done.stdout + done.stderr
