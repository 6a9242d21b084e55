"""The context model as it is trained takes the walk that files take."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.codec.entropy import SCALES, Checkerboard, ContextModel
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.weights_file import read_weights
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find
from rscodec.models.weights import shipped, ships
from rscodec.networks.entropy import four_neighbours, index_of, place, scale_of, split
from rscodec.networks.export import thaw
from rscodec.networks.model import Codec

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (4, 4), (9, 6), (1, 33)]
BOARD = Checkerboard(NumpyArrays())


@pytest.mark.parametrize("height, width", SIZES)
def test_the_checkerboard_is_that_of_the_codec(height: int, width: int):
    x = torch.arange(2.0 * height * width * 3).view(2, height, width, 3) + 1
    anchors, others = split(x)
    assert np.array_equal(anchors, BOARD.rows(x.numpy(), True)) and np.array_equal(others, BOARD.rows(x.numpy(), False))
    assert torch.equal(place(place(torch.zeros_like(x), anchors, True), others, False), x)
    assert np.array_equal(split(four_neighbours(x))[1], BOARD.anchors_around(x.numpy()))


@pytest.fixture(params=["untrained", "shipped"])
def weights(request, tiny_weights):
    default = find(CODECS, DEFAULT_CODEC)
    if request.param == "shipped" and not ships(default):
        pytest.skip("no weights are in this package")
    return read_weights(tiny_weights if request.param == "untrained" else shipped(default.default_model))


@torch.no_grad()
def test_the_fake_life_expects_nearly_what_the_codec_expects(weights):
    """Both round each layer, but not on the same grid. That files know the very same integers is what the self-test of
    the shipped weights says: it was made when torch computed them.
    """
    config, rng = weights.config, np.random.default_rng(0)
    z = rng.integers(-9, 9, (2, 2, 3, config.hyper)).astype(np.float32)
    y = rng.integers(-300, 300, (2, 7, 10, config.latents)).astype(np.float32)
    net = Codec(config).eval()
    thaw(net, weights.tensors)
    net.set_fake(True)
    theirs = net.entropy.walk(torch.from_numpy(z), net.level(torch.tensor([3.0, 3.0])), 7, 10)
    ours = ContextModel(config, NumpyArrays(), weights.tensors).walk(z, weights.tensors["exact.levels"][2], 7, 10)
    known, trained = next(ours), next(theirs)
    while True:
        assert (known.channels, known.anchors) == (trained.channels, trained.anchors)
        for expected, found in ((known.mu, trained.mu.numpy()), (known.index, trained.index.numpy())):
            assert np.abs(expected - found).mean() <= 0.05 + 0.03 * np.abs(expected).mean()
        rows = BOARD.rows(y[..., known.channels], known.anchors)
        try:
            known, trained = ours.send(rows), theirs.send(torch.from_numpy(rows))
        except StopIteration as end:
            assert np.array_equal(end.value, y)
            return


def test_scales_and_indexes_are_inverse():
    index = torch.arange(float(SCALES))
    assert torch.allclose(index_of(scale_of(index)), index, atol=1e-3)
    assert index_of(torch.tensor([1e-9, 1e9])).tolist() == [0, SCALES - 1]
