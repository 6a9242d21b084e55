"""Whose turn it is: threads share a process's cores and torch's switches, so the network works for one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bitstreams.errors import InputError

_lock = threading.RLock()


@contextmanager
def turn(threads: int | None = None) -> Iterator[None]:
    """Inside, it is this thread's; torch uses `threads` of the CPU, if that is said, and afterwards as many as before.

    Do not wait inside for what other workers do: they may be threads of this process, and wait for their turn.
    """
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: give 1 or more")
    with _lock:
        if threads is None:
            yield
            return

        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
