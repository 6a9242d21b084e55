"""Turns: networks work for one caller at a time, and the caller sets how many threads of the CPU they may use.

    turn(threads)                 limits BLAS to one thread, so that parallel tiles share the cores (tiles.py)
    limit_torch() after an import of torch in a turn: torch takes as many threads as the turn allows

The threads of OpenMP do not survive a fork, and torch would wait for them for ever. In a child that is forked after
torch was imported, torch therefore computes on one thread. A child that is spawned has as many threads as it wants.
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
_threads: int | None = None  # threads of the present turn; None: all
_torch_before: int | None = None  # torch's threads before limit_torch changed them, until the outermost turn ends
_forked_with_torch = False


def _forked() -> None:
    """Reset the state in a forked child. No other thread there can hold the lock or work for torch."""
    global _lock, _threads, _forked_with_torch
    _lock, _threads, _forked_with_torch = threading.RLock(), None, _forked_with_torch or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def turn(threads: int | None = None) -> Iterator[None]:
    """Take the turn for this thread. Networks use `threads` of the CPU; the default is that of the outer turn, or all.

    Do not wait inside for the work of other workers: they may be threads of this process that wait for their turn.
    """
    global _threads
    if threads is not None and (not isinstance(threads, Integral) or isinstance(threads, bool) or threads < 1):
        raise InputError(f"`threads={threads!r:.80}`: give a whole number, 1 or more")
    with _lock:
        outer, _threads = _threads, threads or _threads
        limit_torch()
        try:
            with _blas().limit(limits=1):
                yield
        finally:
            _threads = outer
            _release_torch()


def limit_torch() -> None:
    """Give torch, if it is loaded, the threads of this turn."""
    global _torch_before
    wanted = 1 if _forked_with_torch else _threads
    torch = _torch()
    if torch and wanted is not None:
        _torch_before = _torch_before or torch.get_num_threads()
        torch.set_num_threads(wanted)


def _release_torch() -> None:
    """At the end of a turn, restore the threads of the outer turn, or those before any turn."""
    global _torch_before
    if _threads is not None:
        limit_torch()
    elif _torch_before is not None and not _forked_with_torch:
        _torch().set_num_threads(_torch_before)
        _torch_before = None


def threads_now() -> int:
    """Return how many threads this turn may use: the requested number, OMP_NUM_THREADS, or all cores."""
    if _threads is not None:
        return _threads
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _torch() -> Any:
    """Return torch if it was imported completely, or else None."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None


@cache
def _blas() -> Any:
    """Return the BLAS of NumPy. MKL is not changed, since torch may use it, too."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas")
