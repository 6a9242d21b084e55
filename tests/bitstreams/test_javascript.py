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
from rscodec.codec.config import CodecConfig
from rscodec.networks.export import freeze, write_weights
from rscodec.networks.model import Codec
from rscodec.synthetic.sample import synthesize

FORMAT = Path(__file__).resolve().parent.parent.parent / "bitstreams"
JS, VECTORS = FORMAT / "js", FORMAT / "vectors"
WEIGHTS = VECTORS / "vec-1.safetensors"
OLDEST = 20


def node_version() -> int:
    """The major version of the Node on PATH, 0 if there is none."""
    if shutil.which("node") is None:
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60).stdout
    return int(said.lstrip("v").partition(".")[0] or 0)


pytestmark = pytest.mark.skipif(node_version() < OLDEST, reason=f"no node {OLDEST} or newer is on PATH")


def node(script: str, *args) -> subprocess.CompletedProcess:
    return subprocess.run(["node", JS / script, *map(str, args)], capture_output=True, text=True, timeout=300)


def decode(stream: Path, weights: Path, *window: int) -> tuple[np.ndarray, dict]:
    """Pixels (B, h, w) of a window (column, row, width, height) as Node decodes them, and what it says of them."""
    out = stream.with_suffix(".raw")
    done = node("decode.mjs", stream, weights, out, *window)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return np.fromfile(out, said["dtype"]).reshape(said["bands"], said["height"], said["width"]), said


def test_every_vector():
    done = node("check_vectors.mjs")
    assert done.returncode == 0, done.stdout + done.stderr
    folders = [folder for kind in ("passed", "failed") for folder in sorted((VECTORS / "v1" / kind).iterdir())]
    lines = done.stdout.splitlines()[:-1]
    assert [line.split()[:2] for line in lines] == [["ok", f"{folder.parent.name}/{folder.name}"] for folder in folders]


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
    write_weights(path, "rsc-s-2", DETAILED, freeze(codec))
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
    found, said = decode(stream, detailed)
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
    whole, _ = decode(stream, detailed)
    window, _ = decode(stream, detailed, 64, 70, 50, 40)
    assert np.array_equal(window, whole[:, 70:110, 64:114])
