"""Processes that each hold a model and compare chunks of images, over pipes to this one.

Plain programs and not `multiprocessing`: that would import the user's own main module again in every worker.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from .accelerator import read_accelerator
from .comparison import Chunk, Reference, compare
from .model import Model, SimulationFault
from .schedule import Schedule

__all__ = ["Workers", "serve"]


class Workers:
    """`count` processes for the accelerator in `folder`, ended with the context."""

    def __init__(self, count: int, folder: Path) -> None:
        command = [sys.executable, "-m", "quadrille.sim.workers", str(folder.absolute())]
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)
        ]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                # What a dead process has not read cannot be flushed.
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            process.wait()

    def run(self, shares: list[tuple[int, Any, Schedule]], finished: Callable[[Chunk], None]) -> list[Chunk]:
        """Compare `shares`, each the first image's number, the images and their schedule; the chunks in this order.

        Raises
        ------
        Exception
            The first that a worker raises, or SimulationFault if one ends by itself.
        """
        idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self.processes:
            idle.put(process)

        def one(share: tuple[int, Any, Schedule]) -> Chunk:
            process = idle.get()
            assert process.stdin is not None and process.stdout is not None
            try:
                pickle.dump(share, process.stdin)
                process.stdin.flush()
                answer = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                raise SimulationFault(f"Simulation process ended with status {process.wait()}") from None
            finally:
                idle.put(process)
            if isinstance(answer, Exception):
                raise answer
            return answer

        with ThreadPoolExecutor(len(self.processes)) as pool:
            futures = [pool.submit(one, share) for share in shares]
            try:
                for future in as_completed(futures):
                    finished(future.result())
            except BaseException:
                # An interrupt shall not wait for simulations: without its process, a thread's read ends at once.
                for future in futures:
                    future.cancel()
                for process in self.processes:
                    process.kill()
                raise
            return [future.result() for future in futures]


def serve(folder: str, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each pickled share with its Chunk, or with the exception, until there are no more."""
    accelerator = read_accelerator(folder)
    references = [Reference(shown) for shown in accelerator.shown]
    with Model(accelerator.manifest) as model:
        while True:
            try:
                start, images, schedule = pickle.load(requests)
            except EOFError:
                return
            try:
                answer: Any = compare(accelerator, model, references, start, images, schedule)
            except Exception as error:
                answer = error
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    # An interrupt is the parent's to hear, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
