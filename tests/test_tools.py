"""What scripts refuse they refuse in one line and before the work."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner

from rscodec.bitstreams.errors import InputError, OutputError
from rscodec.synthetic.sample import synthesize
from rscodec.training import checkpoint
from tests.helpers.tools import TOOLS, load


def run(name: str, *args):
    return CliRunner().invoke(load(name).main, [str(arg) for arg in args])


@pytest.mark.parametrize("name, begun, words", [
    ("train_codec", {"--model": "other"}, "another --model"),
    ("train_codec", {"--fake": True}, "another --fake"),
    ("train_codec", {"config": {}}, "another config"),
    ("train_e2diffsr", {"--stage": "one"}, "another --stage"),
    ("train_ldm_rsic", {"--stage": "one"}, "another --stage"),
    ("train_slimdiffsr", {"--stage": "teacher"}, "another --stage"),
])  # fmt: skip
def test_a_run_of_another_kind_is_one_line(name, begun, words, tmp_path):
    checkpoint.save(tmp_path / "run" / "checkpoint.pt", module={}, **begun)
    (tmp_path / "shard.zip").write_text("never read")
    stage = {"train_codec": [], "train_slimdiffsr": ["--stage", "student"]}.get(name, ["--stage", "twin"])
    left = run(name, "--shard", tmp_path / "shard.zip", "--run", tmp_path / "run", "--device", "cpu", *stage)
    assert left.exit_code == InputError.exit_code and words in left.output and left.output.count("\n") == 1
    assert not (tmp_path / "run" / "log.txt").exists()


@pytest.mark.parametrize("name", sorted(path.stem for path in TOOLS.glob("export_*.py")))
def test_weights_that_are_there_stay(name, tmp_path):
    (tmp_path / "x-1.safetensors").write_text("here")
    left = run(name, "--run", tmp_path, "--model", "x-1", "--out", tmp_path)
    assert left.exit_code == OutputError.exit_code and left.output.count("\n") == 1
    assert "x-1.safetensors exists; give the new weights a new name, or set --overwrite" in left.output


def test_rows_of_the_carbon_ablation_are_without_what_they_say():
    rows = {name: make() for name, make in load("ablate_carbon").ROWS.items()}
    torch.manual_seed(0)
    x, y, nowhere = torch.randn(2, 4, 32, 32), torch.rand(2, 1, 32, 32), torch.zeros(2, 1, 32, 32)
    for name, model in rows.items():
        loss, _ = model.loss(x, y, nowhere, torch.Generator().manual_seed(0))
        assert (loss > 0) == (name == "no-mask")
        seen = model.vgg(x)
        assert [tuple(f.shape[1:]) for f in seen] == [
            (stage[-1], 32 >> level, 32 >> level) for level, stage in enumerate(model.config.condition)
        ]
        assert bool(model.unet.attention) == (name not in ("no-attention", "idm"))
        assert hasattr(model.unet.finer[0], "mlp") == (name not in ("no-coordinates", "idm"))
    flat = torch.full_like(x, 2.0)
    deep = rows["no-vgg"].vgg(flat)[-1]
    assert torch.allclose(deep, rows["no-vgg"].vgg.mix[-1](flat[..., :2, :2]))  # a mean, and nothing from its edge
    assert rows["no-vgg"].vgg(x)[0].min() < 0  # nor a ReLU


def test_the_picture_shows_the_median_image(tmp_path):
    lines = ["image,codec,rate_bpp_file,psnr_db"]
    for image, factor in (("a", 0.9), ("b", 0.5), ("c", 0.7)):
        for rate in (0.1, 0.2, 0.4, 0.8):
            lines += [
                f"{image},jpeg2000,{rate},{30 + 10 * rate}",
                f"{image},rscodec:m,{rate * factor},{30 + 10 * rate}",
            ]
    (tmp_path / "results.csv").write_text("\n".join(lines))
    image, gain = load("make_picture").median_image(tmp_path / "results.csv")
    assert image == "c" and gain == pytest.approx(-30)


def test_jpeg2000_gets_as_many_bytes_in_the_picture():
    pixels = synthesize(128)[0][:3]
    assert 1000 <= len(load("make_picture").jpeg2000_at(pixels, 1000)) < 1050
