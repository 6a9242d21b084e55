"""A thread that works ahead: it reads while the network computes, or decodes while a file is written."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int = 2) -> Generator[Item, None, None]:
    """Yield the items in order. A thread makes them, up to `depth` items ahead. Its exceptions are raised here.

    If the consumer stops early, the thread stops before its next item.
    """
    ready: queue.Queue = queue.Queue(depth)
    stop = threading.Event()

    def put(entry) -> bool:
        while not stop.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((None, StopIteration()))
        except BaseException as problem:
            put((None, problem))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, problem = ready.get()
            if isinstance(problem, StopIteration):
                return
            if problem is not None:
                raise problem
            yield item
    finally:
        stop.set()
        thread.join()
