"""The degradation does what it says, from no other source of chance than the generator it is given."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rscodec.raster.resample import shrink
from rscodec.synthetic.sample import synthesize
from rscodec.training import degradation
from rscodec.training.data import Crops
from rscodec.training.degradation import FIRST, degrade, gaussian, sinc
from rscodec.training.degraded import DegradedPairs
from rscodec.training.pairs import CodecPairs
from rscodec.upsamplers.maps import resize
from tests.helpers import models


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return synthesize((96, 64), 3, "uint8", None)[0]


@pytest.fixture(scope="module")
def crops(pixels) -> Crops:
    image = np.ascontiguousarray(synthesize((128, 128), 3, "uint8", None)[0].transpose(1, 2, 0))
    return Crops(([image], []), batch=2, size=128, seed=4)


def test_the_same_generator_makes_the_same_image(pixels):
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    one, again, other = (degrade(pixels, 16, 24, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (3, 16, 24) and one.dtype == np.uint8
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert torch.equal(torch.get_rng_state(), state[0]) and np.array_equal(np.random.get_state()[1], state[1])


def test_it_is_worse_than_bicubic_but_the_same_picture(pixels):
    plain = shrink(pixels.astype(float), 16, 24)
    errors = [degrade(pixels, 16, 24, np.random.default_rng(seed)) - plain for seed in range(40)]
    biases = [abs(error.mean()) for error in errors]
    deviations = [error.std() for error in errors]
    assert max(biases) < 6 and 3 < np.mean(deviations) < 30
    assert max(deviations) > 1.5 * min(deviations)  # of random strength


@pytest.mark.parametrize("size", [(3, 1, 1), (3, 5, 40), (3, 9, 9)])
def test_any_size(size):
    for seed in range(10):
        assert degrade(np.full(size, 99, np.uint8), 1, 3, np.random.default_rng(seed)).shape == (3, 1, 3)


@pytest.mark.parametrize("kind", degradation.KINDS)
def test_gaussians_have_their_axes(kind):
    wide = gaussian(21, (3.0, 1.0), 0.0, kind)
    assert wide.sum() == pytest.approx(1) and wide[10, 13] > wide[13, 10]
    assert np.allclose(gaussian(21, (3.0, 1.0), math.pi / 2, kind), wide.T)
    round_one = gaussian(21, (2.0, 2.0), 0.3, kind)
    assert np.allclose(round_one, round_one.T) and np.argmax(round_one) == 21 * 10 + 10


def test_a_sinc_passes_what_is_slow_and_stops_what_is_fast():
    spectrum = np.abs(np.fft.fft2(sinc(21, math.pi / 2), (128, 128)))
    assert spectrum[0, 0] == pytest.approx(1) and spectrum[0, 8] > 0.8 and spectrum[0, 60] < 0.1
    assert np.allclose(spectrum, spectrum.T, atol=1e-9)


def test_noise_is_as_strong_as_its_level():
    ramp = np.broadcast_to(np.linspace(0.25, 0.75, 256), (3, 16, 256))
    found = [degradation._noisy(ramp, FIRST, np.random.default_rng(seed)) - ramp for seed in range(60)]
    stds = 255 * np.array([noise.std() for noise in found])
    assert all(abs(noise.mean()) < 0.01 for noise in found) and np.ptp(stds) > 5 and stds.max() < 32
    grey = np.mean([np.array_equal(noise[0], noise[1]) for noise in found])
    assert 0.2 < grey < 0.6


def test_pairs_are_a_function_of_seed_and_step_and_come_from_processes_too(crops):
    alone = list(DegradedPairs(crops, "cpu").stream(3, 6))
    together = list(DegradedPairs(crops, "cpu", workers=1).stream(3, 6))
    assert [small.shape[2] for _, small in alone] == [16, 32, 16]
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    pair = DegradedPairs(crops, "cpu").pair(alone[1], 4)
    assert pair.scale == 4 and torch.equal((255 * pair.original).round().byte(), crops.at(4).pixels)
    assert torch.allclose(pair.raised, resize(pair.small, 128, 128))
    assert torch.equal(pair.small, DegradedPairs(crops, "cpu").at(4, 4.0).small)


def test_our_codec_decodes_some(crops):
    plain = DegradedPairs(crops, "cpu")
    coded = DegradedPairs(crops, "cpu", CodecPairs(models.build(), crops, "cpu"))
    differ = []
    for step in range(4):
        batch = next(plain.stream(step, step + 1))
        a, b = plain.pair(batch, step), coded.pair(batch, step)
        differ += (a.small != b.small).flatten(1).any(1).tolist()
        assert torch.equal(a.original, b.original)
    assert 0 < sum(differ) < len(differ)
