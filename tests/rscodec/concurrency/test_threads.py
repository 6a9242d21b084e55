"""A turn: one caller at a time, with as many threads as it was told."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rscodec.bitstreams.errors import InputError
from rscodec.concurrency.threads import limit_torch, threads_now, turn


def test_blas_has_one_thread_inside_and_as_many_as_before_outside():
    def threads() -> list[int]:
        np.ones((2, 2)) @ np.ones((2, 2))
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    before = threads()
    with turn():
        assert set(threads()) <= {1}
    assert threads() == before


def test_a_turn_in_a_turn_has_its_own_threads():
    with turn(3):
        with turn(2):
            assert threads_now() == 2
        with turn():
            assert threads_now() == 3


@pytest.mark.parametrize("threads", [0, -1, 2.5, "2", True])
def test_numbers_of_threads_that_do_not_exist(threads):
    with pytest.raises(InputError, match="a whole number, 1 or more"), turn(threads):
        pass


def test_the_environment_limits_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_now() == 3
    with turn(1):
        assert threads_now() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads_now() >= 1


def test_torch_that_is_imported_inside_has_its_threads_back_afterwards():
    program = (
        "from rscodec.concurrency.threads import limit_torch, turn\n"
        "with turn(1):\n    import torch\n    before = torch.get_num_threads()\n    limit_torch()\n"
        "    assert torch.get_num_threads() == 1\n"
        "    with turn(2): assert torch.get_num_threads() == 2\n"
        "    assert torch.get_num_threads() == 1\n"
        "assert torch.get_num_threads() == before"
    )
    pytest.importorskip("torch")
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"OMP_NUM_THREADS": "2"})


def test_torch_that_another_thread_imports_is_left_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with turn(1):
        limit_torch()
