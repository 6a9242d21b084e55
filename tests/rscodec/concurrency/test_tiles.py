"""Work side by side: results in order, no more threads than the turn has, errors where they belong."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from rscodec.concurrency.threads import turn
from rscodec.concurrency.tiles import side_by_side


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order_and_from_so_many_threads(threads):
    meeting = threading.Barrier(threads, timeout=20)  # passes only when so many work at once

    def work(item: int) -> tuple[int, int]:
        if item < threads:
            meeting.wait()
        return item, threading.get_ident()

    with turn(threads):
        found = list(side_by_side(work, range(4 * threads)))
    assert [item for item, _ in found] == list(range(4 * threads))
    assert len({thread for _, thread in found}) <= threads


def test_one_after_the_other_where_that_is_asked():
    with turn(4):
        assert {*side_by_side(lambda _: threading.get_ident(), range(9), parallel=False)} == {threading.get_ident()}


def test_no_more_is_begun_than_is_asked_for():
    begun = []
    with turn(2), closing(side_by_side(begun.append, range(100))) as results:
        next(results)
    assert len(begun) <= 5


def test_an_error_comes_in_its_turn():
    def fail(item: int) -> int:
        if item == 2:
            raise KeyError(item)
        return item

    with turn(3):
        results = side_by_side(fail, range(9))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(KeyError):
            next(results)
