"""A design before it is mapped: which memories become macros, and names that every tool reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from .borders import bits_of, instance_counts, kept_modules, merge_equal
from .identifiers import identifiers
from .memories import Memory, MemoryShape, memory_of, starts_with_contents

__all__ = ["Elaborated", "elaborate", "elaborated", "forget_constants"]

REGISTERS = ("$dff", "$adff", "$sdff", "$aldff", "$dffsr")


@dataclass(frozen=True)
class Elaborated:
    """A design in Yosys' JSON, and those of its memories that are macros, by module and name.

    `instances` says how often each of them is there, and `largest` the number of bits of the largest of the others.
    """

    design: dict[str, Any]
    memories: Mapping[str, Memory]
    instances: Mapping[str, int]
    largest: int

    @property
    def shapes(self) -> dict[MemoryShape, int]:
        """The macros that its memories take, and how many of each."""
        counts: Counter[MemoryShape] = Counter()
        for place, memory in self.memories.items():
            counts[memory.shape] += self.instances[place]
        return dict(sorted(counts.items()))

    @property
    def adapters(self) -> str:
        """Verilog between its memories and the macros."""
        texts = {memory.adapter: memory.adapter_text for memory in self.memories.values()}
        return "\n".join(texts[name] for name in sorted(texts))


def elaborate(reading: Sequence[str], top: str, result: Path, run: Callable[[list[str]], None]) -> None:
    """Bring what the commands `reading` read into the form that `elaborated` takes, in the file `result`.

    `run` has Yosys play commands. It does so twice: bits of registers that turn out to be constant must lose what they
    begin with in between, as Yosys refuses a design in which some of them have and some have lost it by itself.
    """
    run(
        [
            *reading,
            f"hierarchy -check -top {top}",
            "proc",
            "opt_expr",
            "opt_dff",  # enables of registers, or a memory's read register is not seen as one
            f"write_json {result}",
        ]
    )
    forget_constants(result)
    run([f"read_json {result}", "opt_clean", "memory -nomap", "opt_clean", f"write_json {result}"])


def forget_constants(path: Path) -> None:
    """Let bits of registers that turned out to be constants begin with nothing, in the design in the file `path`."""
    design = json.loads(path.read_text(encoding="utf-8"))
    for module in design["modules"].values():
        for wire in module["netnames"].values():
            _forget(wire)
    path.write_text(json.dumps(design), encoding="utf-8")


def _forget(wire: dict[str, Any]) -> None:
    text = wire["attributes"].pop("init", "")
    kept = [value if isinstance(bit, int) else "x" for value, bit in zip(text, reversed(wire["bits"]), strict=False)]
    if set(kept) - {"x"}:
        wire["attributes"]["init"] = "".join(kept)


def elaborated(path: Path, top: str, *, macros: bool, merged: bool = False) -> Elaborated:
    """The design in the file `path`, as `elaborate` left it, ready to be mapped.

    The modules of `kept_modules` keep their borders, and all others are dissolved in what is around; with `merged`,
    equal ones become one before. With `macros`, memories that can be are instances of adapters. Names of modules,
    instances and ports are plain identifiers.

    Raises
    ------
    InvalidInput
        If a memory must start with contents that silicon cannot give it.
    """
    modules: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["modules"]
    if merged:
        merge_equal(modules, top)
    kept, counts = kept_modules(modules, top), instance_counts(modules, top)
    memories: dict[str, Memory] = {}
    instances: dict[str, int] = {}
    largest = 0
    for place, module in modules.items():
        for name, cell in module["cells"].items():
            if cell["type"] != "$mem_v2":
                continue
            if starts_with_contents(cell):
                raise InvalidInput(
                    f"Memory {name} of {place} must start with zeros or be read only, and starts with contents"
                )
            memory = memory_of(cell, module["cells"]) if macros else None
            if memory is None:
                largest = max(largest, bits_of(cell))
            else:
                memories[f"{place}.{name}"] = memory
                instances[f"{place}.{name}"] = counts[place]
                module["cells"][name] = _instance(memory)
        if place in kept and place != top:
            module["attributes"]["keep_hierarchy"] = "1"
        _keep_names_of_registers(module)
    return Elaborated({"modules": _renamed(modules, top)}, memories, instances, largest)


def _instance(memory: Memory) -> dict[str, Any]:
    return {
        "hide_name": 0,
        "type": memory.adapter,
        "parameters": {},
        "attributes": {},
        "port_directions": {pin: "output" if pin == "r_data" else "input" for pin in memory.nets},
        "connections": dict(memory.nets),
    }


def _keep_names_of_registers(module: dict[str, Any]) -> None:
    """Drop the names of all wires but registers and ports: most are other words for the same bits."""
    outputs = [cell["connections"]["Q"] for cell in module["cells"].values() if cell["type"].startswith(REGISTERS)]
    driven = {bit for bits in outputs for bit in bits}
    taken: set[Any] = set()
    wires: dict[str, Any] = {}
    for name, wire in module["netnames"].items():
        bits = wire["bits"]
        initial = "init" in wire["attributes"]
        named = not wire["hide_name"] and driven.issuperset(bits) and taken.isdisjoint(bits)
        if initial or named or name in module["ports"]:
            wires[name] = wire
            taken.update(bits)
    module["netnames"] = wires


def _renamed(modules: Mapping[str, dict[str, Any]], top: str) -> dict[str, Any]:
    """The same design with modules, instances and ports of names that every tool reads; `top` and its ports stay."""
    found: dict[str, Any] = {}
    names = {top: top, **identifiers((name for name in modules if name != top), {top})}
    ports = {name: identifiers(module["ports"]) for name, module in modules.items()}
    ports[top] = {port: port for port in modules[top]["ports"]}
    for name, module in modules.items():
        own = ports[name]
        for cell in module["cells"].values():
            inner = ports.get(cell["type"])
            if inner is not None:
                cell["type"] = names[cell["type"]]
                for field in ("port_directions", "connections"):
                    cell[field] = {inner[pin]: value for pin, value in cell[field].items()}
        instances = identifiers(
            (cell for cell, value in module["cells"].items() if value["type"] in names.values()), ()
        )
        wires = {wire: value for wire, value in module["netnames"].items() if wire not in own}
        renamed = identifiers(wires, {*own.values(), *instances.values()})
        found[names[name]] = {
            **module,
            "ports": {own[port]: value for port, value in module["ports"].items()},
            "cells": {instances.get(cell, cell): value for cell, value in module["cells"].items()},
            "netnames": {
                **{own[port]: value for port, value in module["netnames"].items() if port in own},
                **{renamed[wire]: value for wire, value in wires.items()},
            },
        }
    return found
