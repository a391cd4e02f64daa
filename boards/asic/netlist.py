"""A mapped netlist: instances of library cells, the nets between them, and the order in which they can be computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quadrille.algo.spec import InvalidInput

from .liberty import Cell, Library, Pin

__all__ = ["Bit", "Instance", "Netlist"]

Bit = int | str
"""A net, or one of the constants "0", "1", "x"."""


@dataclass(frozen=True)
class Instance:
    """One cell of a netlist and the net at each of its pins."""

    name: str
    cell: Cell
    nets: Mapping[str, Bit]

    def pins(self, direction: str) -> Iterator[tuple[Pin, Bit]]:
        """The pins of one direction that are connected, with their nets."""
        for name, net in self.nets.items():
            pin = self.cell.pins[name]
            if pin.direction == direction:
                yield pin, net


@dataclass(frozen=True)
class Netlist:
    """One flat module.

    Raises
    ------
    InvalidInput
        If a cell is not in the library, or logic feeds back into itself without a register between.
    """

    instances: tuple[Instance, ...]
    inputs: Mapping[str, tuple[Bit, ...]]
    outputs: Mapping[str, tuple[Bit, ...]]

    @classmethod
    def of(cls, module: Mapping[str, Any], library: Library) -> Netlist:
        """From a module as Yosys writes it in JSON."""
        instances = tuple(
            Instance(name, library[cell["type"]], {pin: bits[0] for pin, bits in cell["connections"].items() if bits})
            for name, cell in module["cells"].items()
        )
        ports: dict[str, dict[str, tuple[Bit, ...]]] = {"input": {}, "output": {}}
        for name, port in module["ports"].items():
            ports[port["direction"]][name] = tuple(port["bits"])
        return cls(instances, ports["input"], ports["output"])

    @cached_property
    def registers(self) -> tuple[Instance, ...]:
        """The instances with state."""
        return tuple(instance for instance in self.instances if instance.cell.flip_flop)

    @cached_property
    def latches(self) -> tuple[Instance, ...]:
        """The instances that are latches."""
        return tuple(instance for instance in self.instances if instance.cell.is_latch)

    @cached_property
    def clock_gates(self) -> Mapping[Bit, Instance]:
        """The instances that gate a clock, by the net of the gated one."""
        gates = (instance for instance in self.instances if instance.cell.clock_gate)
        return {instance.nets[instance.cell.clock_gate[2]]: instance for instance in gates if instance.cell.clock_gate}

    def enable_of(self, register: Instance) -> Bit | None:
        """The net that lets a register take its input; none if its clock always runs."""
        for pin in register.cell.clock_pins:
            gate = self.clock_gates.get(register.nets[pin])
            if gate is not None and gate.cell.clock_gate is not None:
                return gate.nets[gate.cell.clock_gate[1]]
        return None

    @cached_property
    def logic(self) -> tuple[Instance, ...]:
        """The instances without state, each after those that drive it."""
        cells = ((each, each.cell) for each in self.instances)
        stateless = (each for each, cell in cells if not (cell.flip_flop or cell.is_latch or cell.clock_gate))
        logic = {instance.name: instance for instance in stateless}
        source = {net: name for name, instance in logic.items() for _, net in instance.pins("output")}
        waits = {
            name: {source[net] for _, net in instance.pins("input") if net in source}
            for name, instance in logic.items()
        }
        feeds: dict[str, list[str]] = {name: [] for name in logic}
        for name, sources in waits.items():
            for each in sources:
                feeds[each].append(name)
        ready = [name for name, sources in waits.items() if not sources]
        order: list[Instance] = []
        while ready:
            name = ready.pop()
            order.append(logic[name])
            for reader in feeds[name]:
                waits[reader].discard(name)
                if not waits[reader]:
                    ready.append(reader)
        if len(order) < len(logic):
            stuck = next(name for name, sources in waits.items() if sources)
            raise InvalidInput(f"Netlist must have no loop without a register, and {stuck!r} is in one")
        return tuple(order)

    @cached_property
    def loads(self) -> Mapping[Bit, float]:
        """The capacitance of the pins on every net, in fF."""
        found: dict[Bit, float] = {}
        for instance in self.instances:
            for pin, net in instance.pins("input"):
                found[net] = found.get(net, 0.0) + pin.capacitance
        return found

    @property
    def area(self) -> float:
        """The sum of the cells, in um2."""
        return sum(instance.cell.area for instance in self.instances)

    @property
    def leakage(self) -> float:
        """The same of leakage, in nW."""
        return sum(instance.cell.leakage for instance in self.instances)
