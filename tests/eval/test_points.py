"""Anchors against points that were measured elsewhere: means over the 1st, 3rd, ... file of test/ucmerced."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval import datasets
from rscodec.eval.contenders import contender
from rscodec.eval.measure import difference
from rscodec.eval.rd import load

BARE = 8 * 57 / 256**2  # bits for each pixel of VPS and SPS, less the header: the points of others are bare streams
POINTS = [
    pytest.param("jpeg2000", "jpeg2000", 24, 0.990, 34.87, id="jpeg2000-24"),
    pytest.param("jpeg2000", "jpeg2000", 60, 0.397, 30.16, id="jpeg2000-60"),
    pytest.param("bpg", "bpg (x265 payload)", 31, 0.672 - BARE, 33.80, id="x265-31", marks=pytest.mark.slow),
    pytest.param("bpg", "bpg (x265 payload)", 39, 0.245 - BARE, 29.08, id="x265-39", marks=pytest.mark.slow),
    pytest.param("vvc", "vvc (vvenc 4:2:0)", 32, 0.763, 35.35, id="vvenc-32", marks=pytest.mark.slow),
    pytest.param("vvc", "vvc (vvenc 4:2:0)", 38, 0.382, 31.88, id="vvenc-38", marks=pytest.mark.slow),
]


@pytest.mark.data
@pytest.mark.parametrize(("name", "tool", "parameter", "rate_bpp", "psnr_db"), POINTS)
def test_an_anchor_is_where_others_found_it(name, tool, parameter, rate_bpp, psnr_db, real_data):
    real_data("test/ucmerced")
    try:
        anchor = contender(name)
    except ToolMissing as problem:
        pytest.skip(f"{name}: {problem}")
    if anchor.name != tool:
        pytest.skip(f"{anchor.name} on PATH; the points are those of {tool}")
    rates, qualities = [], []
    for image in datasets.dataset("test/ucmerced")[::2]:
        scene = load(image.path, (1, 2, 3))
        data = anchor.encode(scene, parameter)
        rates.append(8 * len(data) / scene.pixels[0].size)
        qualities.append(difference(scene.pixels, anchor.decode(data, scene), scene.mask).psnr_db)
    assert len(rates) == 21
    assert np.mean(rates) == pytest.approx(rate_bpp, rel=0.01)
    assert np.mean(qualities) == pytest.approx(psnr_db, abs=0.1)
