"""Processes that call functions for this one, over pipes: an executor of `concurrent.futures`.

Plain programs and not `multiprocessing`: that would import the user's own main module again in every worker.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, TypeVar

from quadrille.algo.spec import QuadrilleError

__all__ = ["Processes", "WorkerFault", "serve"]

T = TypeVar("T")

LENGTH = struct.Struct("<Q")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What numerical libraries read when they are loaded: by default each would take every processor."""


class WorkerFault(QuadrilleError, RuntimeError):
    """A process that worked for this one ended by itself."""


class Processes(Executor):
    """`count` processes, each started when it is first needed, and ended with the context; at once if that ends in an
    exception.

    Functions must be those of modules. A process that ends by itself, whoever killed it, is replaced and its call made
    again, once: calls must be such that it does no harm.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.threads = ThreadPoolExecutor(count)
        self.idle: SimpleQueue[subprocess.Popen[bytes] | None] = SimpleQueue()
        for _ in range(count):
            self.idle.put(None)
        self.lock = threading.Lock()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.ended = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call `fn` in a process.

        The future raises what it raises, or WorkerFault if two processes in turn end by themselves.
        """
        return self.threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the processes end when what was submitted is done."""
        self.threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self.kill()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            # An interrupt shall not wait for the work: without its process, a thread's read ends at once.
            self.threads.shutdown(wait=False, cancel_futures=True)
            self.kill()
        self.shutdown()

    def kill(self) -> None:
        """End all processes now; none is started any more."""
        with self.lock:
            self.ended = True
            processes, self.processes = self.processes, []
        for process in processes:
            _end(process)

    def _call(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        request = pickle.dumps((fn, args, kwargs), pickle.HIGHEST_PROTOCOL)
        process, status = self.idle.get(), 0
        try:
            for _ in range(2):
                if process is None:
                    process = self._started()
                assert process.stdin is not None and process.stdout is not None
                try:
                    _send(process.stdin, request)
                    answer = _receive(process.stdout)
                except (EOFError, OSError, ValueError):
                    # A pipe that breaks, or that `kill` has closed.
                    status, process = _end(process), None
                    continue
                done, value = pickle.loads(answer)
                if done:
                    return value
                raise value
        finally:
            self.idle.put(process)
        raise WorkerFault(f"Worker process must go on to its end, and ended with status {status}")

    def _started(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        share = str(max(1, (os.cpu_count() or 1) // self.count))
        for name in THREADS:
            environment.setdefault(name, share)
        command = [sys.executable, "-m", "quadrille.sim.workers"]
        with self.lock:
            if self.ended:
                raise WorkerFault("Worker processes must not be asked for more after their end")
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            self.processes.append(process)
        return process


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill a process that may have ended; its status."""
    process.kill()
    status = process.wait()
    for pipe in (process.stdin, process.stdout):
        # What a dead process has not read cannot be flushed.
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    return status


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """The next message; EOFError if there is none, or only a part."""
    head = pipe.read(LENGTH.size)
    message = pipe.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
    if len(head) < LENGTH.size or len(message) < LENGTH.unpack(head)[0]:
        raise EOFError
    return message


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each call with whether it came to its end, and its value or exception, until there are no more."""
    while True:
        try:
            request = _receive(requests)
        except EOFError:
            return
        try:
            fn, args, kwargs = pickle.loads(request)
            answer = pickle.dumps((True, fn(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            answer = _failure(error)
        _send(answers, answer)


def _failure(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:  # an exception whose constructor takes something else than its sentence
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer


if __name__ == "__main__":
    # An interrupt is the parent's to hear, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a function prints must not come between the answers.
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, own)
