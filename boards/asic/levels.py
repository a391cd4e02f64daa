"""A mapped netlist simulated without being compiled: cells of one function and depth at once, cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

from .boolean import Rule, rule
from .netlist import Bit, Instance
from .power import MappedNetlist
from .saif import Switching
from .switching import Gate, gates_of, inputs_of

__all__ = ["Simulation"]

PINS = ("clk", "w_en", "w_addr", "w_data", "r_en", "r_addr", "r_data")
CYCLE = 10
"""Units of time in which one cycle is told."""
Bits = NDArray[np.uint8]
Places = NDArray[np.intp]
"""Of nets among all values."""


@dataclass(frozen=True)
class _Cells:
    """Cells of one function: what they read, one row for each pin, and the run of places that they drive."""

    rule: Rule
    sources: Places
    first: int

    @property
    def driven(self) -> slice:
        return slice(self.first, self.first + self.sources.shape[1])


@dataclass(frozen=True)
class _Registers:
    """Registers of one function: what they read, what lets them take it, and which of all states are theirs."""

    rule: Rule
    sources: Places
    enables: Places
    states: slice


@dataclass(frozen=True)
class _Memory:
    """A black box: a memory of one port that writes and one that reads, by the places of its pins."""

    pins: Mapping[str, Places]
    contents: Bits

    @property
    def lane(self) -> int:
        """Bits that one bit of the write mask covers."""
        return self.contents.shape[1] // max(1, len(self.pins.get("w_mask", ())))


class Simulation:
    """The netlist `mapped` with its clock at the port `clock`; everything begins with 0.

    One byte holds a net, and numpy evaluates all cells of one function that wait for as many others in one step: a
    cycle of half a million cells takes some hundredths of a second, and nothing is compiled before. Of each net it
    counts changes from one cycle to the next: no glitches. A clock that is gated changes twice where its gate is open.
    Memories among the black boxes, by the names of their pins, give the word that was there before.

    Raises
    ------
    InvalidInput
        If the netlist has latches, or a black box is no memory.
    """

    def __init__(self, mapped: MappedNetlist, clock: str) -> None:
        netlist = mapped.netlist
        if netlist.latches:
            raise InvalidInput(
                f"Netlist must have no latches to be simulated so, and {netlist.latches[0].name!r} is one"
            )
        self.netlist, self.names = netlist, mapped.names
        self.clocks = {*netlist.inputs.get(clock, ())}
        self.places: dict[Bit, int] = {"0": 0, "x": 0, "1": 1}
        for nets in netlist.inputs.values():
            self._place(nets)
        kinds = _kinds(netlist.registers)
        self._outputs = [output for first, kind in kinds for output in self._driven(first, kind)]
        self._levels = [self._cells(level) for level in _levels(netlist.logic)]
        self._registers = [self._taking(first, kind) for first, kind in kinds]
        self.values = np.zeros(len(self.places), np.uint8)
        self.values[1] = 1
        self.changes, self.high = np.zeros((2, len(self.values)), np.uint32)
        self.open = {net: 0 for net in netlist.clock_gates}
        self.cycles = 0
        self._before = self.values.copy()
        self.states = np.zeros(len(netlist.registers), np.uint8)
        self.memories = [self._memory(path) for path in mapped.memories]
        ports = {**netlist.inputs, **netlist.outputs}
        self.ports = {name: self._at(nets) for name, nets in ports.items()}

    def write(self, port: str, bits: Any) -> None:
        """Put the bits of an input port, the lowest first, or the same for all of them."""
        self.values[self.ports[port]] = bits

    def read(self, port: str) -> Bits:
        """The bits of a port, the lowest first, as they settled."""
        return self.values[self.ports[port]]

    def settle(self) -> None:
        """Let logic follow inputs and states."""
        for cells in self._outputs:
            states = self.states[cells.sources[0]]
            self.values[cells.driven] = cells.rule(1, states, 1 ^ states)
        for level in self._levels:
            for cells in level:
                self.values[cells.driven] = cells.rule(1, *self.values[cells.sources])

    def edge(self, *, counts: bool = True) -> None:
        """Let the clock rise on what has settled, and count what changed since the edge before."""
        if counts:
            self.changes += self.values ^ self._before
            self.high += self.values
            self.cycles += 1
            for clock, gate in self.netlist.clock_gates.items():
                assert gate.cell.clock_gate is not None
                self.open[clock] += int(self.values[self.places[gate.nets[gate.cell.clock_gate[1]]]])
        np.copyto(self._before, self.values)
        for each in self._registers:
            states = self.states[each.states]
            taken = each.rule(1, *self.values[each.sources], states, 1 ^ states)
            states ^= (taken ^ states) & self.values[each.enables]
        read = [(memory.pins["r_data"], self._accessed(memory)) for memory in self.memories]
        for places, word in read:  # after all accesses: what one memory gives may go straight into another
            if word is not None:
                self.values[places] = word

    @property
    def switching(self) -> Switching:
        """How often every net with a name changed, and for how long it was 1, in units of which a cycle has `CYCLE`."""
        rises = {**dict.fromkeys(self.clocks, self.cycles), **self.open}
        changes: dict[str, int] = {}
        high: dict[str, int] = {}
        for name, net in self.names.items():
            if net in rises:
                changes[name], high[name] = 2 * rises[net], CYCLE // 2 * rises[net]
            elif net in self.places:
                place = self.places[net]
                changes[name], high[name] = int(self.changes[place]), CYCLE * int(self.high[place])
        return Switching(CYCLE * self.cycles, changes, high)

    def _place(self, nets: Iterable[Bit]) -> None:
        for net in nets:
            self.places.setdefault(net, len(self.places))

    def _at(self, nets: Iterable[Bit]) -> Places:
        return np.array([self.places[net] for net in nets], np.intp)

    def _cells(self, gates: Sequence[Gate]) -> list[_Cells]:
        """The gates of one level, which get places, by function."""
        found: list[_Cells] = []
        for function, group in groupby(sorted(gates, key=lambda gate: id(gate.rule)), key=lambda gate: gate.rule):
            alike = list(group)
            first = len(self.places)
            self._place(gate.net for gate in alike)
            sources = np.array([[self.places[net] for net in gate.sources] for gate in alike], np.intp)
            found.append(_Cells(function, np.ascontiguousarray(sources.T), first))
        return found

    def _driven(self, first: int, registers: Sequence[Instance]) -> list[_Cells]:
        """What drives the outputs of registers of one function, from their states, the first of which is `first`."""
        flip_flop = registers[0].cell.flip_flop
        assert flip_flop is not None
        outputs: dict[str, dict[Bit, int]] = {}
        for state, register in enumerate(registers, first):
            for pin, net in register.pins("output"):
                outputs.setdefault(pin.function, {})[net] = state
        found: list[_Cells] = []
        for function, nets in outputs.items():
            cells = _Cells(
                rule(function, (flip_flop.state, flip_flop.complement)),
                np.array([[*nets.values()]], np.intp),
                len(self.places),
            )
            self._place(nets)
            found.append(cells)
        return found

    def _taking(self, first: int, registers: Sequence[Instance]) -> _Registers:
        """How registers of one function take their next state."""
        flip_flop = registers[0].cell.flip_flop
        assert flip_flop is not None
        enables = [self.netlist.enable_of(register) for register in registers]
        return _Registers(
            rule(flip_flop.next_state, (*_data_pins(registers[0]), flip_flop.state, flip_flop.complement)),
            np.stack([self._at(nets) for nets in zip(*map(inputs_of, registers), strict=True)]),
            self._at("1" if net is None else net for net in enables),
            slice(first, first + len(registers)),
        )

    def _memory(self, path: str) -> _Memory:
        """The memory behind the pins of the black box at `path`."""
        ports = {**self.netlist.inputs, **self.netlist.outputs}
        pins = {name.removeprefix(f"{path}."): self._at(nets) for name, nets in ports.items() if _within(name, path)}
        if not set(PINS) <= set(pins) <= {*PINS, "w_mask"}:
            raise InvalidInput(f"Black box {path} must be a memory with the pins {', '.join(PINS)}, and is not")
        return _Memory(pins, np.zeros((1 << len(pins["w_addr"]), len(pins["w_data"])), np.uint8))

    def _accessed(self, memory: _Memory) -> Bits | None:
        """The word that is read, if one is, as it was before what is written."""
        pins, contents = {name: self.values[places] for name, places in memory.pins.items()}, memory.contents
        word = contents[_number(pins["r_addr"])].copy() if pins["r_en"][0] else None
        if pins["w_en"][0]:
            mask = pins.get("w_mask")
            where = True if mask is None else np.repeat(mask, memory.lane).astype(bool)
            np.copyto(contents[_number(pins["w_addr"])], pins["w_data"], where=where)
        return word


def _within(port: str, path: str) -> bool:
    return port.rpartition(".")[0] == path


def _number(bits: Bits) -> int:
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


def _data_pins(register: Instance) -> tuple[str, ...]:
    """The pins that decide what a register holds next, in the order of `inputs_of`."""
    return tuple(pin.name for pin, _ in register.pins("input") if pin.name not in register.cell.clock_pins)


def _kinds(registers: Iterable[Instance]) -> list[tuple[int, list[Instance]]]:
    """Registers of one function each, and where their states begin among all."""
    kinds: dict[tuple[Any, ...], list[Instance]] = {}
    for register in registers:
        kinds.setdefault((register.cell.flip_flop, _data_pins(register)), []).append(register)
    starts = accumulate((len(kind) for kind in kinds.values()), initial=0)
    return list(zip(starts, kinds.values(), strict=False))


def _levels(logic: Sequence[Instance]) -> list[list[Gate]]:
    """The outputs of cells without state: those of a level read what the levels before it drive."""
    depths: dict[Bit, int] = {}
    levels: list[list[Gate]] = []
    for instance in logic:
        gates = gates_of(instance)
        depth = max((depths.get(net, 0) for gate in gates for net in gate.sources), default=0)
        if depth == len(levels):
            levels.append([])
        levels[depth] += gates
        depths.update((gate.net, depth + 1) for gate in gates)
    return levels
