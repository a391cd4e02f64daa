"""What studies of cost share: their records on disk, the targets that are there, and tables of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from .results import Result, listed, read_json

__all__ = [
    "FILES",
    "RESULTS",
    "TARGETS",
    "CostStudy",
    "check_names",
    "find_targets",
    "markdown_table",
    "read_records",
    "records_bytes",
    "records_csv",
]

Record = Mapping[str, Any]

SCHEMA = 1
RESULTS = "results.json"
FILES = (RESULTS, "study.md", "study.csv", "study.png")
TARGETS = ("ultrascale+", "ecp5", "nangate45", "sky130hd", "asap7")


@dataclass(frozen=True)
class CostStudy(Result):
    """A finished study: its records, what they show, and its files."""

    options: dict[str, Any]
    records: tuple[dict[str, Any], ...]
    skipped: tuple[str, ...]
    findings: tuple[str, ...]
    folder: Path
    files: tuple[Path, ...]

    def measured(self) -> str:
        """What was measured, for the first line."""
        return f"{len(self.records)} syntheses"

    def summary(self) -> Sequence[tuple[str, str]]:
        """What was measured, and what it shows."""
        return [
            ("measured", self.measured()),
            *(("skipped", sentence) for sentence in self.skipped),
            *(("finding", sentence) for sentence in self.findings),
            ("files", listed(self.folder, self.files)),
        ]


def check_names(noun: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that are not among `known`, and none at all.

    Raises
    ------
    InvalidInput
        If a name is unknown, or there is none.
    """
    for name in given:
        if name not in known:
            raise InvalidInput(f"{noun} of the study must be one of {', '.join(known)}, not {name!r}")
    if not given:
        raise InvalidInput(f"{noun} of the study must be one or more of {', '.join(known)}, not none")


def find_targets(names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The targets that are there, cell libraries first, and a sentence for each that is not."""
    from quadrille.boards.targets import CellLibrary, find_target

    found: dict[str, Any] = {}
    skipped: list[str] = []
    for name in names:
        try:
            found[name] = find_target(name)
        except InvalidInput as error:
            skipped.append(f"{name} was left out: {error}")
    order = sorted(found, key=lambda name: not isinstance(found[name], CellLibrary))
    return {name: found[name] for name in order}, skipped


def read_records(folder: Path, wanted: Mapping[str, Any], **empty: Any) -> dict[str, Any]:
    """What `folder` has of the study of the options `wanted` already; of a new one, schema, options and `empty`.

    Raises
    ------
    InvalidInput
        If there is a study of another schema or other options.
    """
    fresh = {"schema": SCHEMA, "options": dict(wanted), **empty}
    if not (folder / RESULTS).exists():
        return fresh
    records = read_json(folder / RESULTS, "Results of the study")
    if records.get("schema") != SCHEMA or not set(fresh) <= set(records):
        raise InvalidInput(f"Results of the study in {folder} must be of schema {SCHEMA}, and are not")
    if records["options"] != fresh["options"]:
        raise InvalidInput(f"Study in {folder} must have the options {wanted} to go on, not {records['options']}")
    return records


def records_bytes(records: Record) -> bytes:
    """What stands in results.json: a line for each object within a list or within an object, and for all else."""
    return (
        "{\n" + ",\n".join(f" {json.dumps(key)}: {_lines(value)}" for key, value in records.items()) + "\n}\n"
    ).encode()


def _lines(value: Any) -> str:
    if isinstance(value, list):
        lines = ",\n".join(f"  {json.dumps(each)}" for each in value)
        return f"[\n{lines}\n ]"
    if isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in value.values()):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in value.items())
        return f"{{\n{lines}\n }}"
    return json.dumps(value)


def records_csv(records: Sequence[Record]) -> str:
    """A line for each record."""
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for record in records:
        writer.writerow([_cell(record.get(name, "")) for name in names])
    return text.getvalue()


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows)]
