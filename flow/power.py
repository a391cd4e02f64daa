"""The verb `power`: a netlist simulated on real data, what switches in it counted, and weighed with its library."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from quadrille.algo.spec import InvalidInput

from .power_report import NetlistPower, power_picture
from .progress import Report, silent
from .results import plain

if TYPE_CHECKING:
    from quadrille.boards.asic.liberty import Library
    from quadrille.boards.asic.power import MappedNetlist
    from quadrille.boards.asic.saif import Switching
    from quadrille.sim.accelerator import Accelerator
    from quadrille.sim.manifest import Manifest
    from quadrille.sim.schedule import Schedule

__all__ = ["IMAGES", "check_results", "power_of"]

IMAGES = 50
"""Images that are run unless told otherwise."""

FILES = ("power.json", "power.png", "switching.saif")
COMPILED = 50_000
"""Cycles from which on a netlist is compiled before it runs: until then compiling takes longer than they do without."""
SCENARIO = "flow"
"""Of a testbench, the scenario that is played: beats as fast as they are taken."""


class Played(NamedTuple):
    """What was run, of an accelerator how many images, and what switched, as SAIF too."""

    data: str
    switching: Switching
    saif: bytes
    images: int | None = None


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

    Nothing is compiled where an accelerator runs for less than some ten thousand cycles: numpy evaluates its cells (see
    `boards.asic.levels`), and Verilator those of longer runs and of other blocks.

    For energies by component: `power_of(folder, images=16)` has `modules`, each with its `place`, and what it takes of
    a cycle, `energy(period)` in fJ.

    Raises
    ------
    InvalidInput
        If the folder holds no netlist or its library is not there, there are not so many images, or what comes out is
        not what it must be.
    MissingTool, BuildFailed
        If the simulation cannot be built.
    """
    from quadrille.boards.asic.power import LEFT_OUT, power, read_netlist
    from quadrille.hw.export import publish
    from quadrille.sim.manifest import read_manifest

    folder = Path(folder)
    manifest = read_manifest(folder)
    mapping = manifest.entries.get("mapping")
    if not isinstance(mapping, dict) or manifest.clock is None:
        raise InvalidInput(f"Design must be a netlist with a clock that export --asic wrote, and {folder} holds none")
    cells = _library(mapping, [Path(path) for path in liberty])
    publish(folder, {})  # says that the folder cannot be written before the work, not after it
    progress("power, reading the netlist")
    boxes = [path for path in (folder / "memories.blackbox.v",) if path.is_file()]
    mapped = read_netlist(folder / manifest.verilog, manifest.top, cells, boxes)
    if (folder / "program.json").is_file():
        played = _run_images(manifest, mapped, images, progress)
    else:
        if images is not None:
            raise InvalidInput(f"Images must be given for an accelerator, and {manifest.top} is none")
        played = _play_testbench(folder, manifest.top, progress)
    progress("power, weighing what switched with the library")
    images, cycles = played.images, played.switching.changes[manifest.clock] // 2
    found = power(mapped, played.switching, cells.voltage, cycles)
    period = period or _period(folder) or mapped.critical_path
    total = found.total
    result = NetlistPower(
        top=manifest.top,
        library=str(mapping.get("library", "")),
        data=played.data,
        images=images,
        cycles=cycles,
        period=period,
        power=total.power(period),
        dynamic=total.dynamic / period * 1e-3,
        leakage=total.leakage * 1e-6,
        energy=total.energy(period) * 1e-3,
        energy_per_image=total.energy(period) * cycles / images * 1e-3 if images else None,
        modules=tuple(sorted(found.modules, key=lambda module: -module.power(period))),
        memories=found.memories,
        nets=found.nets,
        unseen=found.unseen,
        left_out=LEFT_OUT,
        folder=folder,
        files=tuple(folder / name for name in FILES),
    )
    text = json.dumps(plain(result), indent=2) + "\n"
    publish(folder, dict(zip(FILES, (text, power_picture(result), played.saif), strict=True)))
    return result


def _library(mapping: dict[str, Any], files: Sequence[Path]) -> Library:
    """The library that a netlist was mapped to."""
    from quadrille.boards.asic.liberty import open_library
    from quadrille.boards.targets import LIBRARIES, library

    if files:
        return open_library(files)
    name, wanted = mapping.get("library"), ", ".join(mapping.get("liberty", ()))
    if name not in LIBRARIES:
        raise InvalidInput(f"Liberty files of the netlist must be given, {wanted}, as library {name!r} is not known")
    try:
        return open_library(library(str(name)).files)
    except InvalidInput as missing:
        raise InvalidInput(f"Liberty files of the netlist must be given, {wanted}, or be found: {missing}") from None


def _period(folder: Path) -> float | None:
    """The clock period that a netlist was made for, or else the shortest that it reached, in ns."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return report["clock_period"] or report["reached"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _run_images(manifest: Manifest, mapped: MappedNetlist, images: int | None, progress: Report) -> Played:
    """Run images on the netlist, which must give what its network gives."""
    from quadrille.algo.integer.execution import check_images
    from quadrille.boards.asic.saif import saif_text
    from quadrille.sim.accelerator import read_accelerator
    from quadrille.sim.schedule import Schedule

    from .generation import configuration_of
    from .netlist_run import run_netlist
    from .verification import held_out, predicted_cycles

    accelerator = read_accelerator(manifest.folder)
    name, pictures, _ = held_out(accelerator.network, IMAGES if images is None else images)
    pictures = check_images(accelerator.network.input, pictures)
    count = len(pictures)
    schedule = Schedule.constant(count, 0, accelerator.frames, switches=accelerator.switches)
    cycles = predicted_cycles(accelerator.modes, configuration_of(manifest.folder), [schedule])
    if mapped.netlist.latches or cycles > COMPILED:
        words, switching, saif = _compiled(accelerator, pictures, schedule, progress)
    else:
        switching, words = run_netlist(
            accelerator, mapped, pictures, schedule, lambda share: progress("simulation", round(share * count), count)
        )
        saif = saif_text(switching, manifest.top).encode()
    check_results(accelerator, accelerator.results(words, schedule), pictures)
    data = f"{count} random images" if name == "random" else f"{count} images of {name}"
    return Played(data, switching, saif, count)


def _compiled(
    accelerator: Accelerator, pictures: NDArray[Any], schedule: Schedule, progress: Report
) -> tuple[NDArray[Any], Switching, bytes]:
    """Words that left and what switched in a netlist that Verilator compiles, which is worth it where it runs long."""
    from quadrille.boards.asic.saif import read_saif
    from quadrille.sim.comparison import simulate
    from quadrille.sim.model import Model

    with (
        tempfile.TemporaryDirectory(prefix="quadrille-") as name,
        Model(accelerator.manifest, trace="saif", progress=lambda text: progress(f"simulation, {text}")) as model,
    ):
        counted = Path(name) / "switching.saif"
        progress("simulation, running")
        run = simulate(accelerator, model, pictures, schedule, wave=counted)
        words = run.streams["o"].fields["data"].view("<u8")
        return words, read_saif(counted, accelerator.manifest.top), counted.read_bytes()


def check_results(accelerator: Accelerator, results: NDArray[Any], pictures: NDArray[Any]) -> None:
    """Refuse `results` that are not those of the accelerator's network for `pictures`.

    Raises
    ------
    InvalidInput
        If there is one that differs.
    """
    from quadrille.algo.integer.execution import Executor

    network = accelerator.network
    expected = Executor(network).run(pictures)[network.result.name]
    wrong = (results != expected).reshape(len(pictures), -1).any(axis=1)
    if wrong.any():
        raise InvalidInput(
            f"Netlist {accelerator.manifest.top} must give what {network.name} gives, and does not for image"
            f" {int(wrong.argmax())}"
        )


def _play_testbench(folder: Path, top: str, progress: Report) -> Played:
    """Play a scenario of the block's testbench on the netlist."""
    from quadrille.boards.asic.saif import read_saif
    from quadrille.tb.manifest import Manifest
    from quadrille.tb.regression import DEFAULT_SEED, module_of
    from quadrille.tb.runner import build, simulate

    manifest = Manifest.read(folder)
    module = module_of(manifest.block)
    progress("simulation, building the testbench")
    simulator = build(manifest, counts=True)
    progress("simulation, running")
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        place = Path(name)
        outcomes = simulate(simulator, module, seed=DEFAULT_SEED, folder=place, only=f"scenario={SCENARIO}$")
        for outcome in outcomes:
            if outcome.reason is not None:
                raise InvalidInput(f"Netlist {manifest.label} must pass its testbench, and does not: {outcome.reason}")
        counted = place / "dump.saif"
        data = f"scenario {SCENARIO} of {module.rpartition('.')[2]}"
        return Played(data, read_saif(counted, top), counted.read_bytes())
