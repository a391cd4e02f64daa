"""The slowest path of a placed design, by the modules that it goes through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CriticalPath", "Segment"]


@dataclass(frozen=True)
class Segment:
    """A part of a path within one module: ns in cells (`logic`) and on wires (`routing`)."""

    module: str
    logic: float
    routing: float
    cells: int


@dataclass(frozen=True)
class CriticalPath:
    """From the register `start` to the register `end` in `delay` ns, through `segments` in order."""

    start: str
    end: str
    delay: float
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, report: Mapping[str, Any], clock: str) -> CriticalPath | None:
        """The critical path of `clock` within itself in nextpnr's report; none if it has none."""
        path = next(
            (
                entry["path"]
                for entry in report["critical_paths"]
                if all(entry[end].partition(" ")[2] == clock for end in ("from", "to"))  # "posedge clk"
            ),
            None,
        )
        if not path:
            return None
        start, end = path[0]["from"]["cell"], path[-1]["to"]["cell"]
        segments: list[Segment] = []
        module = module_of(start)
        for step in path:
            # A cell that Yosys made of logic has no name of its own: it belongs to the last module that is named.
            module = module_of(step["to"]["cell"]) or module_of(step.get("net", "")) or module
            routing = step["delay"] if step["type"] == "routing" else 0.0
            logic = step["delay"] - routing
            cells = int(step["type"] in ("logic", "clk-to-q"))
            if segments and segments[-1].module == module:
                last = segments.pop()
                logic, routing, cells = logic + last.logic, routing + last.routing, cells + last.cells
            segments.append(Segment(module, logic, routing, cells))
        return cls(register_of(start), register_of(end), sum(step["delay"] for step in path), tuple(segments))


def module_of(cell: str) -> str:
    """The instance that a cell of a flattened netlist lies in: `edge.macro_0` of `edge.macro_0.sum_LUT4`."""
    modules: list[str] = []
    for part in _plain(cell).split(".")[:-1]:
        if "$" in part or "__" in part:
            break  # a port, whose fields have names behind dots as well
        modules.append(part)
    return ".".join(modules)


def register_of(cell: str) -> str:
    """The signal that a register holds, by the name of its cell: `macro.sum` of `macro.sum_TRELLIS_FF_Q_3`."""
    return re.split(r"_(?:TRELLIS_FF|DP16KD|PDPW16KD|MULT18X18D|SB_[A-Z0-9]+)", _plain(cell))[0]


def _plain(cell: str) -> str:
    """`cell` without Yosys' marks: $flatten\\accelerator.\\macro.$procdff$12 is accelerator.macro.$procdff$12."""
    name = cell.replace("\\", "")
    name = name.removeprefix("$flatten")
    return "" if name.startswith("$") else name
