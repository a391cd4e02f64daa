"""The folder of a training while it runs: a checkpoint to resume from, and nothing left of one that never began."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quadrille.algo.spec import InvalidInput

__all__ = ["training_in"]


@contextmanager
def training_in(folder: Path, *, resume: bool) -> Iterator[Path]:
    """The checkpoint in `folder`, which is made; one that is there is removed unless it is to `resume` from.

    A training that fails leaves the folder only if it had been there or has something in it.

    Raises
    ------
    InvalidInput
        If the folder cannot be written, or the checkpoint not removed: before the work, not after it.
    """
    from quadrille.hw.export import publish

    checkpoint, made = folder / "checkpoint.pt", not folder.exists()
    publish(folder, {})
    try:
        if not resume:
            checkpoint.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"Checkpoint {checkpoint} must be removable: {error.strerror or error}") from None
    try:
        yield checkpoint
    except BaseException:
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise
