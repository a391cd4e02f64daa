"""Whether a netlist can be tested by scan chains: one clock, one edge, no latches that nobody asked for, no loops."""

from __future__ import annotations

import re

from quadrille.algo.spec import InvalidInput

from .netlist import Netlist

__all__ = ["check_testable"]


def check_testable(netlist: Netlist, top: str, clock: str | None, *, latches: bool = False) -> None:
    """Refuse a netlist that a scan chain cannot reach into; `latches` says that those were asked for.

    Every flip-flop takes its input at the rising edge of the port `clock`, directly or through one clock gate, and
    logic does not feed back into itself without a register.

    Raises
    ------
    InvalidInput
        If that is not so.
    """
    found = [instance.name for instance in netlist.instances if instance.cell.is_latch]
    if found and not latches:
        raise InvalidInput(f"Netlist of {top} must have no latches, and {found[0]!r} is one of {len(found)}")
    root = set(netlist.inputs.get(clock or "", ()))
    clocks = root | {
        net
        for net, gate in netlist.clock_gates.items()
        if gate.cell.clock_gate is not None and gate.nets[gate.cell.clock_gate[0]] in root
    }
    for register in netlist.registers:
        flip_flop = register.cell.flip_flop
        rising = flip_flop is not None and re.fullmatch(r"\(?\s*\w+\s*\)?", flip_flop.clocked_on) is not None
        if not rising or not all(register.nets[pin] in clocks for pin in register.cell.clock_pins):
            raise InvalidInput(
                f"Registers of {top} must take their input when {clock or 'a clock'} rises,"
                f" and {register.name!r} does not"
            )
    _ = netlist.logic  # put in order, which no loop can be
