"""Reading ahead: the same items in the same order, the same exceptions, and no thread left behind."""

from __future__ import annotations

import threading
import time

import pytest

from rscodec.concurrency.read_ahead import ahead


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [1, 2, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_items_come_in_order(count: int, depth: int):
    assert list(ahead(iter(range(count)), depth)) == list(range(count))


def test_none_and_exceptions_are_items_like_any_other():
    items = [None, ValueError("an item"), StopIteration(), 0]
    assert list(ahead(items)) == items


def test_an_exception_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(ahead(items()))
    assert seen == [1, 2]


def test_items_are_made_in_another_thread_and_ahead_but_not_too_far():
    made, threads = [], set()

    def items():
        for number in range(20):
            threads.add(threading.current_thread())
            made.append(number)
            yield number

    consumer = ahead(items(), depth=2)
    assert next(consumer) == 0
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:  # the one taken, two in the queue, one waiting to go in
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 4
    assert threading.current_thread() not in threads
    consumer.close()


def test_a_consumer_may_stop_early():
    made = []
    for item in ahead((made.append(number) or number for number in range(1000)), depth=2):
        if item == 3:
            break
    assert len(made) < 10


def test_an_exception_of_the_consumer_passes():
    with pytest.raises(KeyError):
        for item in ahead(range(10)):
            raise KeyError(item)
