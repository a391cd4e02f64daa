"""Weight cells as latches: a step of synthesis, before registers are mapped.

A flip-flop is two latches one behind the other. Of flip-flops that share their data and differ in when they take it,
as the rows of a memory do, the first latches all hold the same: one will do, which follows the data while the clock is
low and stands still while it is high. A cell then is one latch, open while its clock is high, where its enable was set
before that rose: a pulse of a gated clock. Every state is what it was, cycle by cycle.

What a layout has to see to: gated clocks are balanced with all others, as those of flip-flops are.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from quadrille.algo.spec import InvalidInput

from .liberty import Library
from .mapping import ClockGate, Mapping
from .netlist import Bit

__all__ = ["store_in_latches", "with_latches"]

REGISTER = re.compile(r"\$_DFFE_P([PN])_")
Modules = dict[str, dict[str, Any]]
"""As Yosys writes them in JSON."""
LEAST_SHARED = 4
"""Enables that registers of the same data have between them, from which on they are rows of a memory."""


class Latch(NamedTuple):
    """A cell that is a latch, open while its clock is `level`."""

    area: float
    name: str
    data: str
    clock: str
    output: str
    level: bool


class Enable(NamedTuple):
    """A net that enables registers, and the level at which it does."""

    net: Bit
    level: bool


def store_in_latches(netlist: Path, mapping: Mapping, dont_use: Sequence[str]) -> None:
    """Do in the file `netlist`, which Yosys wrote as JSON, what `with_latches` does."""
    design = json.loads(netlist.read_text(encoding="utf-8"))
    design["modules"] = with_latches(design["modules"], mapping.library, mapping.clock_gate, dont_use)
    netlist.write_text(json.dumps(design), encoding="utf-8")


def with_latches(modules: Modules, library: Library, gate: ClockGate | None, dont_use: Sequence[str] = ()) -> Modules:
    """The modules, as `synth` leaves them, with latches of `library` for what they store.

    Stored is what registers hold that have an enable and no reset, and share their data bit with registers of three
    other enables at least: rows of weights, and of other memories that are made of registers. Without a clock `gate`
    the pulses are made by a latch and an AND.

    Raises
    ------
    InvalidInput
        If the library has no latch of data, clock and output alone.
    """
    latches = {level: _latch(library, dont_use, level) for level in (False, True)}
    return {name: {**module, "cells": _Latched(module, latches, gate).cells} for name, module in modules.items()}


class _Latched:
    """The cells of a module, some of its registers replaced."""

    def __init__(self, module: dict[str, Any], latches: dict[bool, Latch], gate: ClockGate | None) -> None:
        self.cells: dict[str, Any] = dict(module["cells"])
        self.latches = latches
        self.gate = gate
        self.inverses: dict[Bit, Bit] = {}
        self.pulses: dict[tuple[Bit, Enable], Bit] = {}
        self.added = 0
        words = [net["bits"] for net in module["netnames"].values()]
        words += [bits for cell in self.cells.values() for bits in cell["connections"].values()]
        self.nets = max((bit for bits in words for bit in bits if isinstance(bit, int)), default=1)
        for (clock, data), registers in self._rows().items():
            if len({enable for _, enable in registers}) >= LEAST_SHARED:
                held = self._latch(data, clock, open_at=False)
                for name, enable in registers:
                    output = self.cells.pop(name)["connections"]["Q"][0]
                    self._latch(held, self._pulse(clock, enable), open_at=True, output=output)

    def _rows(self) -> dict[tuple[Bit, Bit], list[tuple[str, Enable]]]:
        """Registers with their enables, by clock and data."""
        found: dict[tuple[Bit, Bit], list[tuple[str, Enable]]] = defaultdict(list)
        for name, cell in self.cells.items():
            kind = REGISTER.fullmatch(cell["type"])
            if kind:
                nets = {pin: bits[0] for pin, bits in cell["connections"].items()}
                found[nets["C"], nets["D"]].append((name, Enable(nets["E"], kind[1] == "P")))
        return found

    def _pulse(self, clock: Bit, enable: Enable) -> Bit:
        """The clock while it is high, where `enable` was set before it rose."""
        if (clock, enable) not in self.pulses:
            net = enable.net if enable.level else self._inverse(enable.net)
            pulse = self._net()
            if self.gate is None:
                held = self._latch(net, clock, open_at=False)
                self._add("$_AND_", "Y", A=held, B=clock, Y=pulse)
            else:
                name, clock_pin, enable_pin, gated, tied = self.gate
                pins: dict[str, Bit] = {clock_pin: clock, enable_pin: net, gated: pulse, **dict.fromkeys(tied, "0")}
                self._add(name, gated, **pins)
            self.pulses[clock, enable] = pulse
        return self.pulses[clock, enable]

    def _latch(self, data: Bit, clock: Bit, *, open_at: bool, output: Bit | None = None) -> Bit:
        """The output of a latch that is open while `clock` is `open_at`."""
        latch = self.latches[open_at]
        output = self._net() if output is None else output
        clock = clock if latch.level == open_at else self._inverse(clock)
        self._add(latch.name, latch.output, **{latch.data: data, latch.clock: clock, latch.output: output})
        return output

    def _inverse(self, net: Bit) -> Bit:
        if net not in self.inverses:
            self.inverses[net] = self._net()
            self._add("$_NOT_", "Y", A=net, Y=self.inverses[net])
        return self.inverses[net]

    def _net(self) -> Bit:
        self.nets += 1
        return self.nets

    def _add(self, kind: str, output: str, **nets: Bit) -> None:
        self.added += 1
        self.cells[f"$latches${self.added}"] = {
            "hide_name": 1,
            "type": kind,
            "parameters": {},
            "attributes": {},
            "port_directions": {pin: "output" if pin == output else "input" for pin in nets},
            "connections": {pin: [net] for pin, net in nets.items()},
        }


def _latch(library: Library, dont_use: Sequence[str], level: bool) -> Latch:
    """The smallest latch that is open while its clock is `level`, or else one that is so at the other level."""
    found = [latch for name in library.names if (latch := _as_latch(library, name)) is not None]
    found = [latch for latch in found if not any(fnmatchcase(latch.name, pattern) for pattern in dont_use)]
    if not found:
        raise InvalidInput(
            f"Cell library of {library.files[0].name} must have a latch of data, clock and output, and has none"
        )
    return min(found, key=lambda latch: (latch.level != level, latch.area, latch.name))


def _as_latch(library: Library, name: str) -> Latch | None:
    """The cell `name` as a latch, if it is one that takes data and a clock and gives its state, and nothing else."""
    if "latch" not in library.text(name):
        return None
    group = library.group(name)
    states = list(group.all("latch"))
    pins = {pin.arguments[0]: pin for pin in group.all("pin")}
    inputs = sorted(pin for pin, text in pins.items() if text.text("direction") == "input")
    if len(states) != 1:
        return None
    data, opens = states[0].text("data_in"), re.fullmatch(r"\(?\s*(!?)\s*(\w+)\s*('?)\s*\)?", states[0].text("enable"))
    outputs = [pin for pin, text in pins.items() if text.text("function") == states[0].arguments[0]]
    if opens is None or inputs != sorted((data, opens[2])) or len(outputs) != 1:
        return None
    return Latch(library[name].area, name, data, opens[2], outputs[0], not (opens[1] or opens[3]))
