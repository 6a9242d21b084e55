"""Executors that run tasks in this process or on Dask workers. Both are subclasses of concurrent.futures.Executor.

    tasks --submit--> Executor --as_done--> (task, future) as they finish      many scenes
                               --in_order--> results in the order of tasks   one scene, by its tiles

Dask replaces a worker that dies and gives its task to another one, so it must be safe to run a task twice.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from typing import Any

from rscodec.bitstreams.errors import InputError
from rscodec.concurrency.threads import turn

LOCAL = "local"
ONE_THREAD = {f"{library}_NUM_THREADS": 1 for library in ("OMP", "MKL", "OPENBLAS")}
LEAD = 1000  # most tasks that are submitted and not finished: enough for any cluster, and few enough for memory


class LocalExecutor(Executor):
    """Runs tasks in this process, one after the other."""

    def submit(self, function: Callable, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as problem:
            future.set_exception(problem)
        return future


@contextmanager
def executor_for(scheduler: str = LOCAL, workers: int = 1) -> Iterator[Executor]:
    """Create an executor: this process for one worker, `workers` processes on this machine for more, or the workers of
    the Dask scheduler at an address such as tcp://host:8786.
    """
    if scheduler == LOCAL and workers == 1:
        yield LocalExecutor()
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
    # Each worker is a new process with one thread. The tile bounds its memory, so Dask need not watch it. The
    # environment of Dask's nanny is replaced: it would make malloc return the memory of every layer to the system at
    # once, which takes longer than the network. Errors arrive with their tasks, so Dask's log is silenced: it would
    # only report heartbeats that the shutdown interrupts.
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
    """Yield (task, future of function(task)) for each task, in the order in which they finish."""
    waiting: dict[Future, Any] = {}

    def done(timeout: float | None) -> list[tuple[Any, Future]]:
        finished, _ = wait(waiting, timeout, FIRST_COMPLETED)
        return [(waiting.pop(future), future) for future in finished]

    for task in tasks:
        waiting[executor.submit(_locked, function, task)] = task
        yield from done(0 if len(waiting) < LEAD else None)
    while waiting:
        yield from done(None)


def in_order(executor: Executor, function: Callable, tasks: Iterable, lead: int) -> Iterator:
    """Yield function(task) for each task, in the order of the tasks. At most `lead` tasks are submitted ahead."""
    waiting: deque[Future] = deque()
    for task in tasks:
        waiting.append(executor.submit(_locked, function, task))
        if len(waiting) >= lead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _locked(function: Callable, task: Any) -> Any:
    """Run one task at a time in a process, whatever its number of threads."""
    with turn():
        return function(task)
