"""The verb `power`: a netlist simulated on real data, what switches in it counted, and weighed with its library."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .figures import INK, MUTED, entitle, sheet, tidy
from .progress import Report, silent
from .results import Result, plain
from .tables import table_html, table_text

if TYPE_CHECKING:
    from quadrille.boards.asic.liberty import Library
    from quadrille.sim.manifest import Manifest

__all__ = ["IMAGES", "NetlistPower", "PowerOfModule", "power_of"]

IMAGES = 50
"""Images that are run unless told otherwise."""

FILES = ("power.json", "power.png", "switching.saif")
MOST_BARS = 24
SCENARIO = "flow"
"""Of a testbench, the scenario that is played: beats as fast as they are taken."""

COLOURS = ("#2457a6", "#3a8f5c", "#b59a1f", "#9aa7b5")


@dataclass(frozen=True)
class PowerOfModule:
    """What the cells of one instance take, without those of instances within it; "." is the top.

    Energies of one cycle in fJ: `clock` at clock pins and in clock gates, `switching` in the capacitance of the other
    input pins, `internal` within cells; `leakage` in nW; `power` in mW at the clock.
    """

    place: str
    cells: int
    clock: float
    switching: float
    internal: float
    leakage: float
    power: float

    @property
    def energy(self) -> float:
        """Energy of one cycle but for leakage, in fJ."""
        return self.clock + self.switching + self.internal


@dataclass(frozen=True)
class NetlistPower(Result):
    """The power of a netlist, an estimate before layout.

    Attributes
    ----------
    data : what was run, and `cycles` how long
    images : how many; none of a block that its testbench stimulates
    period : of the clock, in ns
    power : of all cells, in mW at that clock; dynamic and leakage
    energy : of a cycle, in pJ, with leakage
    energy_per_image : in pJ, with leakage
    modules : the largest first
    memories : black boxes, which are left out
    unseen : nets whose switching nobody knows, of `nets`; they count as resting
    left_out : what else the estimate does not hold
    """

    title: ClassVar[str] = "Power"
    headings: ClassVar[tuple[str, ...]] = ("module", "mW", "", "clock", "switching", "internal", "leakage", "pJ/image")

    top: str
    library: str
    data: str
    images: int | None
    cycles: int
    period: float
    power: float
    dynamic: float
    leakage: float
    energy: float
    energy_per_image: float | None
    modules: tuple[PowerOfModule, ...]
    memories: tuple[str, ...]
    nets: int
    unseen: int
    left_out: tuple[str, ...]
    folder: Path

    def summary(self) -> Sequence[tuple[str, str]]:
        """The whole, and what it does not hold."""
        per_image = self.energy_per_image
        return [
            ("netlist", f"{self.top} in {self.library}"),
            ("data", f"{self.data}, {self.cycles:,} cycles"),
            ("clock", f"{1e3 / self.period:,.0f} MHz, {self.period:.3f} ns"),
            ("power", f"{self.power:.3f} mW: {self.dynamic:.3f} dynamic, {self.leakage:.3f} leakage"),
            ("energy", f"{self.energy:,.2f} pJ a cycle" + (f", {per_image:,.0f} pJ an image" if per_image else "")),
            *([("memories", f"{len(self.memories)} black boxes, left out")] if self.memories else []),
            *([("not seen", f"{self.unseen:,} of {self.nets:,} nets, taken as at rest")] if self.unseen else []),
            ("estimate", f"without {', '.join(self.left_out)}"),
            ("files", f"{self.folder}/ {' '.join(FILES)}"),
        ]

    def rows(self) -> list[list[str]]:
        """The table of the modules: mW, and shares of it."""
        per_image = self.cycles / self.images if self.images else 0.0
        found: list[list[str]] = []
        for module in self.modules:
            milliwatts = [part / self.period * 1e-3 for part in (module.clock, module.switching, module.internal)]
            found.append(
                [
                    self.top if module.place == "." else module.place,
                    f"{module.power:.4f}",
                    f"{100 * module.power / self.power if self.power else 0:.1f} %",
                    *(f"{each:.4f}" for each in (*milliwatts, module.leakage * 1e-6)),
                    f"{module.power * self.period * per_image:,.1f}" if self.images else "",
                ]
            )
        return found

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{table_text(self.headings, self.rows())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + table_html(self.headings, self.rows())


def power_of(
    folder: Path | str,
    *,
    images: int | None = None,
    liberty: Sequence[Path | str] = (),
    period: float | None = None,
    progress: Report = silent,
) -> NetlistPower:
    """The power of the netlist in `folder`, which `quadrille export --asic` wrote, by module.

    An accelerator runs `images` held-out images (50 unless told otherwise; random ones where its network names no data
    set), the loading of its program left out; any other block plays the scenario `flow` of its testbench. `period` is
    that of the clock in ns, by default the one that the netlist was made for. `liberty` are the files of its library,
    which need not be named where that is one known by name. `power.json`, `power.png` and `switching.saif` are written
    into `folder`.

    For energies by component: `power_of(folder, images=16).modules`, each with its `place`, and `energy` in fJ a cycle
    and `leakage` in nW, which is `leakage * period * 1e-3` fJ a cycle.

    Raises
    ------
    InvalidInput
        If the folder holds no netlist or its library is not there, or there are not so many images.
    MissingTool, BuildFailed
        If the simulation cannot be built.
    """
    from quadrille.boards.asic.power import LEFT_OUT, power, read_netlist
    from quadrille.boards.asic.saif import read_saif
    from quadrille.hw.export import publish
    from quadrille.sim.manifest import read_manifest

    folder = Path(folder)
    manifest = read_manifest(folder)
    mapping = manifest.entries.get("mapping")
    if not isinstance(mapping, dict) or manifest.clock is None:
        raise InvalidInput(f"Design must be a netlist with a clock that export --asic wrote, and {folder} holds none")
    cells = _library(mapping, [Path(path) for path in liberty])
    publish(folder, {})  # says that the folder cannot be written before the work, not after it
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        counted = Path(name) / "switching.saif"
        if (folder / "program.json").is_file():
            data, images = _run_images(manifest, images, counted, progress)
        else:
            if images is not None:
                raise InvalidInput(f"Images must be given for an accelerator, and {manifest.top} is none")
            data = _play_testbench(folder, counted, progress)
        progress("reading what switched", 0, 0)
        switching = read_saif(counted, manifest.top)
        saif = counted.read_bytes()
    progress("weighing it with the library", 0, 0)
    boxes = [path for path in (folder / "memories.blackbox.v",) if path.is_file()]
    mapped = read_netlist(folder / manifest.verilog, manifest.top, cells, boxes)
    cycles = switching.changes[manifest.clock] // 2
    found = power(mapped, switching, cells.voltage, cycles)
    period = period or _period(folder) or mapped.critical_path
    total = found.total
    result = NetlistPower(
        top=manifest.top,
        library=str(mapping.get("library", "")),
        data=data,
        images=images,
        cycles=cycles,
        period=period,
        power=total.power(period),
        dynamic=total.dynamic / period * 1e-3,
        leakage=total.leakage * 1e-6,
        energy=total.energy(period) * 1e-3,
        energy_per_image=total.energy(period) * cycles / images * 1e-3 if images else None,
        modules=tuple(PowerOfModule(**vars(module), power=module.power(period)) for module in found.modules),
        memories=found.memories,
        nets=found.nets,
        unseen=found.unseen,
        left_out=LEFT_OUT,
        folder=folder,
    )
    text = json.dumps(plain(result), indent=1) + "\n"
    publish(folder, dict(zip(FILES, (text, _picture(result), saif), strict=True)))
    return result


def _library(mapping: dict[str, Any], files: Sequence[Path]) -> Library:
    """The library that a netlist was mapped to."""
    from quadrille.boards.asic.liberty import open_library
    from quadrille.boards.targets import LIBRARIES, library

    name = mapping.get("library")
    if files:
        return open_library(files)
    if name not in LIBRARIES:
        wanted = ", ".join(mapping.get("liberty", ()))
        raise InvalidInput(f"Liberty files of the netlist must be given, {wanted}, as library {name!r} is not known")
    return open_library(library(str(name)).files)


def _period(folder: Path) -> float | None:
    """The clock period that a netlist was made for, or else the shortest that it reached, in ns."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return report["clock_period"] or report["reached"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _run_images(manifest: Manifest, images: int | None, counted: Path, progress: Report) -> tuple[str, int]:
    """Run images on the netlist; what they are, and how many."""
    from quadrille.algo.integer.execution import check_images
    from quadrille.sim.accelerator import read_accelerator
    from quadrille.sim.comparison import simulate
    from quadrille.sim.model import Model
    from quadrille.sim.schedule import Schedule

    from .verification import held_out

    accelerator = read_accelerator(manifest.folder)
    name, pictures, _ = held_out(accelerator.network, IMAGES if images is None else images)
    pictures = check_images(accelerator.network.input, pictures)
    schedule = Schedule.constant(len(pictures), 0, accelerator.frames, switches=accelerator.switches)
    with Model(accelerator.manifest, trace="saif", progress=lambda message: progress(message, 0, 0)) as model:
        progress("simulating", 0, 0)
        simulate(accelerator, model, pictures, schedule, wave=counted)
    return f"{len(pictures)} images of {name}", len(pictures)


def _play_testbench(folder: Path, counted: Path, progress: Report) -> str:
    """Play a scenario of the block's testbench on the netlist; what was played."""
    from quadrille.tb.manifest import Manifest
    from quadrille.tb.regression import DEFAULT_SEED, module_of
    from quadrille.tb.runner import build, simulate

    manifest = Manifest.read(folder)
    module = module_of(manifest.block)
    progress(f"building the testbench of {manifest.block}", 0, 0)
    simulator = build(manifest, counts=True)
    progress("simulating", 0, 0)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        place = Path(name)
        outcomes = simulate(simulator, module, seed=DEFAULT_SEED, folder=place, only=f"scenario={SCENARIO}$")
        for outcome in outcomes:
            if outcome.reason is not None:
                raise InvalidInput(f"Netlist {manifest.label} must pass its testbench, and does not: {outcome.reason}")
        counted.write_bytes((place / "dump.saif").read_bytes())
    return f"scenario {SCENARIO} of {module.rpartition('.')[2]}"


def _picture(result: NetlistPower) -> bytes:
    """The power of each module as a bar by its parts, the largest on top: PNG."""
    modules = result.modules[:MOST_BARS]
    parts = {
        "clock": [module.clock for module in modules],
        "switching": [module.switching for module in modules],
        "internal": [module.internal for module in modules],
        "leakage": [module.leakage * result.period * 1e-3 for module in modules],
    }
    with sheet(6.4, 1.1 + 0.24 * len(modules)) as drawn:
        axes = drawn.figure.add_subplot()
        start = [0.0] * len(modules)
        for (part, energies), colour in zip(parts.items(), COLOURS, strict=True):
            widths = [energy / result.period * 1e-3 for energy in energies]
            axes.barh(range(len(modules)), widths, left=start, color=colour, height=0.7, label=part)
            start = [before + width for before, width in zip(start, widths, strict=True)]
        names = [result.top if module.place == "." else module.place for module in modules]
        axes.set_yticks(range(len(modules)), names, color=INK)
        axes.invert_yaxis()
        axes.set_xlabel(f"mW at {1e3 / result.period:,.0f} MHz, before layout", color=MUTED)
        axes.legend(loc="lower right", frameon=False)
        tidy(axes, axis="x")
        entitle(axes, f"{result.top} in {result.library}: {result.power:.2f} mW, {result.data}")
    return drawn.data
