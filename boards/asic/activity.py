"""What switches in a mapped netlist, and the energy of it, for a sequence of inputs: all cycles side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quadrille.algo.spec import InvalidInput

from .liberty import Pin
from .netlist import Bit, Instance, Netlist
from .switching import Gate, changes, gates_of, glitches, inputs_of, next_state, outputs_of
from .timing import timing

__all__ = ["Activity", "Energy", "activity", "energy"]


@dataclass(frozen=True)
class Activity:
    """What came out in each cycle, and how often each net switched.

    `toggles` counts every change with each gate one unit of time late, glitches among them; `settled` counts changes
    from one cycle to the next alone. `running` is the share of the cycles in which a gated clock ran.
    """

    cycles: int
    outputs: Mapping[str, tuple[int, ...]]
    toggles: Mapping[Bit, int]
    settled: Mapping[Bit, int]
    running: Mapping[Bit, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Energy:
    """Energy of one cycle, in fJ: switching of nets with glitches and without, and the clock at the registers."""

    switching: float
    settled: float
    clock: float

    @property
    def total(self) -> float:
        """Switching with glitches, and the clock."""
        return self.switching + self.clock


def activity(netlist: Netlist, stimulus: Mapping[str, Sequence[int]]) -> Activity:
    """Simulate `netlist`, one cycle for each number of `stimulus`, which gives inputs by name; others are 0.

    Every net is one integer whose bit k is its value in cycle k, and a register moves it up by one; registers begin
    with 0. Output numbers are unsigned.

    Raises
    ------
    InvalidInput
        If the stimulus names no input or differs in length, or registers feed back into themselves, as those do whose
        clock is gated.
    """
    cycles = len(next(iter(stimulus.values())))
    for name, numbers in stimulus.items():
        if name not in netlist.inputs:
            raise InvalidInput(f"Stimulus must name inputs, {', '.join(netlist.inputs)}, not {name!r}")
        if len(numbers) != cycles:
            raise InvalidInput(f"Stimulus of input {name!r} must have {cycles} numbers, not {len(numbers)}")
    mask = (1 << cycles) - 1
    values: dict[Bit, int] = {"0": 0, "1": mask, "x": 0}
    for name, nets in netlist.inputs.items():
        for place, net in enumerate(nets):
            bits = "".join(str(number >> place & 1) for number in reversed(stimulus.get(name, ())))
            values[net] = int(bits, 2) if bits else 0
    gates = _settle(netlist, values, mask)
    settled = {net: changes(value, mask) for net, value in values.items()}
    outputs = {
        name: tuple(
            sum((values[net] >> cycle & 1) << place for place, net in enumerate(nets)) for cycle in range(cycles)
        )
        for name, nets in netlist.outputs.items()
    }
    return Activity(cycles, outputs, glitches(gates, values, mask), settled)


def _settle(netlist: Netlist, values: dict[Bit, int], mask: int) -> list[Gate]:
    """Give every net its settled value, registers after what they hold; the gates."""
    for gate in netlist.clock_gates.values():
        raise InvalidInput(f"Netlist must have clocks that always run to be simulated so, and {gate.name!r} gates one")
    waiting_logic, waiting_registers = list(netlist.logic), list(netlist.registers)
    gates: list[Gate] = []
    while waiting_logic or waiting_registers:
        late_logic = []
        for instance in waiting_logic:
            if all(net in values for _, net in instance.pins("input")):
                for gate in gates_of(instance):
                    values[gate.net] = gate.rule(mask, *(values[source] for source in gate.sources))
                    gates.append(gate)
            else:
                late_logic.append(instance)
        late_registers = [each for each in waiting_registers if not _step(each, values, mask)]
        if len(late_logic) == len(waiting_logic) and len(late_registers) == len(waiting_registers):
            stuck = (late_registers or late_logic)[0].name
            raise InvalidInput(f"Netlist must feed forward to be simulated so, and {stuck!r} waits for itself")
        waiting_logic, waiting_registers = late_logic, late_registers
    return gates


def _step(register: Instance, values: dict[Bit, int], mask: int) -> bool:
    """Give the outputs of a register their values, if its inputs have theirs."""
    if any(values.get(net) is None for net in inputs_of(register)):
        return False
    state = next_state(register, values, mask) << 1 & mask
    values.update(outputs_of(register, state, mask))
    return True


def energy(netlist: Netlist, found: Activity, voltage: float) -> Energy:
    """Energy of one cycle with the switching of `found`, at `voltage` volts.

    Of every toggle the library's internal energy of the driving output and of each input pin that it reaches (the mean
    over its tables, at the slew and load of the net), and half C V^2 of the pins driven. Of every register and cycle
    in which its clock runs the energy of its clock pin, and of every clock gate that of both of its clocks. Left out:
    wires, the clock's tree, ports, leakage; every gate is equally slow.
    """
    slews = timing(netlist).slews
    cost: dict[Bit, float] = {net: load * voltage**2 / 2 for net, load in netlist.loads.items()}
    clock = 0.0
    for instance in netlist.instances:
        clocks = instance.cell.clock_pins
        inputs = [net for pin, net in instance.pins("input") if pin.name not in clocks]
        slew = max((slews.get(net, 0.0) for net in inputs), default=0.0) if not clocks else 0.0
        for pin, net in instance.pins("input"):
            if pin.name in clocks:
                clock += found.running.get(net, 1.0) * (pin.capacitance * voltage**2 + 2 * _mean(pin, 0.0, 0.0))
            else:
                cost[net] = cost.get(net, 0.0) + _mean(pin, slews.get(net, 0.0), 0.0)
        for pin, net in instance.pins("output"):
            cost[net] = cost.get(net, 0.0) + _mean(pin, slew, netlist.loads.get(net, 0.0))
            if instance.cell.clock_gate:
                clock += found.running.get(net, 1.0) * 2 * _mean(pin, 0.0, 0.0)
    steps = max(found.cycles - 1, 1)
    switching, settled = (
        sum(count * cost.get(net, 0.0) for net, count in counts.items()) / steps
        for counts in (found.toggles, found.settled)
    )
    return Energy(switching, settled, clock)


def _mean(pin: Pin, slew: float, load: float) -> float:
    """The internal energy of one edge, over all tables of the pin, rising and falling alike."""
    numbers = [table.at(slew, load) for _, rise, fall in pin.energies for table in (rise, fall) if table]
    return sum(numbers) / len(numbers) if numbers else 0.0
