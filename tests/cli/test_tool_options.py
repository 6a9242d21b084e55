"""Options that scripts share reach them as one argument."""

from __future__ import annotations

from dataclasses import dataclass

import click
from click.testing import CliRunner

from rscodec.cli.tool_options import export_options, gathered, run_options


@dataclass(frozen=True)
class Weights:
    near: float
    far: float


def test_options_of_a_dataclass_are_one_argument():
    given = []

    @click.command()
    @gathered("weights", Weights)
    @click.option("--near", default=1.0)
    @click.option("--far", default=2.0)
    @click.option("--other", default=3)
    def command(weights, other):
        given.append((weights, other))

    left = CliRunner().invoke(command, ["--far", "5"], catch_exceptions=False)
    assert left.exit_code == 0 and given == [(Weights(1.0, 5.0), 3)]


def test_a_trainer_has_its_own_defaults(tmp_path):
    given = []

    @click.command()
    @run_options(batch=4, rate=0.5)
    @click.option("--stage")
    def command(settings, stage):
        given.append((settings, stage))

    args = ["--shard", tmp_path, "--run", tmp_path / "run", "--stage", "one", "--threads", 2]
    CliRunner().invoke(command, list(map(str, args)), catch_exceptions=False)
    [(settings, stage)] = given
    assert (settings.shard, settings.run, settings.start) == (tmp_path, tmp_path / "run", None)
    assert (settings.batch, settings.rate, settings.threads, settings.seed) == (4, 0.5, 2, 0)
    assert settings.device in ("cpu", "cuda") and stage == "one"


def test_an_export_says_what_it_exports(tmp_path):
    given = []

    @click.command()
    @export_options()
    @click.option("--images", type=int)
    def command(export, images):
        given.append((export, images))

    args = ["--run", tmp_path, "--model", "x-1", "--out", tmp_path, "--images", 3]
    CliRunner().invoke(command, list(map(str, args)), catch_exceptions=False)
    [(export, images)] = given
    assert export.new_weights() == tmp_path / "x-1.safetensors" and export.average == tmp_path / "average.pt"
    assert (export.overwrite, images) == (False, 3)
