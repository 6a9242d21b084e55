"""Checkpoints: a run goes on as what it was begun as, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.training import checkpoint
from rscodec.training.loop import Plan, Record, train

BEGUN = {"--stage": "one", "config": {"widths": (8, 16), "rate": 0.5}}


def test_a_run_goes_on_as_what_it_was_begun_as(tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    checkpoint.check_same(path, BEGUN)
    checkpoint.save(path, module={}, step=4, **BEGUN)
    checkpoint.check_same(path, BEGUN)
    for word, other in (("--stage", "two"), ("config", {"widths": (8, 8), "rate": 0.5})):
        with pytest.raises(InputError, match=f"run was begun with another {word}: .* `run`"):
            checkpoint.check_same(path, BEGUN | {word: other})


def test_what_an_older_checkpoint_does_not_say_may_be_anything(tmp_path):
    checkpoint.save(tmp_path / "checkpoint.pt", module={}, step=4)
    checkpoint.check_same(tmp_path / "checkpoint.pt", BEGUN)


def test_another_file_is_refused_by_name():
    weights = Path("rscodec/weights/slimdiff-1.safetensors")
    with pytest.raises(InputError, match=r"slimdiff-1.safetensors is no checkpoint or average .* average\.pt"):
        checkpoint.load(weights)


def test_sittings_with_the_same_settings_are_one():
    first = checkpoint.sittings_after([], {"batch": 2, "minutes": 9}, 10, 20.4)
    assert first == [{"batch": 2, "minutes": 9, "steps_taken": 10, "seconds": 20}]
    longer = checkpoint.sittings_after(first, {"batch": 2, "minutes": 1}, 15, 30)
    assert longer == [{"batch": 2, "minutes": 1, "steps_taken": 15, "seconds": 30}]
    other = {"batch": 4, "minutes": 1}
    assert checkpoint.sittings_after(longer, other, 18, 41) == [*longer, other | {"steps_taken": 3, "seconds": 11}]


def test_an_older_checkpoint_counts_as_one_sitting(tmp_path):
    module, path = torch.nn.Linear(1, 1), tmp_path / "checkpoint.pt"

    def sit(steps, sitting):
        record = Record(path, lambda line: None, BEGUN, sitting=sitting)
        batches = lambda first, last: iter([torch.ones(1, 1)] * (last - first))  # noqa: E731
        groups = [(1.0, list(module.parameters()))]
        return train(module, groups, batches, lambda batch, step: (module(batch).sum(), {}), Plan(steps, 0), record)

    sit(3, {})
    saved = checkpoint.load(path)
    del saved["sittings"]
    checkpoint.save(path, **saved | {"seconds": 60.0})
    before, now = sit(5, {"stage": "one", "batch": 4}).sittings
    assert before == {"stage": "one", "steps_taken": 3, "seconds": 60}
    assert (now["stage"], now["batch"], now["steps_taken"]) == ("one", 4, 2) and now["seconds"] < 30
    assert checkpoint.load(path)["sittings"] == [before, now]
