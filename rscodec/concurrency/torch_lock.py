"""Whose turn it is: threads share a process's cores and torch's switches, so the network works for one at a time.

The threads of OpenMP do not survive a fork, and torch would wait for them for ever. A child that is forked after torch
was imported therefore computes on one thread, whatever `threads` says. One that is spawned has as many as it wants.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rscodec.bitstreams.errors import InputError

_lock = threading.RLock()
_single = False  # whether this process has but one thread for torch


def _forked() -> None:
    """In the child: nobody else is there who could hold the lock or work for torch."""
    global _lock, _single
    _lock, _single = threading.RLock(), _single or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def turn(threads: int | None = None) -> Iterator[None]:
    """Inside, it is this thread's; torch uses `threads` of the CPU, if that is said, and afterwards as many as before.

    Do not wait inside for what other workers do: they may be threads of this process, and wait for their turn.
    """
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: give 1 or more")
    threads = 1 if _single else threads
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
