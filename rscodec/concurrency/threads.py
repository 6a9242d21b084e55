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
_torch_before: int | None = None  # what limit_torch changed, until the outermost turn ends
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
    """At the end of a turn: the threads of the turn around it, or those from before."""
    global _torch_before
    if _threads is not None:
        limit_torch()
    elif _torch_before is not None and not _forked_with_torch:
        _torch().set_num_threads(_torch_before)
        _torch_before = None


def threads_now() -> int:
    """How many threads this turn may use: those that were asked for, OMP_NUM_THREADS, or all cores."""
    if _threads is not None:
        return _threads
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _torch() -> Any:
    """torch, where it was imported completely."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None


@cache
def _blas() -> Any:
    """NumPy's products; MKL may also be torch's, and keeps its threads."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas")
