"""Folders that keep what was made of their inputs: the same inputs, and nothing is made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from .results import Result, digest, plain

__all__ = ["REPORT", "Kept", "hashes_of", "keep", "kept"]

REPORT = "report.json"
"""What says how a folder came about, and what its files must be."""
OF_THE_CALL = ("unchanged", "folder", "files")
"""Fields that a report leaves out: they are of the place and of the call."""


@dataclass(frozen=True, kw_only=True)
class Kept(Result):
    """What a verb made, and wrote into a folder.

    `inputs_hash` is of everything that decided what was made, and `hashes` are those of the files by name; `unchanged`
    says that all of it stood there already.
    """

    inputs_hash: str
    hashes: dict[str, str] = field(default_factory=dict)
    unchanged: bool = False
    folder: Path
    files: tuple[Path, ...] = ()


K = TypeVar("K", bound=Kept)


def hashes_of(files: Mapping[str, str | bytes]) -> dict[str, str]:
    """The hashes of contents by name."""
    return {name: digest(data.encode() if isinstance(data, str) else data) for name, data in sorted(files.items())}


def keep(result: K, files: Mapping[str, str | bytes]) -> K:
    """Write `files` and the report of `result` into its folder, which is replaced as a whole; the result, with them.

    Raises
    ------
    InvalidInput
        If the folder cannot be written.
    """
    from quadrille.hw.export import publish

    result = replace(result, hashes=hashes_of(files), files=_files(result.folder, files))
    stored = {name: value for name, value in plain(result).items() if name not in OF_THE_CALL}
    publish(result.folder, {**files, REPORT: json.dumps(stored, indent=2, sort_keys=True) + "\n"})
    return result


def kept(folder: Path, inputs_hash: str, record: Callable[..., K]) -> K | None:
    """What `folder` holds, if it was made of the same inputs and every file of it is as it was written.

    `record` makes the result of the fields of a report, in which every list is a tuple.
    """
    try:
        stored: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        if stored["inputs_hash"] != inputs_hash:
            return None
        if any(digest((folder / name).read_bytes()) != value for name, value in stored["hashes"].items()):
            return None
        fields = {name: _tupled(value) for name, value in stored.items()}
        return record(**fields, unchanged=True, folder=folder, files=_files(folder, stored["hashes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not ours, or of another version: it is made anew


def _files(folder: Path, names: Mapping[str, object]) -> tuple[Path, ...]:
    return tuple(folder / name for name in sorted([*names, REPORT]))


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
