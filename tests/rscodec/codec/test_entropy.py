"""The context model: the checkerboard, the walk over its passes, and that encoder and decoder walk alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.codec.arrays import shuffle, unshuffle
from rscodec.codec.coder import STATE_BYTES
from rscodec.codec.entropy import UNIT, Z_STRIDE, Checkerboard, ContextModel, HyperAnalysis, compand
from rscodec.codec.integer import ACTIVATION_MAX
from rscodec.codec.numpy_arrays import NumpyArrays
from rscodec.codec.portable import PortableCodec

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (4, 4), (9, 6), (1, 33)]
BOARD = Checkerboard(NumpyArrays())


@pytest.mark.parametrize("height, width", SIZES)
def test_rows_and_place_are_inverse(height: int, width: int):
    x = np.arange(2.0 * height * width * 3).reshape(2, height, width, 3) + 1
    anchors, others = (BOARD.rows(x, colour) for colour in (True, False))
    assert anchors.shape[1] + others.shape[1] == height * width
    assert anchors.shape[1] - others.shape[1] == height * width % 2
    back = np.zeros_like(x)
    BOARD.place(anchors, back, True)
    BOARD.place(others, back, False)
    assert np.array_equal(back, x)


def test_anchors_have_an_even_sum_of_row_and_column():
    rows, columns = np.meshgrid(np.arange(5), np.arange(7), indexing="ij")
    anchors, others = (BOARD.rows((rows + columns)[None, ..., None], colour) for colour in (True, False))
    assert (anchors % 2 == 0).all() and (others % 2 == 1).all()


def test_anchors_around_are_above_below_left_right():
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    around = BOARD.anchors_around(x)  # of (0, 1), (2, 1), (1, 0), (1, 2), in this order
    assert around[0].tolist() == [[0, 5, 1, 3], [5, 0, 7, 9], [1, 7, 0, 5], [3, 9, 5, 0]]


def test_shuffle_and_unshuffle_are_inverse():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8))
    assert shuffle(x).shape == (2, 6, 10, 2)
    assert np.array_equal(unshuffle(shuffle(x)), x)


def test_companding_is_odd_and_monotonic_and_fits_an_activation():
    y = np.arange(-40_000.0, 40_001)
    squeezed = compand(y)
    assert np.array_equal(squeezed, -squeezed[::-1])
    assert (np.diff(squeezed) >= 0).all()
    assert np.abs(squeezed).max() <= ACTIVATION_MAX


def walked(codec: PortableCodec, z: np.ndarray, y: np.ndarray):
    """The passes of one walk that is answered with y, and what it returns."""
    model, level = ContextModel(codec.config, NumpyArrays(), codec.tensors), codec.tensors["exact.levels"][0]
    walk, passes = model.walk(z, level, *y.shape[1:3]), []
    known = next(walk)
    while True:
        passes.append(known)
        try:
            known = walk.send(BOARD.rows(y[..., known.channels], known.anchors))
        except StopIteration as end:
            return passes, end.value


def integers(most: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-most, most, shape).astype(np.float32)


def test_a_walk_visits_every_latent_once_and_returns_what_it_was_sent(tiny):
    z, y = integers(9, 2, 2, 2, tiny.config.hyper), integers(300, 2, 5, 7, tiny.channels)
    passes, known = walked(tiny, z, y)
    assert np.array_equal(known, y)
    assert [(known.channels.stop, known.anchors) for known in passes] == [
        (stop, anchors) for stop in np.cumsum(tiny.config.groups) for anchors in (True, False)
    ]
    for known in passes:
        for value in (known.mu, known.index):
            assert np.array_equal(value, value.round())
        assert known.index.min() >= 0 and known.index.max() <= 63


def test_a_pass_depends_on_earlier_passes_only(tiny):
    z, y = np.zeros((1, 2, 2, tiny.config.hyper), np.float32), integers(300, 1, 6, 6, tiny.channels)
    before, _ = walked(tiny, z, y)
    changed = y.copy()
    second = slice(tiny.config.groups[0], sum(tiny.config.groups[:2]))
    changed[..., second] += 40 * (np.add.outer(np.arange(6), np.arange(6)) % 2)[..., None]
    after, _ = walked(tiny, z, changed)  # the non-anchors of the second group are others
    same = [np.array_equal(a.mu, b.mu) and np.array_equal(a.index, b.index) for a, b in zip(before, after, strict=True)]
    assert same[:4] == [True] * 4 and not all(same[4:])


@pytest.fixture(scope="module")
def latents():
    """latents(codec, height, width, count): y in steps that meet every kind of symbol."""

    def make(codec, height, width, count=1, size=6.0):
        rng = np.random.default_rng(height * 100 + width)
        y = rng.laplace(0, size, (count, height, width, codec.channels))
        y[:, 0, 0, 0] = 4000  # far outside every table
        return y.astype(np.float32)

    return make


@pytest.mark.parametrize("quality", [1, 4.40625, 8])
@pytest.mark.parametrize("height, width", SIZES)
def test_decoded_latents_are_the_encoded_ones(tiny, latents, height: int, width: int, quality: float):
    encoded = tiny.encode(latents(tiny, height, width, 3), quality)
    decoded = tiny.decode([payload for payload, _ in encoded], height, width, quality)
    for (_, expected), found in zip(encoded, decoded, strict=True):
        assert found.dtype == tiny.latent_dtype and found.shape == (height, width, tiny.channels)
        assert np.array_equal(found, expected)


def test_latents_come_close_to_what_was_asked(tiny, latents):
    y = latents(tiny, 6, 6, size=2.0)
    ((_, coded),) = tiny.encode(y, 3)
    error = np.abs(coded / UNIT - y[0])[np.abs(y[0]) < 1000]
    assert np.quantile(error, 0.5) <= 0.5  # rounding; only symbols that are not coded are further away


def test_no_latent_is_too_large_for_its_type(tiny):
    for sign in (-1, 1):
        y = np.full((1, 4, 4, tiny.channels), sign * 1e9, np.float32)
        ((payload, expected),) = tiny.encode(y, 8)
        assert np.abs(expected.astype(int)).max() > 1000 * UNIT
        assert np.array_equal(tiny.decode([payload], 4, 4, 8)[0], expected)


def test_a_payload_does_not_depend_on_its_company(tiny, latents):
    y = latents(tiny, 7, 5, 4)
    together = tiny.encode(y, 5)
    for item in (3, 0, 2, 1):
        ((payload, coded),) = tiny.encode(y[item : item + 1], 5)
        assert payload == together[item][0] and np.array_equal(coded, together[item][1])
    shuffled = tiny.decode([together[item][0] for item in (2, 0, 3)], 7, 5, 5)
    for item, found in zip((2, 0, 3), shuffled, strict=True):
        assert np.array_equal(found, together[item][1])


def test_symbols_without_a_scale_cost_nothing(tmp_path):
    pytest.importorskip("torch")
    from tests.helpers import models

    codec = models.build()
    with torch.no_grad():
        for silenced in (codec.entropy.z_index, codec.entropy.z_mu, *codec.entropy.hyper_analysis.leave.parameters()):
            silenced.zero_()
        for group in codec.entropy.groups:
            for head in (group.anchor_index, group.other_index):
                head.weight.zero_()
                head.bias.zero_()
    models.write_weights(tmp_path / "silent.safetensors", "vec-1", codec.config, models.freeze(codec))
    silent = PortableCodec(tmp_path / "silent.safetensors")
    ((payload, expected),) = silent.encode(np.full((1, 8, 8, silent.channels), 9, np.float32), 5)
    assert len(payload) == STATE_BYTES  # of z alone, which is as expected
    assert np.array_equal(silent.decode([payload], 8, 8, 5)[0], expected)


def test_z_covers_a_partial_last_position(tiny):
    z = HyperAnalysis(NumpyArrays(), tiny.tensors)(np.zeros((1, 5, 9, tiny.channels), np.float32))
    assert z.shape[1:3] == (-(-5 // Z_STRIDE), -(-9 // Z_STRIDE))
