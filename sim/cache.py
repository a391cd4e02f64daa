"""The cache of built models: folders named after the hash of all that went into them, each made once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

__all__ = ["cache_folder", "cached", "content_key"]


def cache_folder() -> Path:
    """Where built models are kept: `$QUADRILLE_CACHE`, else `quadrille` in the user's cache folder.

    It may be deleted at any time when nothing is being built.
    """
    chosen = os.environ.get("QUADRILLE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "quadrille"


def content_key(parts: Any) -> str:
    """A name for `parts`, anything that JSON holds: equal parts, equal name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def cached(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of `kind` named `key`; if it is not there, `make` fills an empty folder that then becomes it.

    A second process that wants the same one waits for the first. Nothing remains of a `make` that fails or is
    interrupted.

    Raises
    ------
    InvalidInput
        If the cache cannot be written.
    """
    folder = cache_folder() / kind / key
    if folder.is_dir():
        return folder
    with _writable(cache_folder()):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{key}.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        with _writable(cache_folder()):
            staging = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
        try:
            make(staging)
            staging.chmod(0o755)
            staging.replace(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            # Whoever waits holds the file open and looks for the folder next, so the name can go.
            Path(lock.name).unlink(missing_ok=True)
    return folder


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(f"Cache folder must be writable, and {folder} is not: {reason}") from None
