"""Static timing of a mapped netlist, by the tables of its library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .liberty import EDGES, Arc, Pin
from .netlist import Bit, Instance, Netlist

__all__ = ["Edge", "Timing", "timing"]


@dataclass(frozen=True)
class Edge:
    """When a net has risen and fallen at the latest, and how slowly, in ns."""

    rise: float
    fall: float
    rise_slew: float
    fall_slew: float


@dataclass(frozen=True)
class Timing:
    """The longest path in ns, from a port or a clock edge to a port or the set-up of a register; slews of all nets."""

    critical_path: float
    slews: Mapping[Bit, float]


def timing(netlist: Netlist) -> Timing:
    """The longest path of `netlist`.

    A path starts at an input port (at 0) or at a clock edge (with the register's delay from clock to output), goes
    through cells with their delays over slew and load, rising and falling apart, and ends at an output port or at a
    register or a clock gate (with its set-up time). Loads are the pins alone: wires, and what hangs at output ports,
    weigh nothing; the clock is ideal, gated or not; slews at ports and clocks are 0. False paths count.
    """
    edges: dict[Bit, Edge] = {net: Edge(0.0, 0.0, 0.0, 0.0) for bits in netlist.inputs.values() for net in bits}
    for register in netlist.registers:
        for pin, net in register.pins("output"):
            edges[net] = _launched(pin, netlist.loads.get(net, 0.0))
    for instance in netlist.logic:
        for pin, net in instance.pins("output"):
            edges[net] = _passed(instance, pin, netlist.loads.get(net, 0.0), edges)
    ends = [max(edges[net].rise, edges[net].fall) for bits in netlist.outputs.values() for net in bits if net in edges]
    for register in (*netlist.registers, *netlist.clock_gates.values()):
        for pin, net in register.pins("input"):
            if net in edges and pin.name not in register.cell.clock_pins:
                ends.append(_captured(pin, edges[net]))
    slews = {net: max(edge.rise_slew, edge.fall_slew) for net, edge in edges.items()}
    return Timing(max(ends, default=0.0), slews)


def _launched(pin: Pin, load: float) -> Edge:
    tables = [(arc.rise, arc.fall, arc.rise_slew, arc.fall_slew) for arc in pin.arcs if arc.kind in EDGES]
    return Edge(*(max(table.at(0.0, load) for table in column) for column in zip(*tables, strict=True)))


def _passed(instance: Instance, pin: Pin, load: float, edges: Mapping[Bit, Edge]) -> Edge:
    rise = fall = rise_slew = fall_slew = 0.0
    for arc in pin.arcs:
        source = edges.get(instance.nets.get(arc.related, "x"))
        if source is None or not arc.kind.startswith("combinational"):
            continue
        for when, slew, rises in _causes(arc, source):
            if rises:
                rise = max(rise, when + arc.rise.at(slew, load))
                rise_slew = max(rise_slew, arc.rise_slew.at(slew, load))
            else:
                fall = max(fall, when + arc.fall.at(slew, load))
                fall_slew = max(fall_slew, arc.fall_slew.at(slew, load))
    return Edge(rise, fall, rise_slew, fall_slew)


def _causes(arc: Arc, source: Edge) -> list[tuple[float, float, bool]]:
    """Time and slew of each edge of the input, and whether the output rises with it."""
    causes: list[tuple[float, float, bool]] = []
    if arc.sense != "negative_unate":
        causes += [(source.rise, source.rise_slew, True), (source.fall, source.fall_slew, False)]
    if arc.sense != "positive_unate":
        causes += [(source.fall, source.fall_slew, True), (source.rise, source.rise_slew, False)]
    return causes


def _captured(pin: Pin, edge: Edge) -> float:
    """When the latest edge at a register's input has been set up."""
    found = max(edge.rise, edge.fall)
    for arc in pin.arcs:
        if arc.kind.startswith("setup"):
            rise = edge.rise + arc.rise.at(edge.rise_slew, 0.0)
            found = max(found, rise, edge.fall + arc.fall.at(edge.fall_slew, 0.0))
    return found
