"""A mapped netlist of several modules: what each takes, and the same netlist as one module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .liberty import Library
from .netlist import Bit

__all__ = ["ModuleCost", "flattened", "module_costs"]

Modules = Mapping[str, Mapping[str, Any]]
"""Modules as Yosys writes them in JSON."""


@dataclass(frozen=True)
class ModuleCost:
    """What an instance of a module takes by itself, without the instances within it.

    `place` is its path, "." for the top; `area` is in um2, `leakage` in nW; `gated` are the flip-flops whose clock can
    rest; `memories` are black boxes, whose area nobody knows here.
    """

    place: str
    module: str
    area: float
    cells: int
    flip_flops: int
    gated: int
    clock_gates: int
    latches: int
    leakage: float
    memories: int


def module_costs(modules: Modules, top: str, library: Library) -> tuple[ModuleCost, ...]:
    """What each instance of the hierarchy takes by itself, the top first, the others by path."""
    found = [_cost(modules, name, place, library) for place, name in sorted(_places(modules, top))]
    return tuple(found)


def _places(modules: Modules, top: str, place: str = ".") -> list[tuple[str, str]]:
    """Path and module of every instance."""
    found = [(place, top)]
    for name, cell in modules[top]["cells"].items():
        if _is_instance(modules, cell["type"]):
            found += _places(modules, cell["type"], name if place == "." else f"{place}.{name}")
    return found


def _is_instance(modules: Modules, kind: str) -> bool:
    return kind in modules and not _is_blackbox(modules[kind])


def _is_blackbox(module: Mapping[str, Any]) -> bool:
    return "blackbox" in module["attributes"]


def _cost(modules: Modules, name: str, place: str, library: Library) -> ModuleCost:
    cells = [cell for cell in modules[name]["cells"].values() if not _is_instance(modules, cell["type"])]
    memories = [cell for cell in cells if cell["type"] in modules]
    mapped = [(library[cell["type"]], cell["connections"]) for cell in cells if cell["type"] not in modules]
    gates = [(cell.clock_gate, nets) for cell, nets in mapped if cell.clock_gate is not None]
    gated = {nets[gate[2]][0] for gate, nets in gates}
    registers = [(cell, nets) for cell, nets in mapped if cell.flip_flop is not None]
    return ModuleCost(
        place=place,
        module=name,
        area=sum(cell.area for cell, _ in mapped),
        cells=len(mapped),
        flip_flops=len(registers),
        gated=sum(any(nets[pin][0] in gated for pin in cell.clock_pins) for cell, nets in registers),
        clock_gates=len(gates),
        latches=sum(cell.is_latch for cell, _ in mapped),
        leakage=sum(cell.leakage for cell, _ in mapped),
        memories=len(memories),
    )


def flattened(modules: Modules, top: str) -> dict[str, Any]:
    """The netlist of `top` as one module; instances and nets have their path in their name.

    Black boxes are cut out: what they drive is an input, named after instance and pin, and what drives them an output.
    """
    nets = _Nets()
    cells: dict[str, Any] = {}
    ports: dict[str, Any] = {}
    netnames: dict[str, Any] = {}

    def enter(name: str, place: str, known: dict[Bit, Bit]) -> None:
        def outer(bits: Sequence[Bit]) -> list[Bit]:
            return [bit if isinstance(bit, str) else known.setdefault(bit, nets.new()) for bit in bits]

        for instance, cell in modules[name]["cells"].items():
            path = place + instance
            pins = {pin: outer(bits) for pin, bits in cell["connections"].items()}
            inner = modules.get(cell["type"])
            if inner is None:
                cells[path] = {"type": cell["type"], "connections": pins}
            elif _is_blackbox(inner):
                for pin, bits in pins.items():
                    turned = "output" if inner["ports"][pin]["direction"] == "input" else "input"
                    ports[f"{path}.{pin}"] = {"direction": turned, "bits": bits}
            else:
                bound: dict[Bit, Bit] = {}
                for pin, bits in pins.items():
                    for own, net in zip(inner["ports"][pin]["bits"], bits, strict=True):
                        # A net that leaves by two ports, or goes straight through, is one net outside too.
                        nets.join(own if isinstance(own, str) else bound.setdefault(own, net), net)
                enter(cell["type"], f"{path}.", bound)
        wires = modules[name].get("netnames", {}).items()
        netnames.update({place + wire: {"bits": outer(value["bits"])} for wire, value in wires})
        if not place:
            own = modules[top]["ports"].items()
            ports.update({port: {**value, "bits": outer(value["bits"])} for port, value in own})

    enter(top, "", {})
    for cell in cells.values():
        cell["connections"] = {pin: [nets.root(bit) for bit in bits] for pin, bits in cell["connections"].items()}
    for named in (*ports.values(), *netnames.values()):
        named["bits"] = [nets.root(bit) for bit in named["bits"]]
    return {"cells": cells, "ports": ports, "netnames": netnames}


class _Nets:
    """Nets by number, some of which turn out to be one, or a constant."""

    def __init__(self) -> None:
        self.count = 1
        self.same: dict[Bit, Bit] = {}

    def new(self) -> int:
        self.count += 1
        return self.count

    def root(self, bit: Bit) -> Bit:
        while bit in self.same:
            bit = self.same[bit]
        return bit

    def join(self, one: Bit, other: Bit) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            constant = isinstance(one, str)
            self.same[other if constant else one] = one if constant else other
