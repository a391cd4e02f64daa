"""What switches in a mapped netlist whose registers feed back: cycle by cycle, several sequences side by side."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from .activity import Activity
from .netlist import Bit, Netlist
from .switching import Gate, changes, gates_of, glitches, next_state, outputs_of

__all__ = ["Traffic", "replay"]

Numbers = Mapping[str, Sequence[int]]
Traffic = Generator[Numbers, Mapping[str, tuple[int, ...]], None]
"""Yields the inputs of a cycle by name, a number for each sequence, and is sent the outputs of that cycle."""


def replay(netlist: Netlist, traffic: Traffic, lanes: int, *, skip: int = 0) -> Activity:
    """Simulate `netlist` for `lanes` sequences at a time until `traffic` ends; the first `skip` cycles do not count.

    Registers begin with 0, inputs that are not given are 0. Outputs go to `traffic` alone; the cycles of the result are
    those of all sequences together, less one, so that its counts are over as many steps as they are from.
    """
    gates = [gate for instance in netlist.logic for gate in gates_of(instance)]
    mask = (1 << lanes) - 1
    states = [0] * len(netlist.registers)
    enables = [netlist.enable_of(register) for register in netlist.registers]
    history: dict[Bit, list[int]] = {}
    outputs: Mapping[str, tuple[int, ...]] | None = None
    cycle = 0
    while True:
        try:
            given = next(traffic) if outputs is None else traffic.send(outputs)
        except StopIteration:
            break
        values: dict[Bit, int] = {"0": 0, "1": mask, "x": 0}
        for name, nets in netlist.inputs.items():
            values.update(zip(nets, _columns(given.get(name), len(nets), lanes), strict=True))
        for register, state in zip(netlist.registers, states, strict=True):
            values.update(outputs_of(register, state, mask))
        if cycle >= skip:
            for net, value in values.items():
                history.setdefault(net, []).append(value)
        _evaluate(gates, values, mask)
        outputs = {name: _rows([values[net] for net in nets], lanes) for name, nets in netlist.outputs.items()}
        taken = [next_state(each, values, mask, state) for each, state in zip(netlist.registers, states, strict=True)]
        held = [0 if enable is None else mask ^ values[enable] for enable in enables]
        states = [new & ~hold | old & hold for new, old, hold in zip(taken, states, held, strict=True)]
        cycle += 1
    counted = max(cycle - skip, 0)
    whole = (1 << lanes * counted) - 1
    values = {net: _joined(parts, lanes) for net, parts in history.items()}
    _evaluate(gates, values, whole)
    settled = {net: changes(value, whole, lanes) for net, value in values.items()}
    steps = max(counted - 1, 0) * lanes
    running = {
        clock: values[gate.nets[gate.cell.clock_gate[1]]].bit_count() / max(counted * lanes, 1)
        for clock, gate in netlist.clock_gates.items()
        if gate.cell.clock_gate
    }
    return Activity(steps + 1, {}, glitches(gates, values, whole, lanes), settled, running)


def _evaluate(gates: Sequence[Gate], values: dict[Bit, int], mask: int) -> None:
    for gate in gates:
        values[gate.net] = gate.rule(mask, *[values[source] for source in gate.sources])


def _columns(numbers: Sequence[int] | None, width: int, lanes: int) -> list[int]:
    """For each of `width` places the bits of all numbers side by side."""
    if numbers is None:
        return [0] * width
    texts = [f"{number:0{width}b}"[::-1] for number in reversed(numbers)]
    return [int("".join(bits), 2) for bits in zip(*texts, strict=True)]


def _rows(columns: Sequence[int], lanes: int) -> tuple[int, ...]:
    """The inverse."""
    return tuple(sum((column >> lane & 1) << place for place, column in enumerate(columns)) for lane in range(lanes))


def _joined(parts: Sequence[int], lanes: int) -> int:
    """Cycles one behind the other, the first lowest."""
    text = "".join(f"{part:0{lanes}b}" for part in reversed(parts))
    return int(text, 2) if text else 0
