"""A run that is killed, or that finds the disk full, leaves nothing where its result would be."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rscodec
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

MOMENTS, WRITING = 50, 30  # kills in all, and those while the stream grows
OPTIONS = {"model": "vec", "tile": 64}

# Loads the libraries once. For a target it forks a child that encodes and says its number; for an empty line it says
# how the child ended. Until then the number stays taken, so that no other process can be killed in its place.
NURSERY = """
import os, sys
import torch
from rscodec import api
from rscodec.stream import encoder
from rscodec.stream import rate_search as search
from rscodec.models import weights
torch.set_num_threads(1)
scene, model = sys.argv[1:]
for line in sys.stdin:
    child = os.fork()
    if not child:
        api.encode_file(scene, line.strip(), weights=model, model="vec", tile=64)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    """Sixteen bits, so that it is read once for its statistics before anything is written."""
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    pixels, metadata = synthesize(384, 4, "uint16")
    Scene(pixels, None, metadata).save(path)
    return path


class Nursery:
    """Encodes in children that can be killed."""

    def __init__(self, root: Path, scene: Path, weights: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, scene, weights],
            cwd=root,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, target: Path) -> int:
        return self._ask(target)

    def end(self) -> int:
        """How the child ended: the signal that killed it, 0 if it came to its own end."""
        return self._ask("")

    def _ask(self, line) -> int:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        with self._process as process:
            process.kill()


@pytest.fixture(scope="module")
def nursery(root, scene, tiny_weights):
    made = Nursery(root, scene, tiny_weights)
    yield made
    made.close()


def growing(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


def wait_until_it_grows(folder: Path) -> None:
    while not growing(folder) and not (folder / "out.bin").exists():
        time.sleep(0.0005)


def test_sigkill_leaves_nothing_at_the_output_path(nursery, tmp_path, tiny_weights, scene):
    times = []
    for run in range(2):
        folder = tmp_path / f"whole-{run}"
        folder.mkdir()
        started = time.monotonic()
        nursery.start(folder / "out.bin")
        wait_until_it_grows(folder)
        grown = time.monotonic()
        assert nursery.end() == 0 and [path.name for path in folder.iterdir()] == ["out.bin"]
        times.append((grown - started, time.monotonic() - grown))
    before, during = (min(column) for column in zip(*times, strict=True))
    expected = (folder / "out.bin").read_bytes()

    killed = {False: 0, True: 0}
    chance = random.Random(0)
    for attempt in range(4 * MOMENTS):
        writing = killed[True] < WRITING
        folder = tmp_path / str(attempt)
        folder.mkdir()
        target = folder / "out.bin"
        child = nursery.start(target)
        if writing:
            wait_until_it_grows(folder)
        time.sleep(chance.random() * (during if writing else before))
        os.kill(child, signal.SIGKILL)
        ended = nursery.end()
        if target.exists():  # it was quicker than the signal, and at most had not come to its own end
            assert target.read_bytes() == expected
            continue
        assert ended == signal.SIGKILL
        killed[bool(growing(folder))] += 1
        if sum(killed.values()) == MOMENTS:
            break
    assert sum(killed.values()) == MOMENTS and killed[True] >= 25

    rscodec.encode_file(scene, target, weights=tiny_weights, **OPTIONS)  # what was left behind is not in the way
    assert target.read_bytes() == expected
    assert [path.name for path in folder.iterdir()] == ["out.bin"]


LIMITED = """
import resource, sys
from rscodec.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


def limited(root: Path, limit: int, *arguments) -> subprocess.CompletedProcess:
    """The command line where no file can grow beyond `limit` bytes."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *map(str, arguments)], cwd=root, text=True, capture_output=True
    )


@pytest.fixture(scope="module")
def small_model(tmp_path_factory) -> Path:
    """The tiny model under the name that the command line offers."""
    from tests.helpers import models, sizes

    return models.write(tmp_path_factory.mktemp("weights") / "small.safetensors", sizes.SHIPPED, sizes.TINY)


@pytest.mark.parametrize("limit", [0, 5000])
def test_encode_on_a_full_disk(root, scene, small_model, tmp_path, limit):
    target = tmp_path / "out.bin"
    result = limited(root, limit, "encode", scene, "-o", target, "--weights", small_model)
    assert result.returncode == 7, result.stderr
    assert "no space left" in result.stderr and "out.bin" in result.stderr and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "driver, limit", [("GTiff", 0), ("GTiff", 1000), ("GTiff", 200_000), ("PNG", 0), ("PNG", 200_000), ("COG", 200_000)]
)
def test_decode_on_a_full_disk(root, scene, small_model, tmp_path, driver, limit):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    rscodec.encode_file(scene, tmp_path / "in" / "scene.bin", weights=small_model)
    target = tmp_path / "out" / "back"
    result = limited(
        root,
        limit,
        "decode",
        tmp_path / "in" / "scene.bin",
        "-o",
        target,
        "--weights",
        small_model,
        "--format",
        driver,
        "--bands",
        "1-3",
    )
    assert result.returncode == 7, result.stderr
    said = f"rscodec: error: cannot write {target}: no space left; free some or write to another disk"
    assert result.stderr.splitlines()[-1] == said  # libtiff has a line of its own before it
    assert not list((tmp_path / "out").iterdir())
