"""The modules of a design before it is mapped: equal ones become one, and some keep their borders."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["bits_of", "instance_counts", "kept_modules", "merge_equal"]

OPENED = 0.5
"""A module that holds more of the design than this is not left whole: its submodules keep their borders too."""
SHARED = 0.05
"""Of the design that equal modules must hold together for being mapped once, and not dissolved in what is around."""

Modules = dict[str, dict[str, Any]]
"""Modules as Yosys writes them in JSON."""


def merge_equal(modules: Modules, top: str) -> None:
    """Let the instances of equal modules be of one: a generator of hardware may write each of them anew."""
    found: dict[str, str] = {}
    chosen: dict[str, str] = {}

    def visit(name: str) -> str:
        if name not in chosen:
            for cell in modules[name]["cells"].values():
                if cell["type"] in modules:
                    cell["type"] = visit(cell["type"])
            chosen[name] = name if name == top else found.setdefault(_signature(modules[name]), name)
        return chosen[name]

    visit(top)
    for name in set(modules) - set(chosen.values()):
        del modules[name]


def _signature(module: Mapping[str, Any]) -> str:
    """A text that modules share which compute the same from the same ports, by the same cells.

    Nets are numbered as they are met on the way back from the outputs: neither names nor the order in which cells
    stand in the file, which follows their names, are in it.
    """
    cells, ports = module["cells"], module["ports"]
    drivers: dict[Any, str] = {}
    for name, cell in cells.items():
        for pin, direction in cell["port_directions"].items():
            if direction != "input":
                drivers.update(dict.fromkeys(cell["connections"][pin], name))
    numbers: dict[Any, Any] = {}

    def number(bits: Sequence[Any]) -> list[Any]:
        return [bit if isinstance(bit, str) else numbers.setdefault(bit, len(numbers)) for bit in bits]

    header = {name: [port["direction"], number(port["bits"])] for name, port in ports.items()}
    waiting = deque(bit for port in ports.values() if port["direction"] != "input" for bit in port["bits"])
    met: dict[str, list[Any]] = {}
    while waiting:
        name = drivers.get(waiting.popleft())
        if name is None or name in met:
            continue
        cell = cells[name]
        pins = {pin: number(bits) for pin, bits in sorted(cell["connections"].items())}
        met[name] = [cell["type"], {k: v for k, v in sorted(cell["parameters"].items()) if k != "MEMID"}, pins]
        waiting.extend(bit for pin in pins for bit in cell["connections"][pin] if isinstance(bit, int))
    initial = [
        (numbers[bit], value)
        for wire in module["netnames"].values()
        if "init" in wire["attributes"]
        for bit, value in zip(wire["bits"], reversed(wire["attributes"]["init"]), strict=False)
        if bit in numbers
    ]
    kinds = sorted(Counter(cell["type"] for cell in cells.values()).items())
    return json.dumps([header, list(met.values()), sorted(initial), kinds])


def instance_counts(modules: Mapping[str, Mapping[str, Any]], top: str) -> Counter[str]:
    """How many instances of each module the design has."""
    found: Counter[str] = Counter()

    def visit(name: str) -> None:
        found[name] += 1
        for inner in _inside(modules, name):
            visit(inner)

    visit(top)
    return found


def kept_modules(modules: Mapping[str, Mapping[str, Any]], top: str) -> list[str]:
    """The modules that keep their borders, `top` first.

    They are the submodules of `top`, those within one that holds more than half of the design, and those of which
    there are several that hold a share of it worth mapping once.
    """
    sizes: dict[str, int] = {}

    def size(name: str) -> int:
        """Bits that a module and everything in it computes or stores."""
        if name not in sizes:
            sizes[name] = sum(bits_of(cell) for cell in modules[name]["cells"].values())
            sizes[name] += sum(size(inner) for inner in _inside(modules, name))
        return sizes[name]

    kept, opened = [top], [top]
    while opened:
        for name in _inside(modules, opened.pop()):
            if name not in kept:
                kept.append(name)
                if size(name) > OPENED * size(top):
                    opened.append(name)
    counts = instance_counts(modules, top)
    shared = (name for name, count in counts.items() if count > 1 and count * size(name) > SHARED * size(top))
    return [*kept, *(name for name in shared if name not in kept)]


def bits_of(cell: Mapping[str, Any]) -> int:
    """The bits that a cell computes or stores."""
    if cell["type"] == "$mem_v2":
        return int(cell["parameters"]["SIZE"], 2) * int(cell["parameters"]["WIDTH"], 2)
    return len(cell["connections"].get("Y", cell["connections"].get("Q", ())))


def _inside(modules: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    """The module of each instance within one."""
    return [cell["type"] for cell in modules[name]["cells"].values() if cell["type"] in modules]
