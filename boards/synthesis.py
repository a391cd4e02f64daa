"""Synthesis by Yosys and ABC: what a Verilog design takes on an FPGA family or of a cell library."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput, MissingTool

from .asic.latch_cells import store_in_latches
from .asic.liberty import Library
from .asic.mapping import Mapping as CellMapping
from .asic.mapping import smallest_nand
from .asic.netlist import Netlist
from .asic.timing import timing
from .targets import CellLibrary, Fpga

__all__ = ["Resources", "Synthesized", "counted", "halved_squares", "run_yosys", "synthesize", "synthesize_netlist"]

SCRIPT = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.stdin.read().splitlines():
    libyosys.run_pass(command, design)
"""
KINDS = ("luts", "flip_flops", "multipliers", "carries", "memories", "block_rams", "large_rams", "memory_luts")


@dataclass(frozen=True)
class Resources:
    """What a design takes of `target`: cells by type, and what they count as; none where it has no meaning.

    On an FPGA `luts` are look-up tables (a carry cell of ECP5 takes two), `multipliers` hard multipliers, `memories`
    block or distributed memories, and `block_rams`, `large_rams` and `memory_luts` what those take (see `Fpga`). Of a
    cell library `area` is in um2, `gates` that area in smallest two-input NANDs, `critical_path` in ns (see `timing`:
    cells and pins, no wires) and `leakage` in nW.
    """

    target: str
    cells: Mapping[str, int]
    flip_flops: int
    luts: int | None = None
    multipliers: int | None = None
    carries: int | None = None
    memories: int | None = None
    area: float | None = None
    gates: float | None = None
    critical_path: float | None = None
    leakage: float | None = None
    block_rams: int | None = None
    large_rams: int | None = None
    memory_luts: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """These fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Synthesized:
    """A design mapped to a cell library: what it takes, and the netlist."""

    resources: Resources
    netlist: Netlist
    library: Library


def synthesize(
    verilog: Path, top: str, target: Fpga | CellLibrary, *, multipliers: bool = True, timeout: float = 600.0
) -> Resources:
    """What the module `top` of `verilog` takes of `target`, flattened, by Yosys (and ABC) as they come.

    Parameters
    ----------
    multipliers
        Whether products may take the hard multipliers of an FPGA; without, they are made of look-up tables.
    timeout
        Seconds after which synthesis is given up.

    Raises
    ------
    InvalidInput
        If the Verilog cannot be read or elaborated, a Liberty file cannot be used, or time is up.
    MissingTool
        If pyosys is not installed.
    """
    if isinstance(target, CellLibrary):
        return synthesize_netlist(verilog, top, target, timeout=timeout).resources
    squares = [] if multipliers else halved_squares(top)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as folder:
        report = Path(folder) / "report.json"
        commands = [_read(verilog), *target.commands(top, multipliers=multipliers, early=squares)]
        run_yosys([*commands, f"tee -q -o {report} stat -json"], _noun(verilog, top), timeout)
        cells = json.loads(report.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    return counted(cells, target)


def counted(cells: Mapping[str, int], target: Fpga) -> Resources:
    """What `cells`, by type, take of an FPGA of the family `target`."""
    counts: Counter[str] = Counter()
    for cell, count in cells.items():
        for start, weights in target.kinds.items():
            if cell.startswith(start):
                counts.update({kind: weight * count for kind, weight in weights.items()})
                break
    return Resources(target.name, cells, **{kind: counts[kind] for kind in KINDS})


def synthesize_netlist(
    verilog: Path,
    top: str,
    target: CellLibrary,
    *,
    clocked: bool = False,
    latches: bool = False,
    timeout: float = 600.0,
) -> Synthesized:
    """The netlist of the module `top` of `verilog` in the cells of `target`, and what it takes.

    Yosys' generic synthesis, flattened, squares as such (square.v), registers mapped first, then logic by ABC with its
    script that buffers and sizes cells: as fast as they come, for no given clock. For designs that are `clocked`, 4 or
    more registers of the same enable share a gated clock instead of a multiplexer each, where the library has a cell
    for that, and ABC maps for delay first (`map`, where its own script looks for area and chains adders). With
    `latches` the rows of memories that are made of registers are latches (see `with_latches`).

    Raises
    ------
    InvalidInput, MissingTool
        As `synthesize`.
    """
    with tempfile.TemporaryDirectory(prefix="quadrille-") as folder:
        mapping = CellMapping(target, Path(folder))
        library, result = mapping.library, Path(folder) / "netlist.json"
        reading = [_read(verilog), *halved_squares(top), f"synth -flatten -top {top}"]
        if latches:
            stored = Path(folder) / "stored.json"
            run_yosys([*reading, f"write_json {stored}"], _noun(verilog, top), timeout)
            store_in_latches(stored, mapping, target.dont_use)
            reading = [f"read_json {stored}"]
        commands = [
            *reading,
            *mapping.commands(clocked=clocked),
            "opt_clean -purge",
            f"write_json {result}",
        ]
        run_yosys(commands, _noun(verilog, top), timeout)
        module = json.loads(result.read_text(encoding="utf-8"))["modules"][top]
        _check_mapped(module, target)
        netlist = Netlist.of(module, library)
    area = netlist.area
    resources = Resources(
        target=target.name,
        cells=dict(sorted(Counter(instance.cell.name for instance in netlist.instances).items())),
        flip_flops=len(netlist.registers),
        area=area,
        gates=area / smallest_nand(library),
        critical_path=timing(netlist).critical_path,
        leakage=netlist.leakage,
    )
    return Synthesized(resources, netlist, library)


def run_yosys(commands: list[str], noun: str, timeout: float) -> None:
    """Run Yosys in a process of its own; `noun` names what it reads.

    Raises
    ------
    InvalidInput
        If a command fails, or `timeout` seconds are over.
    MissingTool
        If pyosys is not installed.
    """
    if find_spec("pyosys") is None:
        raise MissingTool("Package pyosys is missing, which synthesis needs: install quadrille[synthesis]")
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input="\n".join(commands),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise InvalidInput(f"{noun} must be synthesized within {timeout:g} s, and was not") from None
    if done.returncode:
        found = re.search(r"ERROR: (.*)", f"{done.stdout}\n{done.stderr}")
        reason = found.group(1).strip().rstrip(".!") if found else f"Yosys ended with status {done.returncode}"
        raise InvalidInput(f"{noun} must go through Yosys, and does not: {reason}")


def halved_squares(top: str) -> list[str]:
    """Commands that make x * x of half the gates of a product, before anything else is chosen."""
    return [
        f"hierarchy -check -top {top}",
        "proc",
        "flatten",
        "opt",
        "wreduce",
        f'techmap -autoproc -map "{Path(__file__).with_name("square.v")}"',
    ]


def _noun(verilog: Path, top: str) -> str:
    return f"Module {top!r} of {verilog}"


def _read(verilog: Path) -> str:
    if not verilog.is_file():
        raise InvalidInput(f"Verilog must be a file, and {verilog} is none")
    return f'read_verilog "{verilog.resolve()}"'


def _check_mapped(module: Mapping[str, Any], target: CellLibrary) -> None:
    """Refuse what the library has no cell for: Yosys' own cells begin with a $."""
    own = sorted({cell["type"] for cell in module["cells"].values() if cell["type"].startswith("$")})
    if own:
        raise InvalidInput(f"Cell library {target.name} must have cells for {', '.join(own)}, and has none")
