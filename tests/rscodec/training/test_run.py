"""A run folder: what it holds, what its history says, and that settings mean what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.training import checkpoint
from rscodec.training.run import Run, RunSettings


def settings_for(folder: Path, steps: int = 3) -> RunSettings:
    return RunSettings(
        shard=Path("pictures.zip"),
        run=folder,
        start=None,
        steps=steps,
        decay=1,
        rate=1e-3,
        batch=2,
        average=0.5,
        device="cpu",
        threads=None,
        minutes=None,
        seed=7,
    )


def trained(settings: RunSettings, history=(), config=None) -> tuple[torch.nn.Module, list[str]]:
    shown: list[str] = []
    settings.prepare()
    module = torch.nn.Linear(1, 1)
    run = Run(settings, {"--stage": "one", "config": config or {"width": 1}}, list(history), shown.append)
    groups = [(1.0, list(module.parameters()))]
    batches = lambda first, last: iter([torch.ones(1, 1)] * (last - first))  # noqa: E731
    run.train(module, groups, batches, lambda batch, step: (module(batch).sum(), {}), {"stage": "one"})
    return module, shown


def test_it_leaves_averages_with_their_history(tmp_path):
    module, shown = trained(settings_for(tmp_path / "run"), history=[{"stage": "zero"}])
    whole, half = (checkpoint.load(tmp_path / "run" / name) for name in ("average.pt", "average16.pt"))
    assert all(torch.equal(value, whole["module"][key]) for key, value in module.state_dict().items())
    assert {value.dtype for value in half["module"].values()} == {torch.float16}
    assert whole["history"] == half["history"] and whole["config"] == half["config"] == {"width": 1}
    before, sitting = whole["history"]
    told = {key: sitting[key] for key in ("stage", "shard", "batch", "seed", "steps", "average", "steps_taken")}
    assert before == {"stage": "zero"} and told == {
        "stage": "one", "shard": "pictures.zip", "batch": 2, "seed": 7, "steps": 3, "average": 0.5, "steps_taken": 3,
    }  # fmt: skip
    logged = json.loads((tmp_path / "run" / "log.txt").read_text().splitlines()[0].split(" ", 2)[2])
    assert logged.items() <= sitting.items() and shown[0].endswith(json.dumps(logged))


def test_it_goes_on_from_its_checkpoint_and_refuses_another_kind(tmp_path):
    trained(settings_for(tmp_path / "run"))
    _, shown = trained(settings_for(tmp_path / "run", steps=5))
    assert "resumed at step 3" in shown[1]
    with pytest.raises(InputError, match="another config"):
        trained(settings_for(tmp_path / "run"), config={"width": 2})


def test_the_history_says_which_settings_made_which_steps(tmp_path):
    settings = settings_for(tmp_path / "run")
    for steps, change in ((3, {}), (5, {"batch": 4, "rate": 5e-4}), (5, {"batch": 4, "rate": 5e-4, "minutes": 9.0})):
        trained(replace(settings, steps=steps, **change), history=[{"stage": "zero"}])
    saved = checkpoint.load(tmp_path / "run" / "average.pt")
    told = [[sitting.get(key) for key in ("batch", "rate", "steps", "steps_taken")] for sitting in saved["history"]]
    assert told == [[None] * 4, [2, 1e-3, 3, 3], [4, 5e-4, 5, 2]]


def test_what_is_random_is_a_function_of_seed_and_step(tmp_path):
    settings = settings_for(tmp_path)
    draws = [torch.rand(2, generator=settings.generator(step)) for step in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    settings.prepare()
    assert torch.initial_seed() == 7
