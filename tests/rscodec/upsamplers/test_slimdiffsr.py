"""SlimDiffSR as a weights file and as networks: what is in it, and what its answer depends on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from rscodec.bitstreams.errors import WrongWeights
from rscodec.generative.interpolated import InterpolatedPicture
from rscodec.generative.picture import SourcePicture
from rscodec.models.weights import upsampler_for
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.resample import centres
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize
from rscodec.upsamplers.base import UpscaleSettings
from rscodec.upsamplers.e2diffsr import E2DiffUpsampler
from rscodec.upsamplers.scene import UpscaledScene
from rscodec.upsamplers.slim import Dsc, Fsc, Qgam, SlimUnet
from rscodec.upsamplers.slimdiffsr import SlimConfig, SlimDiffSr, SlimDiffUpsampler, write_weights
from rscodec.upsamplers.whole import Known, Measured
from tests.helpers import upsamplers

AT = centres(0, 128, 32, 128)
SWITCHES = ["fused", "fsc", "dsc", "qgam"]


@pytest.fixture(scope="module")
def upsampler(tmp_path_factory) -> SlimDiffUpsampler:
    return SlimDiffUpsampler(upsamplers.write_slim(tmp_path_factory.mktemp("slim") / "a.safetensors"))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((3, 32, 32), np.float32)


def test_the_file_says_what_it_is(tmp_path):
    path = upsamplers.write_slim(tmp_path / "a.safetensors")
    with safe_open(path, "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}
    found = SlimDiffUpsampler(path)
    assert (found.model, len(found.weights_hash), found.overlap) == ("slimdiff-test-1", 16, upsamplers.OVERLAP)
    assert [found.window(scale) for scale in found.scales] == [32, 32]


def test_a_file_is_read_by_the_row_whose_format_it_has(tmp_path):
    slim, other = upsamplers.write_slim(tmp_path / "a.safetensors"), upsamplers.write(tmp_path / "b.safetensors")
    assert isinstance(upsampler_for(slim), SlimDiffUpsampler) and isinstance(upsampler_for(other), E2DiffUpsampler)


def test_weights_of_another_shape_are_refused(tmp_path):
    net = upsamplers.build_slim()
    net.config = upsamplers.slim_config(width=16)
    write_weights(tmp_path / "bad.safetensors", "slimdiff-test-1", net)
    with pytest.raises(WrongWeights, match="does not hold a usable slimdiff-test-1"):
        SlimDiffUpsampler(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("off", [None, *SWITCHES])
def test_an_untrained_model_adds_nothing_and_all_of_it_learns(off):
    torch.manual_seed(0)
    net = upsamplers.build_slim(**({off: False} if off else {}))
    raised = torch.rand(2, 3, 32, 48)
    found = net(raised)
    assert found.shape == raised.shape and (found == 0).all()
    torch.nn.init.normal_(net.decoder.head.weight)
    for name, parameter in net.named_parameters():
        if name.startswith("unet.") and name.endswith("leave.weight"):
            torch.nn.init.normal_(parameter)
    net(raised).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("off", SWITCHES)
def test_each_switch_changes_the_network(off):
    on, other = (list(dict(upsamplers.build_slim(**some).named_parameters())) for some in ({}, {off: False}))
    assert on != other


def test_the_deep_levels_come_back_for_the_ablation():
    net = upsamplers.build_slim(widths=(16, 24, 24, 24))
    assert net(torch.rand(1, 3, 64, 64)).shape == (1, 3, 64, 64)


def test_the_answer_depends_on_pixels_and_on_what_was_surveyed_but_not_on_the_seed(upsampler, pixels):
    found = upsampler.detail(pixels, AT, AT, 4.0, 0)
    assert found.shape == (3, 128, 128) and found.dtype == np.float32 and np.abs(found).max() > 1 / 255
    assert np.array_equal(found, upsampler.detail(pixels, AT, AT, 4.0, 1))
    known = upsampler.survey([pixels], 4.0)
    assert np.allclose(found, upsampler.detail(pixels, AT, AT, 4.0, 0, known), atol=1e-6)
    other = upsampler.survey([pixels[:, ::-1] ** 3, pixels / 2], 4.0)
    for changed in (upsampler.detail(pixels, AT, AT, 4.0, 0, other), upsampler.detail(pixels / 2, AT, AT, 4.0, 0)):
        assert not np.allclose(found, changed, atol=1e-3)


def test_what_windows_say_together_is_what_the_picture_says():
    """Operators that see the whole picture: its left and right half, known together, are as in one piece."""
    torch.manual_seed(0)
    x = torch.rand(1, 16, 8, 12)
    for part in (Fsc(16, 16), Dsc(16, 16), Qgam(16)):
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.normal_(0, 0.5)
        whole = part(x, Measured())
        halves = torch.cat(x.chunk(2, 3))
        together = Measured(together=True)
        part(halves, together)
        found = torch.cat([part(half[None], Known(together.figures)) for half in halves], 3)
        inner = [*range(4), *range(8, 12)]  # away from the cut, beyond which two 3x3 see nothing
        assert torch.allclose(found[..., inner], whole[..., inner], atol=1e-5)
        alone = torch.cat([part(half[None], Measured()) for half in halves], 3)
        assert not torch.allclose(alone[..., inner], whole[..., inner], atol=1e-4)


def test_operators_are_what_the_paper_says():
    torch.manual_seed(0)
    x, unit = torch.rand(1, 8, 6, 6), Measured()
    fsc, dsc, qgam = Fsc(8, 8), Dsc(8, 8), Qgam(8)
    low = F.conv2d(x, fsc.low.weight, padding=1, groups=8)
    high = F.conv2d(x - low, fsc.high.weight, padding=1, groups=8)
    a, b = fsc.gates.weigh(x.mean((2, 3)))[0]
    assert torch.allclose(fsc(x, unit), fsc.widen(F.relu(fsc.narrow(a * low + b * high))), atol=1e-6)
    along, across = dsc.horizontal(x), dsc.vertical(x)
    a, b, c = dsc.gates.weigh(x.mean((2, 3)))[0]
    mixed = a * along + b * across + c * (along - across)
    assert torch.allclose(dsc(x, unit), dsc.widen(dsc.narrow(mixed)), atol=1e-6)
    assert along.shape == across.shape and dsc.horizontal.weight.shape[2:] == (1, 3)

    torch.nn.init.normal_(qgam.leave.weight)
    seen = qgam.norm(x)[0].flatten(1).t()
    keys, values = qgam.gathered(seen).chunk(2, 1)
    tokens = (qgam.queries @ keys.t() / 8).softmax(1) @ values
    keys, values = qgam.offered(tokens).chunk(2, 1)
    read = (seen @ qgam.asked.weight[:, :, 0, 0].t() @ keys.t() / 8).softmax(1) @ values
    wanted = x + (read @ qgam.leave.weight[:, :, 0, 0].t()).t().reshape(x.shape)
    assert torch.allclose(qgam(x, unit), wanted, atol=1e-5)


def test_there_is_no_seam_and_windows_agree_about_the_whole(upsampler):
    """A scene of three windows, dark on the left and bright on the right: columns change as smoothly as within one."""
    pixels = synthesize((90, 40), 3, "uint8", None)[0] // 4
    pixels += np.linspace(0, 180, 90).astype(np.uint8)
    found = UpscaledScene(SourcePicture(SceneSource(Scene(pixels))), upsampler, UpscaleSettings("any", 4.0), {})
    base = InterpolatedPicture(SourcePicture(SceneSource(Scene(pixels))), 360, 160)
    change = found.read(found.target)[0].astype(float) - base.read(base.scene)[0]
    steps = np.abs(np.diff(change, axis=2)).mean((0, 1))
    assert change.std() > 1 and steps.max() < 4 * np.median(steps) + 1


def test_what_ships_is_small():
    with torch.device("meta"):
        net = SlimDiffSr(SlimConfig())
    assert sum(parameter.numel() for parameter in net.parameters()) == pytest.approx(1.6e6, rel=0.05)


def test_inference_imports_no_teacher():
    code = "import sys, rscodec.upsamplers.slimdiffsr; print([name for name in sys.modules if 'training' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_levels_have_their_widths():
    net = SlimUnet((8, 12), 1, True, True, True)
    assert net(torch.rand(1, 8, 6, 10), Measured()).shape == (1, 8, 6, 10)
    assert net.bottom.norms[0].gain.shape[0] == 12
