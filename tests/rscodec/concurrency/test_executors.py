"""Tasks in the order of their ends, or of their beginnings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rscodec.concurrency.executors import LocalExecutor, as_done, executor_for, in_order


def halve(number: int) -> float:
    return 1 / number


def test_here_is_the_default():
    with executor_for() as executor:
        assert (
            isinstance(executor, LocalExecutor)
            and executor.submit(threading.get_ident).result() == threading.get_ident()
        )


def test_every_task_comes_back_with_its_result_or_its_error():
    found = dict(as_done(LocalExecutor(), halve, [1, 0, 4]))
    assert found[1].result() == 1 and found[4].result() == 0.25
    assert isinstance(found[0].exception(), ZeroDivisionError)


def test_here_tells_of_each_task_before_the_next():
    begun = []

    def begin(task: int) -> int:
        begun.append(task)
        return task

    for count, (task, _) in enumerate(as_done(LocalExecutor(), begin, range(3)), 1):
        assert len(begun) == count == task + 1


def test_in_order_keeps_the_order_and_the_lead():
    under_way, most = 0, 0

    def tasks():
        nonlocal under_way, most
        for task in range(20):
            under_way += 1
            most = max(most, under_way)
            yield task

    with ThreadPoolExecutor(4) as executor:
        for count, result in enumerate(in_order(executor, lambda task: task * task, tasks(), 3)):
            assert result == count * count
            under_way -= 1
    assert most <= 4


def test_in_order_raises_what_a_task_raised():
    with pytest.raises(ZeroDivisionError):
        list(in_order(LocalExecutor(), halve, [1, 0], 2))


def test_a_process_does_one_task_at_a_time():
    busy, seen = 0, []

    def work(_: int) -> None:
        nonlocal busy
        busy += 1
        seen.append(busy)
        threading.Event().wait(0.01)
        busy -= 1

    with ThreadPoolExecutor(4) as executor:
        list(as_done(executor, work, range(8)))
    assert seen == [1] * 8
