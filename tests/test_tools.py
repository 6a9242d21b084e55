"""What scripts refuse they refuse in one line and before the work."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from bitstreams.errors import InputError, OutputError
from rscodec.training import checkpoint

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def run(name: str, *args):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return CliRunner().invoke(script.main, [str(arg) for arg in args])


@pytest.mark.parametrize("name, begun, words", [
    ("train_codec", {"--model": "other"}, "another --model"),
    ("train_codec", {"--fake": True}, "another --fake"),
    ("train_codec", {"config": {}}, "another config"),
    ("train_e2diffsr", {"--stage": "one"}, "another --stage"),
    ("train_ldm_rsic", {"--stage": "one"}, "another --stage"),
    ("train_slimdiffsr", {"--stage": "teacher"}, "another --stage"),
])  # fmt: skip
def test_a_run_of_another_kind_is_one_line(name, begun, words, tmp_path):
    checkpoint.save(tmp_path / "run" / "checkpoint.pt", **begun)
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
    assert "x-1.safetensors exists; give the new weights a new name, or --overwrite" in left.output
