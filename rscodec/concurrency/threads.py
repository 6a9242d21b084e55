"""Whose turn it is: networks work for one caller at a time, who says how many threads of the CPU they may take.

    turn(threads)                 one BLAS thread each, so that tiles side by side share the cores (tiles.py)
    limit_torch() after an import of torch inside: it takes as many threads as the turn says

The threads of OpenMP do not survive a fork, and torch would wait for them for ever. In a child that is forked after
torch was imported, torch therefore computes on one thread. One that is spawned has as many as it wants.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from numbers import Integral
from typing import Any

from rscodec.bitstreams.errors import InputError

_lock = threading.RLock()
_threads: int | None = None  # of the present turn; None: as many as there are
_forked_with_torch = False


def _forked() -> None:
    """In the child: nobody else is there who could hold the lock or work for torch."""
    global _lock, _threads, _forked_with_torch
    _lock, _threads, _forked_with_torch = threading.RLock(), None, _forked_with_torch or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def turn(threads: int | None = None) -> Iterator[None]:
    """Inside, it is this thread's; networks use `threads` of the CPU, all by default or as many as the turn around it.

    Do not wait inside for what other workers do: they may be threads of this process, and wait for their turn.
    """
    global _threads
    if threads is not None and (not isinstance(threads, Integral) or isinstance(threads, bool) or threads < 1):
        raise InputError(f"`threads={threads!r:.80}`: give 1 or more, a whole number")
    with _lock:
        outer, _threads = _threads, threads or _threads
        before = _torch_threads()
        limit_torch()
        try:
            with _blas().limit(limits=1):
                yield
        finally:
            _threads = outer
            if before is not None:
                sys.modules["torch"].set_num_threads(before)


def limit_torch() -> None:
    """Give torch, if it is loaded, the threads of this turn."""
    wanted = 1 if _forked_with_torch else _threads
    if wanted is not None and _torch_threads() is not None:
        sys.modules["torch"].set_num_threads(wanted)


def threads_now() -> int:
    """How many threads this turn may use."""
    if _threads is not None:
        return _threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _torch_threads() -> int | None:
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None


@cache
def _blas() -> Any:
    """NumPy's products."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
