"""The trainer of the codec on a machine that has a checkout, torch and little else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rscodec.bitstreams.errors import InputError
from rscodec.codec.config import CONFIGS
from rscodec.networks.model import Codec
from rscodec.training import checkpoint
from tests.helpers.tools import load

ROOT = Path(__file__).resolve().parent.parent
BARE = """
import atexit, runpy, sys
for absent in ("rasterio", "compressai", "rich", "threadpoolctl", "pytorch_msssim", "lpips"):
    sys.modules[absent] = None  # importing it fails
atexit.register(lambda: print(*(sys.modules[name].__file__ for name in ("rscodec", "rscodec.cli"))))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """The files of the project that are no weights and no tests."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("bitstreams", "cli", "eval", "rscodec", "tools"):
        ignored = shutil.ignore_patterns("*.safetensors", "vectors", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(6):
        small = Image.fromarray(rng.integers(0, 256, (10, 10, 3), np.uint8))
        small.resize((80, 80), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def train(checkout: Path, *args) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", BARE, checkout / "tools" / "train_codec.py", *args, "--device", "cpu"]
    command = list(map(str, [*command, "--threads", 1]))
    return subprocess.run(command, capture_output=True, text=True, cwd=checkout, timeout=300)


def test_a_bare_checkout_trains_on_a_folder_and_goes_on_elsewhere(checkout, pictures, tmp_path):
    small = ("--batch", 2, "--crop", 32)
    one = train(checkout, "--shard", pictures, "--run", tmp_path / "one", "--steps", 20, "--decay", 5, *small)
    assert one.returncode == 0, one.stderr
    assert all(str(checkout) in path for path in one.stdout.split()[-2:])
    shared = checkpoint.load(tmp_path / "one" / "average16.pt")
    assert all(value.dtype == torch.float16 for value in shared["module"].values() if value.is_floating_point())
    assert (tmp_path / "one" / "average16.pt").stat().st_size < 16 * 2**20
    assert shared["config"] == CONFIGS["s"].as_dict() and shared["history"][0]["steps_taken"] == 20

    start = ("--start", tmp_path / "one" / "average16.pt", "--shard", tmp_path / "one" / "shard.zip")
    two = train(checkout, *start, "--run", tmp_path / "two", "--steps", 1, *small)
    assert two.returncode == 0, two.stderr
    history = checkpoint.load(tmp_path / "two" / "average.pt")["history"]
    assert [sitting["steps_taken"] for sitting in history] == [20, 1]


def test_qualities_are_spread_over_a_batch():
    numbers = load("train_codec").spread(16, torch.Generator().manual_seed(1))
    assert not torch.equal(numbers, numbers.sort().values)
    assert torch.equal((16 * numbers).long().sort().values, torch.arange(16))


@pytest.mark.parametrize("model", sorted(CONFIGS))
def test_averages_of_every_model_fit_into_16_mib(model):
    codec = Codec(CONFIGS[model])
    assert 2 * sum(value.numel() for value in codec.state_dict().values()) < 15.5 * 2**20


def test_a_folder_without_pictures_is_refused(checkout, tmp_path):
    (tmp_path / "empty").mkdir()
    found = train(checkout, "--shard", tmp_path / "empty", "--run", tmp_path / "run")
    assert found.returncode == InputError.exit_code and "no pictures to train on" in found.stderr
