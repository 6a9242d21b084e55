"""A shard to train on, made here."""

from __future__ import annotations

import pytest

from tests.helpers.trainers import ramps, write_shard


@pytest.fixture
def shard(tmp_path):
    return write_shard(tmp_path / "shard.zip", ramps(96, 80, 4))
