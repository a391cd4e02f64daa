"""Cell libraries in Liberty form: the parts of it that area, timing, energy and simulation of a netlist need."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from quadrille.algo.spec import InvalidInput

from .groups import Group, parse_group
from .tables import Table

__all__ = ["Arc", "Cell", "FlipFlop", "Library", "Pin", "open_library", "read_text"]

CELL = re.compile(r'^[ \t]*cell\s*\(\s*"?([^"\s)]+)"?\s*\)\s*\{', re.MULTILINE)
PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
EDGES = ("rising_edge", "falling_edge")


@dataclass(frozen=True)
class Arc:
    """A way from the pin `related`: delays and slews in ns over (slew in ns, load in fF).

    Of a constraint `rise` and `fall` are its times over the slews of data and clock.
    """

    related: str
    kind: str
    sense: str
    rise: Table
    fall: Table
    rise_slew: Table
    fall_slew: Table


@dataclass(frozen=True)
class Pin:
    """A pin of a cell; capacitance in fF, energy tables in fJ for each way in which it switches."""

    name: str
    direction: str
    capacitance: float
    function: str
    arcs: tuple[Arc, ...]
    energies: tuple[tuple[str, Table, Table], ...]
    """The related pin (or none), and the energy of rising and of falling."""


@dataclass(frozen=True)
class FlipFlop:
    """The state of a flip-flop: names of the state and of its complement, and what it becomes."""

    state: str
    complement: str
    next_state: str
    clocked_on: str


@dataclass(frozen=True)
class Cell:
    """A cell: area in um2, leakage in nW; of one that gates a clock its pins for clock, enable and gated clock."""

    name: str
    area: float
    leakage: float
    pins: dict[str, Pin]
    flip_flop: FlipFlop | None
    clock_gate: tuple[str, str, str] | None = None
    is_latch: bool = False
    gates_rising: bool = False
    """Whether it is a clock gate whose clock rests low, for registers that take their input when it rises."""

    @property
    def clock_pins(self) -> set[str]:
        """Pins that clock the state."""
        if self.clock_gate is not None:
            return {self.clock_gate[0]}
        return set() if self.flip_flop is None else set(re.findall(r"\w+", self.flip_flop.clocked_on))


def open_library(files: Sequence[Path]) -> Library:
    """The library of `files`, read again only when one of them has changed.

    Raises
    ------
    InvalidInput
        If a file cannot be read.
    """
    for path in files:
        if not path.is_file():
            raise InvalidInput(f"Liberty file must be a file, and {path} is none")
    return _opened(tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _opened(files: tuple[tuple[Path, int], ...]) -> Library:
    return Library([path for path, _ in files])


def read_text(path: Path) -> str:
    """The text of a Liberty file, which may be compressed by gzip.

    Raises
    ------
    InvalidInput
        If it cannot be read or holds no cells.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", errors="replace")
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"Liberty file must be readable, and {path} is not: {reason}") from None
    if not CELL.search(text):
        raise InvalidInput(f"Liberty file must hold cells, and {path} has none")
    return text


class Library:
    """The cells of several Liberty files, each parsed when it is first asked for.

    Raises
    ------
    InvalidInput
        If a file cannot be read or holds no cells, or an asked cell is in none of them.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._cells: dict[str, Cell] = {}

    @cached_property
    def texts(self) -> dict[Path, str]:
        """The text of each file."""
        return {path: read_text(path) for path in self.files}

    @cached_property
    def _sources(self) -> dict[str, tuple[str, int, _Units]]:
        """Text, place and units of every cell."""
        found: dict[str, tuple[str, int, _Units]] = {}
        for text in self.texts.values():
            places = [(match.group(1), match.start()) for match in CELL.finditer(text)]
            head = parse_group(text[: places[0][1]])
            units = _Units.of(head)
            found.update({name: (text, place, units) for name, place in places})
        return found

    @property
    def voltage(self) -> float:
        """The nominal supply, in volts."""
        return next(iter(self._sources.values()))[2].volts

    @property
    def units(self) -> tuple[float, float]:
        """What one unit of time is in ns, and one of capacitance in fF, in the first of the files."""
        units = next(iter(self._sources.values()))[2]
        return units.time, units.load

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all cells."""
        return tuple(self._sources)

    def __getitem__(self, name: str) -> Cell:
        if name not in self._cells:
            group = self.group(name)
            self._cells[name] = _cell(group, self._sources[name][2])
        return self._cells[name]

    def group(self, name: str) -> Group:
        """All that the file says of the cell `name`."""
        return parse_group(self.text(name))

    def text(self, name: str) -> str:
        """The same as it stands there."""
        if name not in self._sources:
            raise InvalidInput(f"Library of {self.files[0].name} must have the cell {name!r}, and has it not")
        text, place, _ = self._sources[name]
        following = CELL.search(text, place + 1)
        return text[place : following.start() if following else len(text)]


@dataclass(frozen=True)
class _Units:
    """What one unit of a file is, in ns, fF, fJ, nW and V, and its templates of tables."""

    time: float
    load: float
    energy: float
    power: float
    volts: float
    templates: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, head: Group) -> _Units:
        load_number, load_unit = head.attributes.get("capacitive_load_unit", ("1", "pf"))
        load = float(load_number) * PREFIXES[load_unit.lower()[:-1]] * 1e15
        volt = _unit(head.text("voltage_unit", "1V"), "V")
        templates = {
            group.arguments[0]: tuple(
                group.text(f"variable_{n}") for n in (1, 2) if f"variable_{n}" in group.attributes
            )
            for group in head.all("lu_table_template", "power_lut_template")
        }
        return cls(
            time=_unit(head.text("time_unit", "1ns"), "s") * 1e9,
            load=load,
            # As the format defines it: the unit of capacitance times that of voltage squared.
            energy=load * volt**2,
            power=_unit(head.text("leakage_power_unit", "1nW"), "W") * 1e9,
            volts=head.number("nom_voltage", 1.0) * volt,
            templates=templates,
        )


def _unit(text: str, noun: str) -> float:
    match = re.fullmatch(r"([\d.]+)\s*(\w?)" + noun, text.strip())
    return float(match.group(1)) * PREFIXES[match.group(2).lower()] if match else 1.0


def _cell(group: Group, units: _Units) -> Cell:
    pins = {pin.arguments[0]: _pin(pin, units) for pin in group.all("pin")}
    states = list(group.all("ff"))
    flip_flop = None
    if states:
        state, complement = (*states[0].arguments, "", "")[:2]
        flip_flop = FlipFlop(state, complement, states[0].text("next_state"), states[0].text("clocked_on"))
    # Where a file gives leakage by state alone, the mean over the states stands for the cell.
    by_state = [each.number("value") for each in group.all("leakage_power") if each.text("related_pg_pin") != "VSS"]
    mean = sum(by_state) / len(by_state) if by_state else 0.0
    leakage = group.number("cell_leakage_power", mean) * units.power
    gate, style = None, group.text("clock_gating_integrated_cell")
    if style:
        kinds = [f"clock_gate_{kind}_pin" for kind in ("clock", "enable", "out")]
        found = [[pin.arguments[0] for pin in group.all("pin") if pin.text(kind) == "true"] for kind in kinds]
        gate = (found[0][0], found[1][0], found[2][0]) if all(found) else None
    return Cell(
        group.arguments[0],
        group.number("area"),
        leakage,
        pins,
        flip_flop,
        gate,
        any(group.all("latch")),
        "_posedge" in style,
    )


def _pin(group: Group, units: _Units) -> Pin:
    arcs = [_arc(timing, units) for timing in group.all("timing")]
    energies: list[tuple[str, Table, Table]] = []
    for power in group.all("internal_power"):
        if power.text("related_pg_pin") == "VSS":
            continue
        related = power.text("related_pin")
        rise, fall = (_table(power, name, units, units.energy) for name in ("rise_power", "fall_power"))
        energies.append((related, rise, fall))
    return Pin(
        name=group.arguments[0],
        direction=group.text("direction"),
        capacitance=group.number("capacitance") * units.load,
        function=group.text("function"),
        arcs=tuple(arcs),
        energies=tuple(energies),
    )


def _arc(timing: Group, units: _Units) -> Arc:
    kind = timing.text("timing_type", "combinational")
    first, second = ("rise_constraint", "fall_constraint") if "setup" in kind else ("cell_rise", "cell_fall")
    return Arc(
        related=timing.text("related_pin"),
        kind=kind,
        sense=timing.text("timing_sense", "non_unate"),
        rise=_table(timing, first, units, units.time),
        fall=_table(timing, second, units, units.time),
        rise_slew=_table(timing, "rise_transition", units, units.time),
        fall_slew=_table(timing, "fall_transition", units, units.time),
    )


def _table(group: Group, name: str, units: _Units, unit: float) -> Table:
    """The table called `name`: over the slew and the load, of a constraint over the slews of data and clock."""
    for table in group.all(name):
        template = units.templates.get((table.arguments or ("",))[0], ())
        axes = [table.numbers(f"index_{n}") for n in (1, 2)]
        values = tuple(value * unit for value in table.numbers("values"))
        if len(template) == 2 and ("capacitance" in template[0] or template[0].startswith("related")):
            # Load, or the clock, first: turned round.
            rows, columns = len(axes[0]), len(axes[1])
            values = tuple(values[row * columns + column] for column in range(columns) for row in range(rows))
            axes.reverse()
        elif len(template) == 1 and "capacitance" in template[0]:
            axes = [(), axes[0]]
        scales = (units.time, units.time if "constraint" in name else units.load)
        first, second = (tuple(n * scale for n in axis) for axis, scale in zip(axes, scales, strict=True))
        return Table(first, second, values)
    return Table()
