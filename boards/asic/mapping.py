"""From registers and logic to the cells of a library: the commands of Yosys and ABC that map, gate clocks and size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from quadrille.algo.spec import InvalidInput

from ..targets import CellLibrary
from .liberty import Cell, Library, open_library

__all__ = ["PORT_LOAD", "ClockGate", "Mapping", "driving_cell", "smallest_nand"]

PORT_LOAD = 1.0  # fF at an output port, while cells are sized
LEAST_GATED = 4  # registers of one enable
LEAST_CELLS = 20  # of a library: ABC's `map` breaks down where there are but a few
GATE = "clock_gating_integrated_cell"
FOR_DELAY = (
    "+strash;&get,-n;&fraig,-x;&put;scorr;strash;dch,-f;map,-B,0.9;topo;buffer,-c;upsize;dnsize;stime,-p"  # of ABC
)
FOR_PERIOD = (
    "+strash;&get,-n;&fraig,-x;&put;scorr;dc2;strash;dch,-f;map,-B,0.9,{D};topo;"
    "buffer,-c;upsize,{D};dnsize,{D};stime,-p"
)


class ClockGate(NamedTuple):
    """A cell that gates a clock: pins for clock, enable and gated clock, and those that are tied low."""

    name: str
    clock: str
    enable: str
    gated: str
    tied: tuple[str, ...] = ()


class Mapping:
    """A cell library as Yosys and ABC take it: its files, what is not taken of it, and how cells are sized.

    Files are written into `folder`, which must stay until Yosys has run.

    Raises
    ------
    InvalidInput
        If a Liberty file cannot be used.
    """

    def __init__(self, target: CellLibrary, folder: Path) -> None:
        self.library = open_library(target.files)
        files = [_plain(path, text, folder) for path, text in self.library.texts.items()]
        self.sizing = folder / "sizing"
        # With a file of constraints ABC also buffers and sizes, for speed. A free driver would make large cells free.
        driver = driving_cell(self.library, target.dont_use)
        text = (f"set_driving_cell {driver}\n" if driver else "") + f"set_load {PORT_LOAD}\n"
        self.sizing.write_text(text, encoding="utf-8")
        self.liberty = " ".join(f"-liberty {path}" for path in files)
        self.shunned = " ".join(f"-dont_use {pattern}" for pattern in target.dont_use)

    def commands(self, *, clocked: bool) -> list[str]:
        """Registers first, then logic; of `clocked` designs see `synthesize_netlist`."""
        script = f" -script {FOR_DELAY}" if clocked and self.is_large else ""
        return [
            *(self.gate_clocks if clocked else ()),
            self.map_registers,
            f"abc {self.liberty} {self.shunned} -constr {self.sizing}{script}",
        ]

    @property
    def is_large(self) -> bool:
        """Whether there are cells enough for scripts of one's own."""
        return len(self.library.names) >= LEAST_CELLS

    @property
    def gate_clocks(self) -> tuple[str, ...]:
        """The command that gives registers of one enable a gated clock; none if the library has no cell for that."""
        gate = self.clock_gate
        if gate is None:
            return ()
        options = "".join(f" -tie_lo {pin}" for pin in gate.tied)
        pins = f"{gate.enable}:{gate.clock}:{gate.gated}"
        return (f"clockgate -pos {gate.name} {pins}{options} -min_net_size {LEAST_GATED}",)

    @property
    def clock_gate(self) -> ClockGate | None:
        """The library's cell that gates the clock of rising registers; none if it has none."""
        gates = [_clock_gate(self.library[name]) for name in self.library.names if GATE in self.library.text(name)]
        # The fewest pins to tie first, such as those that open the gate for a test, then the smallest.
        return min((gate for gate in gates if gate is not None), default=(0, 0.0, None))[2]

    @property
    def map_registers(self) -> str:
        """The command that maps registers."""
        return f"dfflibmap {self.liberty} {self.shunned}"

    def map_logic(self, delay: float | None) -> str:
        """The command that maps logic for paths of `delay` ns in no more area than that takes; without, for speed."""
        script = f" -script {FOR_PERIOD}" if self.is_large else ""
        target = "" if delay is None else f" -D {delay * 1000:.0f}"
        return f"abc {self.liberty} {self.shunned} -constr {self.sizing}{script}{target}"


def _clock_gate(cell: Cell) -> tuple[int, float, ClockGate | None] | None:
    """Pins to tie, area, name and pins of a cell that gates a clock as rising registers need it."""
    if cell.clock_gate is None or not cell.gates_rising:
        return None
    clock, enable, gated = cell.clock_gate
    tied = tuple(name for name, pin in cell.pins.items() if pin.direction == "input" and name not in (clock, enable))
    return len(tied), cell.area, ClockGate(cell.name, clock, enable, gated, tied)


def driving_cell(library: Library, dont_use: Sequence[str] = ()) -> str | None:
    """The smallest inverter, which is taken to drive every input port; none if there is none."""
    names = [name for name in library.names if re.search(r"(?i)inv", name)]
    names = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in dont_use)]
    return min(names, key=lambda name: library[name].area) if names else None


def smallest_nand(library: Library) -> float:
    """The area of the smallest two-input NAND, in um2.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    names = [name for name in library.names if re.search(r"(?i)nand2(?!b)", name)]
    if not names:
        raise InvalidInput(f"Cell library of {library.files[0].name} must have a two-input NAND, and has none")
    return min(library[name].area for name in names)


def _plain(path: Path, text: str, folder: Path) -> Path:
    """`path` itself, or its text where it is compressed: not every build of ABC reads gzip."""
    if path.suffix != ".gz":
        return path.resolve()
    copy = folder / path.stem
    copy.write_text(text, encoding="utf-8")
    return copy
