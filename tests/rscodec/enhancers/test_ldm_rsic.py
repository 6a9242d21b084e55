"""LDM-RSIC as a weights file: what is in it, and what its answer depends on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rscodec.bitstreams.errors import WrongWeights
from rscodec.enhancers.ldm_rsic import LdmConfig, LdmEnhancer, LdmRsic, write_weights
from rscodec.enhancers.strength import remaining_detail
from tests.helpers import enhancers
from tests.helpers.enhancers import WINDOW


@pytest.fixture(scope="module")
def enhancer(tmp_path_factory) -> LdmEnhancer:
    return LdmEnhancer(enhancers.write(tmp_path_factory.mktemp("ldm") / "a.safetensors", codecs=("ab" * 8,)))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((3, WINDOW, WINDOW), np.float32)


def test_the_file_says_what_it_is_and_leaves_out_what_saw_the_original(tmp_path):
    path = enhancers.write(tmp_path / "a.safetensors", codecs=("ab" * 8,))
    with safe_open(path, "pt") as file:
        assert not [key for key in file.keys() if key.startswith("lrm.")]
        assert [key for key in file.keys() if key.startswith("lrm_dm.")]
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}
    found = LdmEnhancer(path)
    assert (found.model, found.takes, found.codecs) == ("ldm-test-1", "stream", ("ab" * 8,))
    assert (found.window, len(found.weights_hash)) == (WINDOW, 16)


def test_an_untrained_model_changes_nothing(tmp_path, pixels):
    write_weights(tmp_path / "new.safetensors", "ldm-test-1", enhancers.build(), ())
    assert (LdmEnhancer(tmp_path / "new.safetensors").change(pixels, 3.0, 0) == 0).all()


def test_the_change_depends_on_pixels_quality_and_seed(enhancer, pixels):
    change = enhancer.change(pixels, 3.0, 0)
    assert change.shape == pixels.shape and change.dtype == np.float32
    assert np.array_equal(change, enhancer.change(pixels, 3.0, 0))
    for other in ((pixels[::-1].copy(), 3.0, 0), (pixels, 6.0, 0), (pixels, 3.0, 1)):
        assert not np.array_equal(change, enhancer.change(*other))


def test_drawing_noise_leaves_the_global_generator_alone(enhancer, pixels):
    before = torch.get_rng_state()
    enhancer.change(pixels, 3.0, 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_any_number_of_steps(pixels, steps):
    net = enhancers.build(steps=steps)
    decoded = torch.from_numpy(pixels)[None]
    known = net.known(decoded, torch.tensor([2.0]))
    start = torch.zeros(1, *net.prior_shape)
    assert torch.isfinite(net.generated_prior(decoded, known, start, torch.Generator())).all()


@pytest.mark.parametrize("window", [32, 64, 128])
def test_the_prior_is_raised_to_any_window(window):
    net = enhancers.build(window=window)
    x = torch.rand(2, 3, window, window)
    levels = net.men.up(torch.rand(2, *net.prior_shape))
    assert [level.shape[-1] for level in levels] == [window // 2, window // 4, window // 8]
    assert net.men(x, net.no_prior(x), net.known(x, torch.tensor([1.0, 8.0]))).shape == x.shape


def test_realism_is_an_input_and_draws_the_prior(pixels):
    net, decoded = enhancers.build(realism=True), torch.from_numpy(pixels)[None]
    quality, start = torch.tensor([2.0]), torch.zeros(1, *enhancers.build().prior_shape)
    exact, real = (net.known(decoded, quality, realism) for realism in (0.0, 1.0))
    assert not torch.equal(exact, real) and torch.equal(exact, net.known(decoded, quality))
    drawn = [net.generated_prior(decoded, exact, start, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_weights_that_are_not_finite_are_refused(tmp_path):
    net = enhancers.build()
    torch.nn.init.constant_(net.men.head.weight, torch.inf)
    write_weights(tmp_path / "bad.safetensors", "ldm-test-1", net, ())
    with pytest.raises(WrongWeights, match="'men.head.weight' holds values that are not finite"):
        LdmEnhancer(tmp_path / "bad.safetensors")


def test_weights_of_another_shape_are_refused(tmp_path):
    net = enhancers.build()
    net.config = enhancers.config(prior=16)
    write_weights(tmp_path / "bad.safetensors", "ldm-test-1", net, ())
    with pytest.raises(WrongWeights, match="does not hold a usable ldm-test-1"):
        LdmEnhancer(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    "field, value",
    [
        ("model", None),
        ("codecs", None),
        ("config", None),
        ("codecs", "[1"),
        ("config", "null"),
        ("config", '{"new": 1}'),
    ],
)
def test_weights_that_do_not_say_what_they_are_are_refused(tmp_path, field, value):
    """A field that is missing, or not what it should be."""
    path = enhancers.write(tmp_path / "bad.safetensors")
    with safe_open(path, "pt") as file:
        about = {key: text for key, text in file.metadata().items() if key != field}
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    save_file(tensors, path, about if value is None else about | {field: value})
    with pytest.raises(WrongWeights, match="does not describe its enhancer"):
        LdmEnhancer(path)


def test_what_ships_has_about_two_million_parameters():
    net = LdmRsic(LdmConfig())
    shipped = sum(parameter.numel() for parameter in net.parameters()) - sum(p.numel() for p in net.lrm.parameters())
    assert 1.5e6 < shipped < 2.2e6


def test_stronger_compression_leaves_less_detail():
    rough = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(rough, 3, 1, 1)
    coarse = torch.nn.functional.interpolate(rough[..., ::4, ::4], (64, 64), mode="bicubic")
    detail = [remaining_detail(x)[0] for x in (rough, smooth, coarse)]
    assert (detail[0] > detail[1]).all() and detail[1][0] > detail[2][0]
    assert all(found.abs().max() < 1.5 for found in detail)
    assert torch.allclose(remaining_detail(torch.full((1, 3, 64, 64), 0.3)), torch.tensor(-1.0))


def test_priors_are_of_one_size_however_they_were_made(pixels):
    net, decoded = enhancers.build(), torch.from_numpy(pixels)[None]
    known = net.known(decoded, torch.tensor([2.0]))
    start = 100 * torch.ones(1, *net.prior_shape)
    for prior in (net.learnt_prior(decoded, decoded), net.generated_prior(decoded, known, start, torch.Generator())):
        assert torch.allclose(prior.mean(1), torch.zeros(1), atol=1e-4)
        assert torch.allclose(prior.var(1, unbiased=False), torch.ones(1), atol=0.05)


def test_rows_and_columns_of_a_raster_are_alike(tmp_path, pixels):
    found = LdmEnhancer(enhancers.write(tmp_path / "a.safetensors", "raster"))
    change = found.change(pixels, None, 0)
    turned = found.change(np.ascontiguousarray(pixels.transpose(0, 2, 1)), None, 0).transpose(0, 2, 1)
    assert np.abs(change).max() > 1e-3 and np.abs(change - turned).max() < 1e-5
