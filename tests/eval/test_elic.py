"""CompressAI's ELIC, which times are compared with."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.eval.elic import UNIT, Elic, machine


def test_it_compresses_and_decompresses():
    pytest.importorskip("compressai")
    elic = Elic(np.random.default_rng(0).integers(0, 256, (3, UNIT, UNIT), np.uint8))
    elic.encode()
    elic.decode()
    assert elic.coded["strings"][0][0]


def test_the_machine_is_described():
    assert " cores, " in machine() and " threads, " in machine() and "torch " in machine()
