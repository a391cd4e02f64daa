"""Files that appear whole or not at all, also when the program is interrupted."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from quadrille.algo.spec import InvalidInput

__all__ = ["publish"]


def publish(folder: Path | str, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` (contents by name) into `folder`, which is made if it is not there, and return the folder.

    A name may have folders in it: `layout/config.mk`.

    Everything is written into a hidden folder inside it and then renamed into place in one go with Ctrl-C held back,
    so that what stood there before is either untouched or replaced; other files in `folder` stay.

    Raises
    ------
    InvalidInput
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    staging: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_bytes(data)
        with _interrupt_held_back():
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (staging / name).replace(folder / name)
        made = []
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(f"Output folder must be writable, and {folder} is not: {reason}") from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for path in made:
            # Folders that only this call made, and only where still empty: an interrupted call leaves no trace.
            try:
                path.rmdir()
            except OSError:
                break
    return folder


@contextmanager
def _interrupt_held_back() -> Iterator[None]:
    """Deliver a Ctrl-C that comes within at the end.

    By a handler and not by a signal mask: that would hold it back from this thread alone, and any other thread of the
    process (those of torch, or of a progress bar) would take it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python interrupts the main thread only
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
