"""A share of a verification, wherever it is done: a process that is asked again keeps what it has opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from .accelerator import Accelerator, read_accelerator
from .comparison import Chunk, Reference, compare
from .model import Model
from .schedule import Schedule

__all__ = ["compare_share", "compare_shares", "contents_of"]


def contents_of(accelerator: Accelerator) -> str:
    """What tells an accelerator and its program from others."""
    return f"{accelerator.manifest.content_hash} {accelerator.description['content_hash']}"


def compare_shares(
    pool: Executor,
    accelerator: Accelerator,
    requests: Sequence[tuple[int, Any, Schedule]],
    finished: Callable[[Chunk], None],
) -> list[Chunk]:
    """The chunks of `requests`, each the first image's number, the images and their schedule, in this order.

    Raises
    ------
    Exception
        The first that a worker of `pool` raises.
    """
    folder, contents = str(accelerator.folder.absolute()), contents_of(accelerator)
    futures = [pool.submit(compare_share, folder, contents, *request) for request in requests]
    try:
        for future in as_completed(futures):
            finished(future.result())
    finally:
        for future in futures:
            future.cancel()
    return [future.result() for future in futures]


def compare_share(folder: str, contents: str, start: int, images: Any, schedule: Schedule) -> Chunk:
    """Simulate `images`, the first of which is number `start`, on the accelerator in `folder`, and compare.

    Raises
    ------
    InvalidInput
        If the folder is not there, where this is called, with these `contents`.
    """
    # A model simulates one thing at a time, and a worker may have several threads.
    accelerator, model, references = _opened(folder, contents, threading.get_ident())
    return compare(accelerator, model, references, start, images, schedule)


@lru_cache(maxsize=4)
def _opened(folder: str, contents: str, thread: int) -> tuple[Accelerator, Model, list[Reference]]:
    del thread
    found = read_accelerator(folder) if Path(folder).is_dir() else None
    if found is None or contents_of(found) != contents:
        raise InvalidInput(f"Folder {folder} must be there for every worker, as it is here, and is not for one")
    return found, Model(found.manifest), [Reference(shown) for shown in found.shown]
