"""Tiles side by side: as many threads as the present turn has, results in order."""

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
    """Yield function(item) of each item, in order. At most one more is in progress or waiting than there are threads.

    Items are made in the calling thread. If not `parallel`, one follows the other. Close the generator to stop early.
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
