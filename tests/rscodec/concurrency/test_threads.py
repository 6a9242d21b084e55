"""A turn: one caller at a time, with as many threads as it was told."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rscodec.bitstreams.errors import InputError
from rscodec.concurrency.threads import threads_now, turn


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
    with pytest.raises(InputError, match="1 or more"), turn(0):
        pass
