"""Power of a mapped netlist, by module, from the switching of its nets: an estimate before layout."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from quadrille.algo.spec import InvalidInput

from ..synthesis import run_yosys
from .activity import pin_costs
from .hierarchy import flattened
from .liberty import Library
from .netlist import Bit, Netlist
from .saif import Switching
from .timing import timing

__all__ = ["LEFT_OUT", "MappedNetlist", "ModulePower", "Power", "power", "read_netlist"]

LEFT_OUT = (
    "wires",
    "the buffers of the clock's tree",
    "glitches, as the simulation has no delays",
    "short circuits but for what the library counts as internal",
    "whatever hangs at output ports",
)
"""What the estimate does not hold."""


@dataclass(frozen=True)
class MappedNetlist:
    """A netlist with the names of its nets, several where one crosses a border; `memories` are black boxes."""

    netlist: Netlist
    names: Mapping[str, Bit]
    memories: tuple[str, ...]

    @cached_property
    def critical_path(self) -> float:
        """Its longest path, in ns; see `timing`."""
        return timing(self.netlist).critical_path


@dataclass(frozen=True)
class ModulePower:
    """What the cells of one instance take, without those within it; `place` is its path, "." the top.

    Energies are of one cycle, in fJ: `clock` at clock pins and in clock gates, `switching` in the capacitances of the
    other input pins, `internal` within cells. `leakage` is in nW.
    """

    place: str
    cells: int
    clock: float
    switching: float
    internal: float
    leakage: float

    @property
    def dynamic(self) -> float:
        """Energy of one cycle but for leakage, in fJ."""
        return self.clock + self.switching + self.internal

    def energy(self, period: float) -> float:
        """Energy of one cycle of `period` ns, in fJ, with leakage."""
        return self.dynamic + self.leakage * period * 1e-3

    def power(self, period: float) -> float:
        """Power at a clock of `period` ns, in mW."""
        return self.energy(period) / period * 1e-3


@dataclass(frozen=True)
class Power:
    """The estimate for a run of `cycles`.

    `modules` are in the order of their energy. `unseen` counts nets whose switching is not known, which is taken as
    none; `memories` are black boxes, which are left out.
    """

    cycles: int
    modules: tuple[ModulePower, ...]
    nets: int
    unseen: int
    memories: tuple[str, ...]

    @cached_property
    def total(self) -> ModulePower:
        """The sum of the modules."""
        fields = ("cells", "clock", "switching", "internal", "leakage")
        sums = {name: sum(getattr(module, name) for module in self.modules) for name in fields}
        return ModulePower(place=".", **sums)


def read_netlist(verilog: Path, top: str, library: Library, black_boxes: Sequence[Path] = ()) -> MappedNetlist:
    """The netlist `top` in the file `verilog`, flattened; modules of the files `black_boxes` are cut out.

    Raises
    ------
    InvalidInput
        If it cannot be read, or holds cells that `library` has not.
    MissingTool
        If pyosys is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="quadrille-") as folder:
        result = Path(folder) / "netlist.json"
        commands = [f'read_verilog -lib "{path.resolve()}"' for path in black_boxes]
        commands += [f'read_verilog "{verilog.resolve()}"', f"write_json {result}"]
        run_yosys(commands, f"Netlist {verilog}", 600.0)
        modules = json.loads(result.read_text(encoding="utf-8"))["modules"]
    if top not in modules:
        raise InvalidInput(f"Netlist {verilog} must have the module {top!r}, and has it not")
    flat = flattened(modules, top)
    names = {
        name.replace("\\", "") if len(wire["bits"]) == 1 else f"{name}[{place}]".replace("\\", ""): bit
        for name, wire in flat["netnames"].items()
        for place, bit in enumerate(wire["bits"])
    }
    memories = tuple(sorted({name.rpartition(".")[0] for name in flat["ports"]} - {""}))
    return MappedNetlist(Netlist.of(flat, library), names, memories)


def power(mapped: MappedNetlist, switching: Switching, voltage: float, cycles: int) -> Power:
    """What `mapped` takes at `voltage` volts while its nets switch as in `switching`, which is of `cycles` cycles.

    Each change of a net costs each pin on it half C V^2 and the library's internal energy (see `pin_costs`), and that
    is charged to the module of the cell which has the pin. The library's leakage of each cell is that of its state in
    the mean. Left out is what LEFT_OUT says. A simulator may count a change of every net that begins with 1, which is
    nothing beside thousands of cycles.
    """
    changes: dict[Bit, int] = {}
    for name, net in mapped.names.items():
        if name in switching.changes:
            # All names of a net tell the same, and a simulator may drop some.
            changes[net] = max(changes.get(net, 0), switching.changes[name])
    sums: dict[str, dict[str, float]] = {}

    def module_of(instance: str) -> dict[str, float]:
        return sums.setdefault(
            instance.rpartition(".")[0] or ".",
            {"cells": 0, "clock": 0.0, "switching": 0.0, "internal": 0.0, "leakage": 0.0},
        )

    unseen: set[Bit] = set()
    nets: set[Bit] = set()
    for pin in pin_costs(mapped.netlist, voltage):
        if isinstance(pin.net, str):
            continue
        nets.add(pin.net)
        if pin.net not in changes:
            unseen.add(pin.net)
            continue
        rate = changes[pin.net] / cycles
        module = module_of(pin.instance.name)
        module["clock" if pin.clocks else "switching"] += rate * pin.charge
        module["clock" if pin.clocks else "internal"] += rate * pin.internal
    for instance in mapped.netlist.instances:
        module = module_of(instance.name)
        module["cells"] += 1
        module["leakage"] += instance.cell.leakage
    found = [
        ModulePower(place=place, **{**values, "cells": int(values["cells"])})  # pyright: ignore[reportArgumentType]
        for place, values in sums.items()
    ]
    ordered = tuple(sorted(found, key=lambda module: (-module.dynamic, module.place)))
    return Power(cycles, ordered, len(nets), len(unseen), mapped.memories)
