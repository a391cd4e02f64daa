"""Cells of a mapped netlist of several modules that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .liberty import Library
from .netlist import Bit

__all__ = ["drop_idle"]

Modules = dict[str, dict[str, Any]]
"""Modules as Yosys writes them in JSON."""


def drop_idle(modules: Modules, top: str, library: Library) -> int:
    """Take out the cells whose outputs nobody reads; how many there were.

    A module that keeps its borders has ports which none of its instances uses, and something drives them: buffers of a
    constant as a rule. Such ports stay, and nothing drives them then.
    """
    dropped = 0
    while True:
        read = _read(modules, top, library)
        count = 0
        for name, module in modules.items():
            idle = [each for each, cell in module["cells"].items() if _is_idle(cell, modules, library, read[name])]
            for each in idle:
                del module["cells"][each]
            count += len(idle)
        dropped += count
        if not count:
            return dropped


def _is_idle(cell: dict[str, Any], modules: Modules, library: Library, read: set[Bit]) -> bool:
    if cell["type"] in modules:
        return False
    outputs = [bits for pin, bits in cell["connections"].items() if _direction(cell, pin, modules, library) == "output"]
    return read.isdisjoint(bit for bits in outputs for bit in bits)


def _direction(cell: dict[str, Any], pin: str, modules: Modules, library: Library) -> str:
    inner = modules.get(cell["type"])
    return library[cell["type"]].pins[pin].direction if inner is None else inner["ports"][pin]["direction"]


def _read(modules: Modules, top: str, library: Library) -> dict[str, set[Bit]]:
    """The nets of each module that a cell within it reads, or somebody outside through a port."""
    read: dict[str, set[Bit]] = {name: set() for name in modules}
    for name, module in modules.items():
        for cell in module["cells"].values():
            for pin, bits in cell["connections"].items():
                if _direction(cell, pin, modules, library) == "input":
                    read[name].update(bits)
    read[top].update(bit for port in _outputs(modules[top]) for bit in port["bits"])
    for name in _from_above(modules, top):
        for cell in modules[name]["cells"].values():
            inner = modules.get(cell["type"])
            for pin, port in inner["ports"].items() if inner is not None else ():
                if port["direction"] == "output":
                    pairs = zip(port["bits"], cell["connections"].get(pin, ()), strict=False)
                    read[cell["type"]].update(own for own, bit in pairs if bit in read[name])
    return read


def _outputs(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (port for port in module["ports"].values() if port["direction"] == "output")


def _from_above(modules: Modules, top: str) -> list[str]:
    """Every module behind all that have instances of it."""
    depths = {top: 0}
    waiting = [top]
    for name in waiting:
        inner = {cell["type"] for cell in modules[name]["cells"].values() if cell["type"] in modules}
        for each in inner:
            depths[each] = max(depths.get(each, 0), depths[name] + 1)
        waiting += inner
    return sorted(depths, key=lambda name: depths[name])
