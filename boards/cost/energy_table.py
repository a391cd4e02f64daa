"""The table of energies: what netlists of small accelerators take while real data runs, by group of components."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from quadrille.hw.engine import Configuration

from .table import FOLDER

__all__ = ["FOLDER", "HELD_OUT", "EnergyRow", "EnergyTable"]

FILE = "energy.json"
HELD_OUT = frozenset(("digits 64x16", "convolutions 36x12", "convolutions array 3x6"))
"""Samples that are never fitted, chosen before anything was measured."""


@dataclass(frozen=True)
class EnergyRow:
    """A sample in cells of `target`, by `quadrille power`.

    `cycles` are those of an image in the run, `events` are counts of an image (see `events_of`); `groups` say of each
    group of components `area` in um2 and `flip_flops`, `clock` and `data`, the energies of an image in pJ at clock pins
    and everywhere else, and `leakage` in nW.
    """

    target: str
    name: str
    configuration: Configuration
    cycles: float
    events: Mapping[str, float]
    groups: Mapping[str, Mapping[str, float]]

    @property
    def area(self) -> float:
        """Of the whole, in um2, without memory macros."""
        return sum(group["area"] for group in self.groups.values())

    @property
    def energy(self) -> float:
        """Of an image in pJ, without leakage."""
        return sum(group["clock"] + group["data"] for group in self.groups.values())

    @property
    def leakage(self) -> float:
        """Of the whole, in nW."""
        return sum(group["leakage"] for group in self.groups.values())


class EnergyTable:
    """The rows by target and name."""

    def __init__(self, rows: Iterable[EnergyRow] = ()) -> None:
        self.rows = {(row.target, row.name): row for row in rows}

    @property
    def fitted(self) -> list[EnergyRow]:
        """The rows that are not held out."""
        return [row for (_, name), row in sorted(self.rows.items()) if name not in HELD_OUT]

    @property
    def held_out(self) -> list[EnergyRow]:
        """The others."""
        return [row for (_, name), row in sorted(self.rows.items()) if name in HELD_OUT]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> EnergyTable:
        """The table in `folder`; an empty one if there is none."""
        path = folder / FILE
        records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        return cls(
            EnergyRow(**{**record, "configuration": Configuration.from_record(record["configuration"])})
            for record in records
        )

    def add(self, row: EnergyRow) -> None:
        """In the place of the one that there is for the same."""
        self.rows[row.target, row.name] = row

    def write(self, folder: Path = FOLDER) -> None:
        """As a whole."""
        records = [
            {
                **vars(row),
                "configuration": row.configuration.record(),
                "events": {name: float(f"{value:.6g}") for name, value in sorted(row.events.items())},
                "groups": {
                    name: {what: float(f"{value:.5g}") for what, value in sorted(figures.items())}
                    for name, figures in sorted(row.groups.items())
                },
            }
            for _, row in sorted(self.rows.items())
        ]
        lines = ",\n".join(f" {json.dumps(record, sort_keys=True)}" for record in records)
        (folder / f"{FILE}.new").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        (folder / f"{FILE}.new").replace(folder / FILE)
