"""What switches in a mapped netlist, and the energy of it, for a sequence of inputs: all cycles side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from quadrille.algo.spec import InvalidInput

from .liberty import Pin
from .netlist import Bit, Instance, Netlist
from .switching import Gate, changes, gates_of, glitches, inputs_of, next_state, outputs_of
from .timing import timing

__all__ = ["Activity", "Energy", "PinCost", "activity", "energy", "pin_costs"]


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


@dataclass(frozen=True)
class PinCost:
    """What a change of the net at a pin costs the cell that has the pin, in fJ.

    `charge` goes into the capacitance of an input pin, half C V^2; `internal` is spent within the cell. `clocks` says
    that the pin belongs to the clock: it clocks a state, or drives a gated clock.
    """

    instance: Instance
    net: Bit
    charge: float
    internal: float
    clocks: bool


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
    """Energy of one cycle with the switching of `found`, at `voltage` volts: that of every pin whose net switches.

    The clock of a register takes the energy of two changes in every cycle in which it runs. Left out: wires, the
    clock's tree, ports, leakage; every gate is equally slow.
    """
    cost: dict[Bit, float] = {}
    clock = 0.0
    for pin in pin_costs(netlist, voltage):
        if pin.clocks:
            clock += 2 * found.running.get(pin.net, 1.0) * (pin.charge + pin.internal)
        else:
            cost[pin.net] = cost.get(pin.net, 0.0) + pin.charge + pin.internal
    steps = max(found.cycles - 1, 1)
    switching, settled = (
        sum(count * cost.get(net, 0.0) for net, count in counts.items()) / steps
        for counts in (found.toggles, found.settled)
    )
    return Energy(switching, settled, clock)


def pin_costs(netlist: Netlist, voltage: float) -> Iterator[PinCost]:
    """What a change costs at every pin of `netlist`, at `voltage` volts.

    Internal energies are the library's, the mean over the tables of the pin, rising and falling alike: of an input at
    the slew of its net, of an output at the slowest slew of the cell's inputs and the load of its net. Clocks have no
    slew.
    """
    slews = timing(netlist).slews
    for instance in netlist.instances:
        clocks = instance.cell.clock_pins
        inputs = [net for pin, net in instance.pins("input") if pin.name not in clocks]
        slew = max((slews.get(net, 0.0) for net in inputs), default=0.0) if not clocks else 0.0
        for pin, net in instance.pins("input"):
            clocked = pin.name in clocks
            internal = _mean(pin, 0.0 if clocked else slews.get(net, 0.0), 0.0)
            yield PinCost(instance, net, pin.capacitance * voltage**2 / 2, internal, clocked)
        for pin, net in instance.pins("output"):
            gates = instance.cell.clock_gate is not None
            yield PinCost(instance, net, 0.0, _mean(pin, slew, 0.0 if gates else netlist.loads.get(net, 0.0)), gates)


def _mean(pin: Pin, slew: float, load: float) -> float:
    """The internal energy of one edge, over all tables of the pin, rising and falling alike."""
    numbers = [table.at(slew, load) for _, rise, fall in pin.energies for table in (rise, fall) if table]
    return sum(numbers) / len(numbers) if numbers else 0.0
