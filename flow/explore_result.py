"""What an exploration shows: how many points there are, and a table of those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from .results import Result, listed, percent
from .tables import table_html, table_text

__all__ = ["Exploration"]

SHOWN = 40
"""Lines of the front in the table; all are in pareto.csv."""

SHAPE = ("rows", "columns", "macros", "lanes", "cycles", "area", "energy", "accuracy")
"""What the table of the front always has; beside it, what differs, but for HIDDEN."""

HIDDEN = ("point", "command")


@dataclass(frozen=True)
class Exploration(Result):
    """A finished exploration: how many points there are, what became of them, the front, and its files."""

    title: ClassVar[str] = "Exploration"

    network: str
    target: str
    clock: float | None
    points: int
    costed: int
    skipped: dict[str, int]
    variants: tuple[dict[str, Any], ...]
    objectives: tuple[str, ...]
    front: tuple[dict[str, Any], ...]
    seconds: float
    jobs: int
    folder: Path
    files: tuple[Path, ...]

    def summary(self) -> Sequence[tuple[str, str]]:
        """How many points, why some are none, the arithmetics."""
        return [
            ("network", self.network),
            ("points", f"{self.costed:,} of {self.points:,} can be, costed for {self.target} in {self.seconds:.1f} s"),
            *(("skipped", f"{count:,}: {reason}") for reason, count in self.skipped.items()),
            *(
                (f"arithmetic {each['variant']}", each.get("skipped") or percent(each["accuracy"]))
                for each in self.variants
            ),
            ("front", f"{len(self.front)} points by {', '.join(self.objectives)}"),
            ("files", listed(self.folder, self.files)),
        ]

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """The table of the front: its headings, and a line for each point."""
        values = {name: {str(each.get(name)) for each in self.front} for name in self.front[0]}
        columns = [name for name in values if name in SHAPE or (len(values[name]) > 1 and name not in HIDDEN)]
        cells = [[_cell(name, each.get(name)) for name in columns] for each in self.front[:SHOWN]]
        return [name.replace("_", " ") for name in columns], cells

    def __str__(self) -> str:
        if not self.front:
            return super().__str__()
        left = len(self.front) - SHOWN
        more = f"\n... and {left} more in pareto.csv" if left > 0 else ""
        best = f"\n\nThe first of them:\n  {self.front[0]['command']}"
        return f"{super().__str__()}\n\n{table_text(*self.cells())}{more}{best}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + (table_html(*self.cells()) if self.front else "")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "own" if name == "adc_bits" else ""
    if name == "accuracy":
        return percent(value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
