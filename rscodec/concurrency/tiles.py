"""Processes tiles in parallel, with as many threads as the present turn has. The results are in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rscodec.concurrency.threads import threads_now

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], parallel: bool = True
) -> Generator[Result, None, None]:
    """Yield function(item) of each item, in order. At most one item more than threads is in progress or waiting.

    The calling thread makes the items. If not `parallel`, the items are processed one by one. Close the generator to
    stop early.
    """
    threads = threads_now() if parallel else 1
    if threads == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
