"""Weights laid out as Stable Diffusion 2.1 are, only tiny and random, teach as ours do."""

from __future__ import annotations

import sys

import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.training.slimdiff_teacher import TINY
from rscodec.training.stable_diffusion import stable_teacher


@pytest.fixture(params=["AutoencoderKL", "AutoencoderTiny"])
def folder(request, tmp_path):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    torch.manual_seed(0)
    if request.param == "AutoencoderKL":
        kinds = dict(down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
        autoencoder = diffusers.AutoencoderKL(block_out_channels=(8,) * 4, norm_num_groups=4, **kinds)
    else:
        widths = dict(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4)
        autoencoder = diffusers.AutoencoderTiny(**widths)
    autoencoder.save_pretrained(tmp_path / "vae")
    diffusers.UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).save_pretrained(tmp_path / "unet")
    diffusers.DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type="v_prediction"
    ).save_pretrained(tmp_path / "scheduler")
    return tmp_path


def test_it_restores_in_one_step_and_in_many(folder):
    teacher = stable_teacher(folder, TINY).eval()
    assert teacher.prediction == "v" and teacher.unet.widths == (16, 32) and len(teacher.schedule) == 1000
    raised = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        z = teacher.autoencoder.encode(raised)
        found = teacher.one_step(z)
        assert z.shape == (2, 4, 8, 8) and found.features.shape == (2, 16, 8, 8)
        steps = found.times.mean((1, 2, 3))
        direct = teacher.unet.net(z, steps - 1, torch.zeros(2, 77, 8)).sample
        assert torch.allclose(teacher.unet.predicted(found.features), direct, atol=1e-5)
        assert teacher.multi_step(raised, torch.Generator().manual_seed(0), 2).shape == raised.shape


def test_it_is_adapted_as_ours_is(folder):
    teacher = stable_teacher(folder, TINY)
    z = torch.randn(1, 4, 8, 8)
    before = teacher.one_step(z).z
    teacher.adapt()
    assert torch.allclose(teacher.one_step(z).z, before, atol=1e-5)
    teacher.one_step(z).z.sum().backward()
    assert teacher.last_layer.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in teacher.unet.parameters() if not parameter.requires_grad)


def test_a_folder_without_it_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    with pytest.raises(InputError, match="give a folder with unet, vae and scheduler"):
        stable_teacher(tmp_path, TINY)


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match=r"install rscodec\[diffusers\]"):
        stable_teacher(tmp_path, TINY)
