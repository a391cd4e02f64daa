"""Static timing of a mapped netlist, by the tables of its library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .liberty import EDGES, Arc, Pin
from .netlist import Bit, Instance, Netlist

__all__ = ["Edge", "Step", "Timing", "timing"]


@dataclass(frozen=True)
class Edge:
    """When a net has risen and fallen at the latest, and how slowly, in ns."""

    rise: float
    fall: float
    rise_slew: float
    fall_slew: float


@dataclass(frozen=True)
class Step:
    """A point of a path: a pin of an instance of a cell, or a port; when the signal is there, and which way it goes."""

    place: str
    cell: str
    arrival: float
    rises: bool


@dataclass(frozen=True)
class Timing:
    """The longest path in ns, from a port or a clock edge to a port or the set-up of a register; slews of all nets.

    `path` is that path, from where it starts to where it ends.
    """

    critical_path: float
    slews: Mapping[Bit, float]
    path: tuple[Step, ...] = ()


def timing(netlist: Netlist, *, input_delay: float = 0.0, output_delay: float = 0.0) -> Timing:
    """The longest path of `netlist`.

    A path starts at an input port (at `input_delay`) or at a clock edge (with the register's delay from clock to
    output), goes through cells with their delays over slew and load, rising and falling apart, and ends at an output
    port (with `output_delay` to go) or at a register or a clock gate (with its set-up time). Loads are the pins alone:
    wires, and what hangs at output ports, weigh nothing; the clock is ideal, gated or not; slews at ports and clocks
    are 0. False paths count. A latch is taken as a register that has its data when the clock rises.
    """
    start = Edge(input_delay, input_delay, 0.0, 0.0)
    edges: dict[Bit, Edge] = {net: start for bits in netlist.inputs.values() for net in bits}
    for register in (*netlist.registers, *netlist.latches):
        for pin, net in register.pins("output"):
            edges[net] = _launched(pin, netlist.loads.get(net, 0.0))
    for instance in netlist.logic:
        for pin, net in instance.pins("output"):
            edges[net] = _passed(instance, pin, netlist.loads.get(net, 0.0), edges)
    # When a path is over, where, and at which net in which direction.
    ends: list[tuple[float, str, str, Bit, bool]] = []
    for name, bits in netlist.outputs.items():
        for net in bits:
            if net in edges:
                edge = edges[net]
                ends.append((max(edge.rise, edge.fall) + output_delay, name, "port", net, edge.rise >= edge.fall))
    for register in (*netlist.registers, *netlist.latches, *netlist.clock_gates.values()):
        for pin, net in register.pins("input"):
            if net in edges and pin.name not in register.cell.clock_pins:
                when, rises = _captured(pin, edges[net])
                ends.append((when, f"{register.name}.{pin.name}", register.cell.name, net, rises))
    slews = {net: max(edge.rise_slew, edge.fall_slew) for net, edge in edges.items()}
    if not ends:
        return Timing(0.0, slews)
    when, place, cell, net, rises = max(ends, key=lambda end: end[0])
    path = (*_path_to(netlist, edges, net, rises), Step(place, cell, when, rises))
    return Timing(when, slews, path)


def _path_to(netlist: Netlist, edges: Mapping[Bit, Edge], net: Bit, rises: bool) -> list[Step]:
    """The latest way to an edge of `net`, from where it starts."""
    drivers = {net: (instance, pin) for instance in netlist.instances for pin, net in instance.pins("output")}
    steps: list[Step] = []
    while net in drivers:
        instance, pin = drivers[net]
        when = edges[net].rise if rises else edges[net].fall
        steps.append(Step(f"{instance.name}.{pin.name}", instance.cell.name, when, rises))
        cause = _cause(instance, pin, netlist.loads.get(net, 0.0), edges, rises)
        if instance.cell.flip_flop is not None or instance.cell.is_latch or cause is None:
            return steps[::-1]
        net, rises = cause
    names = {bit: name for name, bits in netlist.inputs.items() for bit in bits}
    steps.append(Step(names.get(net, "?"), "port", edges[net].rise if rises else edges[net].fall, rises))
    return steps[::-1]


def _cause(
    instance: Instance, pin: Pin, load: float, edges: Mapping[Bit, Edge], rises: bool
) -> tuple[Bit, bool] | None:
    """The edge of an input of `instance` that its output waits for."""
    found: tuple[float, Bit, bool] | None = None
    for arc in pin.arcs:
        net = instance.nets.get(arc.related, "x")
        source = edges.get(net)
        if source is None or not arc.kind.startswith("combinational"):
            continue
        for when, slew, up, from_rise in _causes(arc, source):
            if up == rises:
                arrival = when + (arc.rise if rises else arc.fall).at(slew, load)
                if found is None or arrival > found[0]:
                    found = (arrival, net, from_rise)
    return None if found is None else found[1:]


def _launched(pin: Pin, load: float) -> Edge:
    tables = [(arc.rise, arc.fall, arc.rise_slew, arc.fall_slew) for arc in pin.arcs if arc.kind in EDGES]
    return Edge(*(max(table.at(0.0, load) for table in column) for column in zip(*tables, strict=True)))


def _passed(instance: Instance, pin: Pin, load: float, edges: Mapping[Bit, Edge]) -> Edge:
    rise = fall = rise_slew = fall_slew = 0.0
    for arc in pin.arcs:
        source = edges.get(instance.nets.get(arc.related, "x"))
        if source is None or not arc.kind.startswith("combinational"):
            continue
        for when, slew, rises, _ in _causes(arc, source):
            if rises:
                rise = max(rise, when + arc.rise.at(slew, load))
                rise_slew = max(rise_slew, arc.rise_slew.at(slew, load))
            else:
                fall = max(fall, when + arc.fall.at(slew, load))
                fall_slew = max(fall_slew, arc.fall_slew.at(slew, load))
    return Edge(rise, fall, rise_slew, fall_slew)


def _causes(arc: Arc, source: Edge) -> list[tuple[float, float, bool, bool]]:
    """Time and slew of each edge of the input, whether the output rises with it, and whether it rises itself."""
    causes: list[tuple[float, float, bool, bool]] = []
    if arc.sense != "negative_unate":
        causes += [(source.rise, source.rise_slew, True, True), (source.fall, source.fall_slew, False, False)]
    if arc.sense != "positive_unate":
        causes += [(source.fall, source.fall_slew, True, False), (source.rise, source.rise_slew, False, True)]
    return causes


def _captured(pin: Pin, edge: Edge) -> tuple[float, bool]:
    """When the latest edge at a register's input has been set up, and whether it rises."""
    found = [(edge.rise, True), (edge.fall, False)]
    for arc in pin.arcs:
        if arc.kind.startswith("setup"):
            found.append((edge.rise + arc.rise.at(edge.rise_slew, 0.0), True))
            found.append((edge.fall + arc.fall.at(edge.fall_slew, 0.0), False))
    return max(found)
