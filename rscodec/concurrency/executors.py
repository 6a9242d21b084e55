"""Who does the work: this process, or workers that Dask reaches. Both are an Executor of the standard library.

    tasks --submit--> Executor --as_done--> (task, future) as they come       many scenes
                               --in_order--> results as they were asked for   one scene by its tiles

A worker that dies is replaced, and Dask gives its task to another; what a task does must bear being done twice.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from typing import Any

from rscodec.bitstreams.errors import InputError
from rscodec.concurrency.torch_lock import turn

LOCAL = "local"
ONE_THREAD = {f"{library}_NUM_THREADS": 1 for library in ("OMP", "MKL", "OPENBLAS")}
LEAD = 1000  # tasks that are waiting or under way: enough for any cluster, and few enough to hold in memory


class Here(Executor):
    """This process, one task after the other."""

    def submit(self, function: Callable, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as problem:
            future.set_exception(problem)
        return future


@contextmanager
def crew(scheduler: str = LOCAL, workers: int = 1) -> Iterator[Executor]:
    """`workers` processes on this machine, or those of the Dask scheduler at an address such as tcp://host:8786."""
    if scheduler == LOCAL and workers == 1:
        yield Here()
        return
    if scheduler != LOCAL and "://" not in scheduler:
        raise InputError(f"`scheduler={scheduler}`: give local, or the address of a Dask scheduler, tcp://host:8786")
    if scheduler != LOCAL and workers != 1:
        raise InputError(f"`workers={workers}`: {scheduler} has workers of its own; omit `workers`")
    with _client(scheduler, workers) as client:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)


@contextmanager
def _client(scheduler: str, workers: int):
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(
            f"`scheduler={scheduler}` with {workers} workers needs Dask; run pip install 'rscodec[dask]'"
        ) from None

    if scheduler != LOCAL:
        try:
            client = Client(scheduler, set_as_default=False)
        except (OSError, ValueError) as problem:
            raise InputError(f"no Dask scheduler answers at {scheduler}: {problem}") from None
        with client:
            yield client
        return
    # New processes of one thread each. Their memory is bounded by the tile, so nobody has to watch it. Dask would also
    # have malloc give back every layer's memory at once and ask for it again, which takes longer than the network. What
    # fails comes back with its task; the rest of Dask's log is of no use, such as of a heartbeat that the end cut off.
    with (
        dask.config.set(
            {
                "distributed.worker.multiprocessing-method": "spawn",
                "distributed.nanny.pre-spawn-environ": ONE_THREAD,
            }
        ),
        LocalCluster(
            workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def as_done(executor: Executor, function: Callable, tasks: Iterable) -> Iterator[tuple[Any, Future]]:
    """(task, future of function(task)) of each task, whichever is done first."""
    waiting: dict[Future, Any] = {}

    def done(timeout: float | None) -> list[tuple[Any, Future]]:
        finished, _ = wait(waiting, timeout, FIRST_COMPLETED)
        return [(waiting.pop(future), future) for future in finished]

    for task in tasks:
        waiting[executor.submit(_alone, function, task)] = task
        yield from done(0 if len(waiting) < LEAD else None)
    while waiting:
        yield from done(None)


def in_order(executor: Executor, function: Callable, tasks: Iterable, lead: int) -> Iterator:
    """function(task) of each task, in their order; no more than `lead` results wait for an earlier one."""
    waiting: deque[Future] = deque()
    for task in tasks:
        waiting.append(executor.submit(_alone, function, task))
        if len(waiting) >= lead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _alone(function: Callable, task: Any) -> Any:
    """One task at a time in a process, whatever its threads."""
    with turn():
        return function(task)
