"""What the components of an accelerator take when Yosys synthesizes it with the borders of its components kept."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from quadrille.hw.engine import Accelerator, Configuration
from quadrille.hw.export import export

from ..asic.elaboration import elaborate, elaborated, forget_constants
from ..asic.hierarchy import module_costs
from ..asic.mapping import Mapping as CellMapping
from ..asic.mapping import smallest_nand
from ..asic.memories import blackbox_text
from ..synthesis import counted, halved_squares, run_yosys
from ..targets import CellLibrary, Fpga

__all__ = ["MEASURED", "Design", "design_of", "gate_area", "measure_components", "measure_whole"]

TOP = "accelerator"
NOUN = "Accelerator of the table of costs"
MEASURED = ("luts", "flip_flops", "multipliers", "block_rams", "large_rams", "memory_luts", "area", "memory_bits")
DELAY = 6000
"""Picoseconds that ABC may take on a family whose look-up tables it maps for delay: in a whole accelerator the longest
path is about that, and a component that is shorter by itself must not pay for a speed that nobody asks of it."""

ROUNDS = 3
"""Of looking for what is constant: behind a register that is there may be another."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Design:
    """The Verilog of an accelerator, and the paths of its components below the top, which is one itself: ""."""

    verilog: str
    components: tuple[str, ...]

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of each module by its name, without the numbers that Yosys counts through the whole design."""
        found: dict[str, str] = {}
        for match in re.finditer(r"^module (\S+?)\s?\(.*?^endmodule", self.verilog, re.MULTILINE | re.DOTALL):
            found[match[1].removeprefix("\\")] = re.sub(r"\$\d+", "", match[0])
        return found

    def children(self, component: str) -> list[str]:
        """The components within one."""
        start = f"{component}." if component else ""
        return [each for each in self.components if each != component and each.startswith(start)]

    def digest(self, component: str | None) -> str:
        """A hash of what a component is made of, without the components within it; with None of the whole."""
        within = [name for name in self.texts if component is None or self.owner(name) == component]
        text = "\n".join(self.texts[name] for name in sorted(within))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def owner(self, module: str) -> str:
        """The component that a module belongs to."""
        place = module.removeprefix(TOP).removeprefix(".")
        owners = [each for each in self.components if not each or place == each or place.startswith(f"{each}.")]
        return max(owners, key=len)


def design_of(configuration: Configuration, components: Iterable[str]) -> Design:
    """The accelerator of `configuration`, whose modules `components` are."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = export(Accelerator(**configuration.values), Path(name) / "design", TOP)
        return Design((folder / f"{TOP}.v").read_text(encoding="utf-8"), tuple(components))


def measure_components(
    design: Design, wanted: Collection[str], target: Fpga | CellLibrary, *, timeout: float = 1800.0
) -> dict[str, Figures]:
    """What components of a design take of `target`, each without those within it, by MEASURED.

    What is constant is known across borders, as it is in an export, of all components, wanted or not: what one takes
    does not depend on which others are wanted. Of an FPGA others are black boxes from then on, but for those that
    `wanted` ones are within; a cell library's design is mapped as a whole, for its borders are looked across until
    there is nothing more to find.

    Raises
    ------
    InvalidInput
        If synthesis fails, or time is up.
    MissingTool
        If pyosys is not installed.
    """
    inner = [each for each in design.components if each]
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        if isinstance(target, CellLibrary):
            found = _mapped(folder, [_read(design, folder)], target, inner, timeout)
            return {each: figures for each, figures in found.items() if each in wanted}
        reading = [
            _read(design, folder),
            f"hierarchy -top {TOP}",
            *(f"setattr -mod -set keep_hierarchy 1 {TOP}.{each}" for each in inner),
            "proc",
        ]
        reading = [
            *_known_constants(reading, folder / "constants.json", timeout),
            *(f"blackbox {TOP}.{each}" for each in inner if not {each, *design.children(each)} & {*wanted}),
            f"scratchpad -set abc9.D {DELAY}",
        ]
        modules = _synthesized(folder, reading, target, timeout)["modules"]
    figures: dict[str, Figures] = {}
    for each in wanted:
        module = modules[f"\\{TOP}.{each}" if each else f"\\{TOP}"]
        figures[each] = _counted(module.get("num_cells_by_type", {}), target)
    return figures


def measure_whole(design: Design, target: Fpga | CellLibrary, *, timeout: float = 1800.0) -> Figures:
    """What a whole design takes of `target`: of an FPGA flat, of a cell library with the borders that an export keeps.

    Raises
    ------
    InvalidInput
        If synthesis fails, or time is up.
    MissingTool
        If pyosys is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder, reading = Path(name), [_read(design, Path(name))]
        if isinstance(target, CellLibrary):
            found = _mapped(folder, reading, target, None, timeout).values()
            return {figure: sum(each[figure] for each in found) for figure in ("area", "flip_flops", "memory_bits")}
        return _counted(_synthesized(folder, reading, target, timeout)["design"]["num_cells_by_type"], target)


def _known_constants(reading: Sequence[str], result: Path, timeout: float) -> list[str]:
    """Commands that read a design in which what is constant, registers too, is known across borders, as it is where
    these are dissolved: the one that the commands `reading` read; by way of the file `result`."""
    commands = [*reading]
    for _ in range(ROUNDS):
        run_yosys([*commands, "opt_expr", "opt_dff -nosdff", f"write_json {result}"], NOUN, timeout)
        forget_constants(result)
        commands = [f"read_json {result}", "opt_clean", "opt_hier"]
    return commands


def gate_area(target: CellLibrary) -> float:
    """The area of the smallest two-input NAND, in um2."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        return smallest_nand(CellMapping(target, Path(name)).library)


def _read(design: Design, folder: Path) -> str:
    source = folder / "design.v"
    source.write_text(design.verilog, encoding="utf-8")
    return f'read_verilog "{source}"'


def _synthesized(folder: Path, reading: Sequence[str], target: Fpga, timeout: float) -> dict[str, Any]:
    """What Yosys counts after the synthesis of what was read."""
    report = folder / "report.json"
    command = f"{target.command} -top {TOP} {target.with_multipliers}"
    run_yosys([*reading, command, f"tee -q -o {report} stat -json"], NOUN, timeout)
    return json.loads(report.read_text(encoding="utf-8"))


def _counted(cells: Mapping[str, int], target: Fpga) -> Figures:
    found = counted(cells, target)
    return {name: value for name in MEASURED if (value := getattr(found, name, None)) is not None}


def _mapped(
    folder: Path, reading: Sequence[str], target: CellLibrary, kept: Sequence[str] | None, timeout: float
) -> dict[str, Figures]:
    """Of a cell library: by the components that are `kept`, or by the modules that an export keeps."""
    mapping = CellMapping(target, folder)
    before, result = folder / "elaborated.json", folder / "mapped.json"
    elaborate(reading, TOP, before, lambda commands: run_yosys(commands, NOUN, timeout))
    design = elaborated(before, TOP, macros=True)
    names = {f"{TOP}_{each}".replace(".", "_"): each for each in kept or ()} | {TOP: ""}
    modules: dict[str, Any] = design.design["modules"]
    if kept is not None:
        for name, module in modules.items():
            module["attributes"].pop("keep_hierarchy", None)
            if name in names and name != TOP:
                module["attributes"]["keep_hierarchy"] = "1"
    before.write_text(json.dumps(design.design), encoding="utf-8")
    (folder / "memories.v").write_text(blackbox_text(design.shapes) + design.adapters, encoding="utf-8")
    commands = [
        f"read_verilog {folder / 'memories.v'}",
        f"read_json {before}",
        *halved_squares(TOP),
        f"synth -flatten -hieropt -noabc -top {TOP}",
        *mapping.gate_clocks,
        mapping.map_registers,
        mapping.map_logic(None),
        "opt_clean",
        "delete */t:$scopeinfo",
        f"write_json {result}",
    ]
    run_yosys(commands, NOUN, timeout)
    mapped: Mapping[str, Any] = json.loads(result.read_text(encoding="utf-8"))["modules"]
    figures: dict[str, Figures] = {}
    for cost in module_costs(mapped, TOP, mapping.library):
        name = names.get(cost.module, cost.module)
        figures[name] = {"area": cost.area, "flip_flops": cost.flip_flops, "memory_bits": 0}
    for place, memory in design.memories.items():
        owners = [name for name in figures if place.startswith(f"{TOP}.{name}".rstrip("."))]
        figures[max(owners, key=len) if owners else ""]["memory_bits"] += memory.shape.words * memory.shape.bits
    return figures
