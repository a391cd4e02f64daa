"""Where work is done that can be done side by side: here, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from quadrille.algo.spec import InvalidInput, MissingTool

__all__ = ["InTurn", "as_done", "executor", "workers_of"]

T = TypeVar("T")
TaskT = TypeVar("TaskT")

ANSWER_SECONDS = 10
"""How long a scheduler may take to answer."""

AHEAD = 2
"""Tasks for each worker that have been handed out: none waits for the next, and an end is not far."""


class InTurn(Executor):
    """This process alone: a call is made when it is submitted."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call `fn` now; an interrupt is not kept for later."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def executor(jobs: int = 1, scheduler: str | None = None) -> Iterator[Executor]:
    """`jobs` processes of this machine, for one job this process itself; or the workers of the cluster whose scheduler
    is at `scheduler`, as many as there are.

    Functions must be those of modules, and calls such that it does no harm to make one again: that is done when a
    worker dies. An exception, an interrupt too, ends processes at once and takes back what a cluster has not begun.

    Raises
    ------
    InvalidInput
        If `jobs` is no positive integer, or the scheduler does not answer or has no workers that can do the work.
    MissingTool
        If a scheduler is given and distributed is not installed.
    """
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise InvalidInput(f"Number of jobs must be a positive integer, not {jobs!r}")
    if scheduler is not None:
        with _cluster(scheduler) as pool:
            yield pool
    elif jobs == 1:
        yield InTurn()
    else:
        from quadrille.sim.workers import Processes

        with Processes(jobs) as pool:
            yield pool


def workers_of(pool: Executor) -> int:
    """How many calls `pool` makes at a time."""
    return getattr(pool, "count", 1)


def as_done(
    pool: Executor, function: Callable[..., T], tasks: Iterable[tuple[TaskT, Sequence[Any]]]
) -> Iterator[tuple[TaskT, T]]:
    """Each task and what `function` makes of its arguments, in the order in which they are done.

    No more is handed out than keeps all workers busy. The first exception ends it.
    """
    most = 1 if isinstance(pool, InTurn) else AHEAD * workers_of(pool)
    left = iter(tasks)
    running: dict[Future[T], TaskT] = {}
    try:
        while True:
            while len(running) < most and (following := next(left, None)) is not None:
                task, arguments = following
                running[pool.submit(function, *arguments)] = task
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise MissingTool(
            "Package distributed is missing, which --scheduler needs: install quadrille[cluster]"
        ) from None

    class Connection(Client):
        def __del__(self) -> None:
            """Nothing: one that never was would wait for its own end."""

    try:
        with _quietly():
            client: Any = Connection(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise InvalidInput(f"Scheduler must answer, and {address} does not: {reason}") from None
    try:
        _check_workers(client, address)
        pool = client.get_executor(pure=False)
        pool.count = sum(client.nthreads().values())
        with warnings.catch_warnings():
            # Images are large, and are meant to be sent.
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            try:
                yield pool
            finally:
                pool.shutdown(wait=False)
    finally:
        with _quietly():
            client.close()


def _check_workers(client: Any, address: str) -> None:
    """Refuse a cluster that cannot do the work."""
    if not client.nthreads():
        raise InvalidInput(f"Scheduler must have workers, and {address} has none")
    here = version_here()
    there = client.run(importlib.metadata.version, "quadrille", on_error="return")
    wrong = {worker: version for worker, version in there.items() if version != here}
    if wrong:
        worker, version = next(iter(wrong.items()))
        found = "none" if isinstance(version, Exception) else version
        raise InvalidInput(f"Workers must have version {here} of quadrille installed, and {worker} has {found}")


def version_here() -> str:
    """What workers must have too: functions go to them by name."""
    return importlib.metadata.version("quadrille")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the log of connections that fail or are closed: one sentence says what is the matter."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
