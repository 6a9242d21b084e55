"""The scripts that train refuse to go on with a run of another kind, in one line and before the work."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from bitstreams.errors import InputError
from rscodec.training import checkpoint

TOOLS = Path(__file__).resolve().parent.parent / "tools"


@pytest.mark.parametrize("name, begun, words", [
    ("train_codec", {"--model": "other"}, "another --model"),
    ("train_codec", {"--fake": True}, "another --fake"),
    ("train_codec", {"config": {}}, "another config"),
    ("train_e2diffsr", {"--stage": "one"}, "another --stage"),
    ("train_ldm_rsic", {"--stage": "one"}, "another --stage"),
    ("train_slimdiffsr", {"--stage": "teacher"}, "another --stage"),
])  # fmt: skip
def test_a_run_of_another_kind_is_one_line(name, begun, words, tmp_path):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    checkpoint.save(tmp_path / "run" / "checkpoint.pt", **begun)
    (tmp_path / "shard.zip").write_text("never read")
    args = ["--shard", tmp_path / "shard.zip", "--run", tmp_path / "run", "--device", "cpu"]
    stage = {"train_codec": [], "train_slimdiffsr": ["--stage", "student"]}.get(name, ["--stage", "twin"])
    left = CliRunner().invoke(script.main, [str(arg) for arg in [*args, *stage]])
    assert left.exit_code == InputError.exit_code and words in left.output and left.output.count("\n") == 1
    assert not (tmp_path / "run" / "log.txt").exists()
