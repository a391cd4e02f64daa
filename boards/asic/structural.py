"""Structural Verilog: modules of nothing but cells, with names by which a register can be found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .identifiers import identifiers
from .liberty import Cell, Library
from .netlist import Bit

__all__ = ["named", "netlist_text"]

Module = Mapping[str, Any]
"""A module as Yosys writes it in JSON."""


def named(modules: Mapping[str, Module], library: Library) -> dict[str, Module]:
    """The same modules with plain names for cells: a flip-flop is called after the bit that it holds."""
    return {name: {**module, "cells": _named_cells(module, modules, library)} for name, module in modules.items()}


def _named_cells(module: Module, modules: Mapping[str, Module], library: Library) -> dict[str, Any]:
    cells = module["cells"]
    inside = identifiers(name for name, cell in cells.items() if cell["type"] in modules)
    taken = set(inside.values())
    nets = _net_names(module)
    found: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for name, cell in cells.items():
        if name in inside:
            wanted = inside[name]
        else:
            wanted = _cell_name(library[cell["type"]], cell["connections"], nets)
            if wanted in ("gate", "clock_gate") or wanted in found or wanted in taken:
                counts[wanted] += 1
                wanted = f"{wanted}_{counts[wanted]}"
        found[wanted] = cell
    return found


def _cell_name(cell: Cell, connections: Mapping[str, list[Bit]], nets: Mapping[Bit, str]) -> str:
    if cell.clock_gate is not None:
        return "clock_gate"
    if cell.flip_flop is None and not cell.is_latch:
        return "gate"
    held = [nets[bit] for pin, bits in connections.items() if cell.pins[pin].direction == "output" for bit in bits]
    return f"{held[0]}_reg".replace("[", "_").replace("]", "") if held else "spare_reg"


def netlist_text(modules: Mapping[str, Module], top: str, head: str) -> str:
    """The Verilog of all modules but black boxes, `top` first, below the comment `head`."""
    order = sorted(modules, key=lambda name: (name != top, name))
    texts = [_module_text(name, modules[name]) for name in order if "blackbox" not in modules[name]["attributes"]]
    return "\n".join([f"// {head}", "", *texts])


def _module_text(name: str, module: Module) -> str:
    nets = _net_names(module)
    ports = [
        f"  {port['direction']} {_range(port['bits'])}{label}"
        for label, port in module["ports"].items()
        if port["bits"]
    ]
    inner = sorted(set(nets.values()) - _port_bits(module), key=lambda net: (len(net), net))
    lines = [f"module {name} (", ",\n".join(ports), ");", *(f"  wire {net};" for net in inner)]
    lines += [f"  assign {one} = {other};" for one, other in _joined(module, nets)]
    for label, cell in module["cells"].items():
        pins = (f".{pin}({_word(bits, nets)})" for pin, bits in cell["connections"].items())
        lines.append(f"  {cell['type']} {label} ({', '.join(pins)});")
    return "\n".join([*lines, "endmodule", ""])


def _range(bits: list[Bit]) -> str:
    return f"[{len(bits) - 1}:0] " if len(bits) > 1 else ""


def _word(bits: list[Bit], nets: Mapping[Bit, str]) -> str:
    """What a pin is connected to, the highest bit first."""
    parts = [f"1'b{bit}" if isinstance(bit, str) else nets[bit] for bit in reversed(bits)]
    return parts[0] if len(parts) == 1 else "{" + ", ".join(parts) + "}"


def _places(module: Module) -> Iterator[tuple[str, Bit]]:
    """Every bit of every port, inputs first, as it is written in Verilog."""
    ports = sorted(module["ports"].items(), key=lambda item: item[1]["direction"])
    for name, port in ports:
        bits = port["bits"]
        yield from ((f"{name}[{n}]" if len(bits) > 1 else name, bit) for n, bit in enumerate(bits))


def _port_bits(module: Module) -> set[str]:
    return {place for place, _ in _places(module)}


def _joined(module: Module, nets: Mapping[Bit, str]) -> list[tuple[str, str]]:
    """Ports that are another one, or a constant, and which."""
    words = ((place, f"1'b{bit}" if isinstance(bit, str) else nets[bit]) for place, bit in _places(module))
    return [(place, word) for place, word in words if place != word]


def _net_names(module: Module) -> dict[Bit, str]:
    """What each net is called: the port that it is a bit of, the register that it comes from, or a number."""
    found: dict[Bit, str] = {}
    for place, bit in _places(module):
        if isinstance(bit, int):
            found.setdefault(bit, place)
    wanted: dict[Bit, str] = {}
    for name, wire in module["netnames"].items():
        bits = wire["bits"]
        if not wire["hide_name"]:
            words = ((f"{name}_{n}" if len(bits) > 1 else name, bit) for n, bit in enumerate(bits))
            wanted.update({bit: word for word, bit in words if isinstance(bit, int) and bit not in found})
    # Two registers may have come out as one name.
    plain = identifiers(dict.fromkeys(wanted.values()), {*module["ports"], *module["cells"]})
    once = {word: bit for bit, word in wanted.items()}
    found.update({bit: plain[word] for word, bit in once.items()})
    taken = {*found.values(), *module["cells"]}
    for cell in module["cells"].values():
        for bit in (bit for bits in cell["connections"].values() for bit in bits):
            if isinstance(bit, int) and bit not in found:
                name = f"n{bit}"
                found[bit] = name if name not in taken else f"net_{bit}"
    return found
