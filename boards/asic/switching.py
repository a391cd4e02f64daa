"""Cells of a mapped netlist as functions of integers whose bits are cases side by side, and how nets switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .boolean import Rule, rule
from .netlist import Bit, Instance

__all__ = ["Gate", "changes", "gates_of", "glitches", "inputs_of", "next_state", "outputs_of"]


@dataclass(frozen=True)
class Gate:
    """One output of a cell without state."""

    net: Bit
    sources: tuple[Bit, ...]
    rule: Rule


def gates_of(instance: Instance) -> list[Gate]:
    """The outputs of a cell without state."""
    names = tuple(pin.name for pin, _ in instance.pins("input"))
    sources = tuple(instance.nets[name] for name in names)
    return [Gate(net, sources, rule(pin.function, names)) for pin, net in instance.pins("output") if pin.function]


def inputs_of(register: Instance) -> tuple[Bit, ...]:
    """The nets that decide what a register holds next."""
    return tuple(net for pin, net in register.pins("input") if pin.name not in register.cell.clock_pins)


def next_state(register: Instance, values: Mapping[Bit, int], mask: int, state: int | None = None) -> int:
    """What a register holds after the clock edge; `state` is what it held, which some take back."""
    flip_flop = register.cell.flip_flop
    assert flip_flop is not None
    names = [pin.name for pin, _ in register.pins("input") if pin.name not in register.cell.clock_pins]
    found = [values[net] for net in inputs_of(register)]
    if state is not None:
        names += [flip_flop.state, flip_flop.complement]
        found += [state, mask ^ state]
    return rule(flip_flop.next_state, tuple(names))(mask, *found)


def outputs_of(register: Instance, state: int, mask: int) -> dict[Bit, int]:
    """The nets that a register drives while it holds `state`."""
    flip_flop = register.cell.flip_flop
    assert flip_flop is not None
    both = (flip_flop.state, flip_flop.complement)
    return {net: rule(pin.function, both)(mask, state, mask ^ state) for pin, net in register.pins("output")}


def changes(value: int, mask: int, lanes: int = 1) -> int:
    """How often bits differ from those `lanes` before."""
    return ((value ^ value >> lanes) & mask >> lanes).bit_count()


def glitches(gates: Sequence[Gate], values: Mapping[Bit, int], mask: int, lanes: int = 1) -> dict[Bit, int]:
    """Changes of every net when all sources switch at once, and each gate follows a unit of time later.

    `values` are what nets settle to, bit k * lanes + l in cycle k of the sequence l.
    """
    # Bit k is the change from cycle k to k + 1: what settled before is where each net starts.
    cases = mask >> lanes
    driven = {gate.net for gate in gates}
    now = {net: (value if net in driven else value >> lanes) & cases for net, value in values.items()}
    toggles = {net: changes(value, mask, lanes) for net, value in values.items() if net not in driven}
    readers: dict[Bit, list[Gate]] = {}
    for gate in gates:
        for source in gate.sources:
            readers.setdefault(source, []).append(gate)
        toggles[gate.net] = 0
    awake = list(gates)
    while awake:
        changed: dict[Bit, int] = {}
        for gate in awake:
            value = gate.rule(cases, *(now[source] for source in gate.sources))
            if value != now[gate.net]:
                changed[gate.net] = value
        woken: dict[int, Gate] = {}
        for net, value in changed.items():
            toggles[net] += (value ^ now[net]).bit_count()
            now[net] = value
            woken.update({id(gate): gate for gate in readers.get(net, ())})
        awake = list(woken.values())
    return toggles
