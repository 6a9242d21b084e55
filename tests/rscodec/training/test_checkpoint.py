"""Checkpoints: a run goes on as what it was begun as, or not at all."""

from __future__ import annotations

import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.training import checkpoint

BEGUN = {"--stage": "one", "config": {"widths": (8, 16), "rate": 0.5}}


def test_a_run_goes_on_as_what_it_was_begun_as(tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    checkpoint.check_same(path, BEGUN)
    checkpoint.save(path, step=4, **BEGUN)
    checkpoint.check_same(path, BEGUN)
    for word, other in (("--stage", "two"), ("config", {"widths": (8, 8), "rate": 0.5})):
        with pytest.raises(InputError, match=f"run was begun with another {word}: .* `run`"):
            checkpoint.check_same(path, BEGUN | {word: other})


def test_what_an_older_checkpoint_does_not_say_may_be_anything(tmp_path):
    checkpoint.save(tmp_path / "checkpoint.pt", step=4)
    checkpoint.check_same(tmp_path / "checkpoint.pt", BEGUN)
