"""A process that is forked after torch has computed decodes, too, on one thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# A child that hangs is ended by its alarm, so that this program ends in any case.
PROGRAM = """
import os, signal, sys, threading
import numpy as np
import torch
import rscodec
from rscodec.concurrency.threads import turn

torch.set_num_threads(2)
torch.ones(2000, 2000) @ torch.ones(2000, 2000)
pixels = np.random.default_rng(0).integers(0, 255, (3, 300, 300), np.uint8)
data = rscodec.encode(pixels, model="vec", weights=sys.argv[1], tile=64)
expected = rscodec.decode(data, weights=sys.argv[1])
open(sys.argv[2], "wb").write(data)

taken, done = threading.Event(), threading.Event()
def hold():
    with turn():
        taken.set()
        done.wait()
holder = threading.Thread(target=hold)  # has its turn while the process forks
holder.start()
taken.wait()
child = os.fork()
if not child:
    signal.alarm(40)
    for threads in (None, 2):
        found = rscodec.decode(data, weights=sys.argv[1])
        assert np.abs(found.pixels.astype(int) - expected.pixels).max() <= 1
        rscodec.decode_file(sys.argv[2], sys.argv[2] + ".tif", weights=sys.argv[1], threads=threads, overwrite=True)
    from rscodec.models import weights
    weights._loaded.cache_clear()  # as where the parent had decoded with other weights
    with rscodec.open(sys.argv[2], weights=sys.argv[1]) as stream:
        assert not stream.bad
    os._exit(0)
status = os.waitpid(child, 0)[1]
done.set()
holder.join()
sys.exit(bool(status))
"""


def test_decode_fork_decode(root, tmp_path, tiny_weights):
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM, tiny_weights, tmp_path / "a.bin"],
        cwd=root,
        text=True,
        capture_output=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    assert program.returncode == 0, program.stderr


# A file that parent and child have open and read together: neither moves the other's place in it.
SHARED = """
import os, signal, sys
from rscodec.bitstreams.source import FileSource

size = 100_000
with open(sys.argv[1], "wb") as file:
    file.write(b"".join(bytes([number]) * size for number in range(10)))
source = FileSource(sys.argv[1])
child = os.fork()
if not child:
    signal.alarm(40)
for number in [*range(10)] * 300:
    if source(number * size, size) != bytes([number]) * size:
        os._exit(1)
os._exit(bool(os.waitpid(child, 0)[1]) if child else 0)
"""


def test_parent_and_child_read_an_open_file(root, tmp_path):
    program = subprocess.run([sys.executable, "-c", SHARED, tmp_path / "file"], cwd=root, timeout=120)
    assert program.returncode == 0
