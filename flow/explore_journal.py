"""What an exploration has found so far, a line for each point, on disk as soon as it is known."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from .results import read_json

__all__ = ["JOURNAL", "Journal"]

SCHEMA = 1
OPTIONS = "exploration.json"
JOURNAL = "points.jsonl"


class Journal:
    """The records in `folder`: of variants by name, of points by number, each once.

    Lines are appended and brought to the disk together; a line that a crash has cut short is not there.

    Raises
    ------
    InvalidInput
        If the folder has, with `resume`, an exploration of other `options`, or cannot be written.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any], resume: bool) -> None:
        from quadrille.hw.export import publish

        self.path = folder / JOURNAL
        self.variants: dict[str, dict[str, Any]] = {}
        self.points: dict[int, dict[str, Any]] = {}
        wanted = {"schema": SCHEMA, **options}
        going_on = resume and (folder / OPTIONS).exists()
        if going_on:
            found = read_json(folder / OPTIONS, "Exploration's options")
            for name, value in wanted.items():
                if found.get(name) != value:
                    raise InvalidInput(
                        f"Exploration in {folder} must have the {name} that it was begun with, "
                        f"{json.dumps(found.get(name))}, to go on, not {json.dumps(value)}"
                    )
        else:
            # In this order, that an interrupted beginning is none: options without points can be gone on with.
            publish(folder, {})
            self.path.unlink(missing_ok=True)
            publish(folder, {OPTIONS: json.dumps(wanted, indent=1) + "\n"})
        self._read()

    def _read(self) -> None:
        """What is there, and the end of the file where a whole line ends."""
        data = self.path.read_bytes() if self.path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                record = json.loads(line)
                self._take(record)
            except (ValueError, KeyError, TypeError):
                raise InvalidInput(f"Line {number} of {self.path} must be a record of a point, and is not") from None
        if whole != data:
            with self.path.open("r+b") as file:
                file.truncate(len(whole))

    def _take(self, record: dict[str, Any]) -> None:
        if "variant" in record:
            self.variants.setdefault(record["variant"], record)
        else:
            self.points.setdefault(record["point"], record)

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Append `records`, all of them to the disk before this returns."""
        kept = list(records)
        with self.path.open("ab") as file:
            file.write("".join(json.dumps(record) + "\n" for record in kept).encode())
            file.flush()
            os.fsync(file.fileno())
        for record in kept:
            self._take(record)
