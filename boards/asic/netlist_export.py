"""An exported design in the cells of a library: a netlist of several modules, what each takes, and how fast it is."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quadrille.algo.spec import InvalidInput

from ..synthesis import halved_squares, run_yosys
from ..targets import CellLibrary
from .cell_functions import buffer_of, check_complete, ties_of
from .elaboration import elaborate, elaborated
from .hierarchy import ModuleCost, flattened, module_costs
from .idle import drop_idle
from .latch_cells import store_in_latches
from .liberty import Library
from .mapping import Mapping as CellMapping
from .mapping import smallest_nand
from .memories import MemoryShape, blackbox_text
from .netlist import Netlist
from .structural import named, netlist_text
from .testability import check_testable
from .timing import Timing, timing

__all__ = ["IO_SHARE", "MappedDesign", "map_design"]

IO_SHARE = 0.2
"""Of the clock period, for what is before an input port, and again for what is behind an output port."""
SHARES = (1.5, 1.0)
"""Of the clock period, that logic is mapped for, one after the other until the clock is met: the longer the smaller.

What ABC estimates is longer than what static timing finds in the end, so that the first may do.
"""


@dataclass(frozen=True)
class MappedDesign:
    """A design in cells of `library`.

    `verilog` is the netlist and `rtl` what it was made of, both with `memories` as black boxes, whose number stands
    beside each; `largest_memory` are the bits of the largest of the others. `cells` are counted by type, `modules` say
    what each instance takes. `io_delay` is what `timing` leaves for the outside at either end, in ns, and `nand_area`
    that of the smallest two-input NAND, in um2.
    """

    top: str
    library: Library
    verilog: str
    rtl: str
    memories: Mapping[MemoryShape, int]
    largest_memory: int
    cells: Mapping[str, int]
    modules: tuple[ModuleCost, ...]
    timing: Timing
    io_delay: float
    nand_area: float

    @property
    def period(self) -> float:
        """The shortest clock period, in ns."""
        return self.timing.critical_path


def map_design(
    verilog: Path,
    top: str,
    target: CellLibrary,
    *,
    macros: bool,
    clock: str | None = "clk",
    clock_period: float | None = None,
    latches: bool = False,
    timeout: float = 3600.0,
    progress: Callable[[str], None] = lambda label: None,
) -> MappedDesign:
    """The module `top` of `verilog` in the cells of `target`.

    With `latches` the rows of memories that are made of registers are latches (see `with_latches`).

    The submodules of `top` (see `elaborated`) are mapped one by one, for speed, and registers that share an enable get
    a gated clock where the library has a cell for that. With `macros`, memories that can be are black boxes. Timing is
    that of the whole netlist, across its modules; of black boxes it knows nothing: what they drive is there with the
    clock.

    Raises
    ------
    InvalidInput
        If the Verilog cannot be read, has no place in the library, latches, or feeds back into itself without a
        register, a memory must start with contents, or time is up.
    MissingTool
        If pyosys is not installed.
    """
    noun = f"Module {top!r} of {verilog}"
    if not verilog.is_file():
        raise InvalidInput(f"Verilog must be a file, and {verilog} is none")
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        mapping = CellMapping(target, folder)
        check_complete(mapping.library, target.dont_use)
        nand_area = smallest_nand(mapping.library)
        progress("reading the design")
        before, boxes, rtl, ready = (folder / file for file in ("design.json", "memories.v", "rtl.v", "ready.il"))
        reading = [f'read_verilog "{verilog.resolve()}"']
        elaborate(reading, top, before, lambda commands: run_yosys(commands, noun, timeout))
        design = elaborated(before, top, macros=macros, merged=True)
        before.write_text(json.dumps(design.design), encoding="utf-8")
        boxes.write_text(blackbox_text(design.shapes) + design.adapters, encoding="utf-8")
        progress("mapping registers")
        commands = [
            f"read_verilog {boxes}",
            f"read_json {before}",
            *halved_squares(top),
            f"write_verilog -noattr {rtl}",
            f"synth -flatten -hieropt -noabc -noshare -top {top}",
        ]
        if latches:
            stored = folder / "stored.json"
            run_yosys([*commands, f"write_json {stored}"], noun, timeout)
            store_in_latches(stored, mapping, target.dont_use)
            commands = [f"read_json {stored}"]
        commands += [*mapping.gate_clocks, mapping.map_registers, f"write_rtlil {ready}"]
        run_yosys(commands, noun, timeout)
        rtl_text = rtl.read_text(encoding="utf-8")
        delays: tuple[float | None, ...] = (None,)
        if clock_period is not None:
            delays = (*(share * clock_period for share in SHARES), None)
        result, found = folder / "mapped.json", None
        while found is None or (delays and clock_period is not None and found.period > clock_period):
            delay, *rest = delays
            delays = tuple(rest)
            progress("mapping logic")
            commands = [
                f"read_rtlil {ready}",
                mapping.map_logic(delay),
                *_finishing(mapping.library, target.dont_use),
                f"write_json {result}",
            ]
            run_yosys(commands, noun, timeout)
            modules: dict[str, dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))["modules"]
            _check_mapped(modules, target)
            drop_idle(modules, top, mapping.library)
            progress("timing")
            found = _measured(top, named(modules, mapping.library), mapping.library, clock_period, clock, latches)
    return replace(found, nand_area=nand_area, rtl=rtl_text, memories=design.shapes, largest_memory=design.largest)


def _measured(
    top: str,
    modules: Mapping[str, Mapping[str, Any]],
    library: Library,
    clock_period: float | None,
    clock: str | None,
    latches: bool,
) -> MappedDesign:
    """What a mapped netlist takes, and how fast it is."""
    flat = Netlist.of(flattened(modules, top), library)
    check_testable(flat, top, clock, latches=latches)
    io_delay = IO_SHARE * (timing(flat).critical_path if clock_period is None else clock_period)
    return MappedDesign(
        top=top,
        library=library,
        verilog=netlist_text(modules, top, f"Netlist in cells of {', '.join(path.name for path in library.files)}"),
        rtl="",
        nand_area=1.0,
        memories={},
        largest_memory=0,
        cells=dict(sorted(Counter(instance.cell.name for instance in flat.instances).items())),
        modules=module_costs(modules, top, library),
        timing=timing(flat, input_delay=io_delay, output_delay=io_delay),
        io_delay=io_delay,
    )


def _finishing(library: Library, dont_use: Sequence[str]) -> list[str]:
    """Commands that leave nothing but cells: constants are cells, and ports that are one net are apart."""
    ties, buffer = ties_of(library, dont_use), buffer_of(library, dont_use)
    tied = "" if ties is None else f"hilomap -singleton -hicell {' '.join(ties.high)} -locell {' '.join(ties.low)}"
    apart = "" if buffer is None else f"insbuf -buf {' '.join(buffer)}"
    return [
        "delete t:$scopeinfo",
        "opt_clean -purge",  # other names of a net too, or each would get a buffer
        "setundef -zero",
        *(command for command in (tied, apart) if command),
        "opt_clean",
    ]


def _check_mapped(modules: Mapping[str, Mapping[str, Any]], target: CellLibrary) -> None:
    """Refuse what the library has no cell for: Yosys' own cells begin with a $."""
    kinds = {cell["type"] for module in modules.values() for cell in module["cells"].values()}
    own = sorted(kind for kind in kinds if kind.startswith("$"))
    if own:
        raise InvalidInput(f"Cell library {target.name} must have cells for {', '.join(own)}, and has none")
