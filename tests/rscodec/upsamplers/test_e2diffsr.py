"""E2DiffSR as a weights file and as networks: what is in it, and what its answer depends on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open

from rscodec.bitstreams.errors import WrongWeights
from rscodec.raster.resample import centres
from rscodec.upsamplers.e2diffsr import CONFIGS, E2DiffSr, E2DiffUpsampler, latents, write_weights
from rscodec.upsamplers.maps import resize, sample
from tests.helpers import upsamplers

AT = centres(0, 64, 32, 64)


@pytest.fixture(scope="module")
def upsampler(tmp_path_factory) -> E2DiffUpsampler:
    return E2DiffUpsampler(upsamplers.write(tmp_path_factory.mktemp("e2diff") / "a.safetensors"))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((3, 32, 32), np.float32)


def test_the_file_says_what_it_is_and_leaves_out_what_saw_the_original(tmp_path):
    path = upsamplers.write(tmp_path / "a.safetensors")
    with safe_open(path, "pt") as file:
        assert not [key for key in file.keys() if key.startswith("encoder.")]
        assert {"spread", "csum.mlp.0.weight"} < set(file.keys())
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}
    found = E2DiffUpsampler(path)
    assert (found.model, len(found.weights_hash), found.overlap) == ("e2diff-test-1", 16, upsamplers.OVERLAP)


def test_weights_of_another_shape_are_refused(tmp_path):
    net = upsamplers.build()
    net.config = upsamplers.config(features=16)
    write_weights(tmp_path / "bad.safetensors", "e2diff-test-1", net)
    with pytest.raises(WrongWeights, match="does not hold a usable e2diff-test-1"):
        E2DiffUpsampler(tmp_path / "bad.safetensors")


def test_matrices_that_inference_made_serve_training_too():
    x = torch.rand(1, 2, 7, 9, requires_grad=True)
    rows, cols = centres(0, 15, 7, 15), centres(0, 19, 9, 19)
    with torch.inference_mode():
        resize(x, 5, 6)
        sample(x, rows, cols)
    (resize(x, 5, 6).sum() + sample(x, rows, cols).sum()).backward()
    assert x.grad.abs().sum() > 0


def test_an_untrained_model_adds_nothing(tmp_path, pixels):
    write_weights(tmp_path / "new.safetensors", "e2diff-test-1", upsamplers.build())
    assert (E2DiffUpsampler(tmp_path / "new.safetensors").detail(pixels, AT, AT, 2.0, 0) == 0).all()


def test_the_answer_depends_on_pixels_scale_seed_and_place(upsampler, pixels):
    found = upsampler.detail(pixels, AT, AT, 2.0, 0)
    assert found.shape == (3, 64, 64) and found.dtype == np.float32 and np.isfinite(found).all()
    assert np.array_equal(found, upsampler.detail(pixels, AT, AT, 2.0, 0))
    part = upsampler.detail(pixels, AT[10:20], AT[30:], 2.0, 0)
    assert np.allclose(part, found[:, 10:20, 30:], atol=1e-6)
    for other in ((pixels[::-1].copy(), AT, AT, 2.0, 0), (pixels, AT, AT, 2.1, 0), (pixels, AT, AT, 2.0, 1)):
        assert not np.allclose(found, upsampler.detail(*other), atol=1e-6)


def test_the_deterministic_part_knows_no_seed_and_is_what_the_condition_says(upsampler, pixels):
    plain = upsampler.deterministic()
    found = plain.detail(pixels, AT, AT, 2.0, 0)
    assert np.array_equal(found, plain.detail(pixels, AT, AT, 2.0, 1))
    net, small = upsampler.net, torch.from_numpy(pixels)[None]
    with torch.inference_mode():
        wanted = net.change(small, net.condition_net(resize(small, 64, 64)), AT, AT, 2.0)[0].numpy()
    assert np.allclose(found, wanted, atol=1e-6) and wanted.any()
    assert not np.array_equal(found, upsampler.detail(pixels, AT, AT, 2.0, 0))


def test_drawing_noise_leaves_the_global_generator_alone(upsampler, pixels):
    before = torch.get_rng_state()
    upsampler.detail(pixels, AT, AT, 2.0, 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("scale, window", [(1, 32), (2, 32), (3, 32), (4, 16), (8, 16), (10, 16)])
def test_windows_fit_both_edges(upsampler, scale, window):
    assert upsampler.window(scale) == window


def test_latents_cover_a_window_evenly():
    assert [latents(32, scale) for scale in (1, 2.6, 4, 8)] == [4, 10, 16, 32] and latents(1, 1) == 1


@pytest.mark.parametrize("steps, betas", [(1, (0.1, 0.99)), (4, (0.99, 0.1)), (8, (0.1, 0.99))])
def test_an_untrained_denoiser_answers_what_the_condition_says(steps, betas):
    net = upsamplers.build(steps=steps, betas=betas)
    condition, start = torch.randn(2, 2, 4, 5, 5)
    found = net.generated(condition, 3.0, start, torch.Generator().manual_seed(0))
    assert torch.allclose(found, condition, atol=1e-4)


def test_all_steps_get_a_gradient():
    net = upsamplers.build(steps=3)
    torch.nn.init.normal_(net.denoiser.leave.weight)
    condition, start = torch.randn(2, 1, 4, 5, 5)
    net.generated(condition, 2.0, start, None).sum().backward()
    assert (net.denoiser.time.weight.grad.abs().sum(1) > 0).all()


def test_the_modulation_weighs_prior_and_features_with_unit_length():
    modulation = upsamplers.build().branch.modulations[0]
    x, h = torch.randn(1, 8, 6, 6), torch.randn(1, 16, 3, 3)
    about = torch.full((1, 1), 0.5)
    own, prior = torch.nn.functional.normalize(modulation.weigh(about), dim=1)[0]
    assert torch.allclose(modulation(x, h, about), own * x + prior * modulation.enter(resize(h, 6, 6)), atol=1e-6)


def test_maps_are_resized_and_sampled_as_torch_does_it():
    x = torch.rand(2, 3, 12, 20, dtype=torch.float32)
    for size in ((24, 31), (5, 7), (12, 20)):
        wanted = torch.nn.functional.interpolate(x, size, mode="bicubic", antialias=True)
        assert torch.allclose(resize(x, *size), wanted, atol=1e-5)
    wanted = torch.nn.functional.interpolate(x, (30, 33), mode="bilinear")
    assert torch.allclose(sample(x, centres(0, 30, 12, 30), centres(0, 33, 20, 33)), wanted, atol=1e-5)


@pytest.mark.parametrize("name, wanted", [("small", 2.6e6), ("paper", 31.25e6)])
def test_what_ships_has_so_many_parameters(name, wanted):
    with torch.device("meta"):
        net = E2DiffSr(CONFIGS[name])
    shipped = sum(p.numel() for key, p in net.named_parameters() if not key.startswith("encoder."))
    assert shipped == pytest.approx(wanted, rel=0.03)
