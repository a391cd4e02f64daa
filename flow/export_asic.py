"""The verb `export --asic`: a design as a netlist in the cells of a library, with what a layout flow needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrille.algo.spec import InvalidInput, MissingTool

from .asic_report import AsicExport, area_picture
from .kept import keep, kept
from .progress import Report, silent
from .results import digest

if TYPE_CHECKING:
    from quadrille.boards.asic.netlist_export import MappedDesign
    from quadrille.boards.targets import CellLibrary
    from quadrille.sim.manifest import Manifest

__all__ = ["AREA", "TABLES", "export_asic"]

TABLES, AREA = "report.txt", "area.png"
CARRIED = (
    "network.safetensors",
    "program.bin",
    "program.json",
    "generation.json",
    "training.json",
    "function.json",
)
"""What stands beside some designs and whoever simulates them wants."""
VERSION = 5
"""Of what is made of the same inputs: another one makes every folder anew."""


def export_asic(
    source: Path | str,
    folder: Path | str,
    *,
    liberty: Sequence[Path | str],
    clock_period: float | None = None,
    memories: str = "black-boxes",
    cells: str = "flip-flops",
    timeout: float = 3600.0,
    progress: Report = silent,
) -> AsicExport:
    """Map the design exported to `source` to the cells of the `liberty` files, and write its netlist into `folder`.

    The folder is one that simulators and testbenches take as they take `source`: a manifest, the netlist, and models of
    its cells and memories. With it come constraints, a report with area by module and the critical path, and the files
    of OpenROAD-flow-scripts. `clock_period` is in ns; without, the design is mapped for speed. Memories of 2,048 bits
    and 16 words or more are "black-boxes", or "flip-flops" as the smaller ones. With `cells` "latches" what rows of
    registers hold, such as weights, is held by latches, with a gated clock for each row.

    Where `folder` holds the outcome of the same inputs already, nothing is made again. What stood there before is
    replaced as a whole, or stays.

    Raises
    ------
    InvalidInput
        If there is no such design, the library lacks what a design needs, the clock is not met (then the one reached
        is given), the netlist is not one that can be tested, or the folder cannot be written.
    MissingTool
        If synthesis is not installed.
    """
    from quadrille.boards.asic.netlist_export import map_design

    source, folder = Path(source), Path(folder)
    manifest = _design_of(source)
    target = _library_of(liberty)
    inputs = _inputs(source, manifest, target, (clock_period, memories, cells))
    before = kept(folder, inputs, _restored)
    if before:
        return before
    with _ready(folder):
        mapped = map_design(
            source / manifest.verilog,
            manifest.top,
            target,
            macros=memories == "black-boxes",
            latches=cells == "latches",
            clock=manifest.clock,
            clock_period=clock_period,
            timeout=timeout,
            progress=lambda label: progress(f"netlist, {label}"),
        )
        if clock_period is not None and mapped.timing.critical_path > clock_period:
            raise InvalidInput(
                f"Clock period of {manifest.top} must be one that is met, and {clock_period:g} ns is not:"
                f" {mapped.timing.critical_path:.3f} ns is reached"
            )
    result = _result(manifest, target, mapped, clock_period, inputs, folder)
    files = _files(source, manifest, result, mapped, target)
    content_hash = json.loads(files[f"{manifest.top}.json"])["content_hash"]
    return keep(replace(result, content_hash=content_hash), files)


@contextmanager
def _ready(folder: Path) -> Iterator[None]:
    """Say that `folder` cannot be written before the work, not after it; where the work fails, it is not made."""
    from quadrille.hw.export import publish

    made = not folder.exists()
    publish(folder, {})
    try:
        yield
    except BaseException:
        if made:
            folder.rmdir()
        raise


def _design_of(source: Path) -> Manifest:
    """The manifest of the design in `source`, whose Verilog is the one that it describes."""
    from quadrille.sim.manifest import read_manifest

    manifest = read_manifest(source)
    if manifest.models:
        raise InvalidInput(f"Design must be Verilog that is not mapped yet, and {source} holds a netlist")
    manifest.verilog_text()
    return manifest


def _library_of(liberty: Sequence[Path | str]) -> CellLibrary:
    from quadrille.boards.asic.recognition import recognized

    return recognized([Path(path) for path in liberty])


def _inputs(source: Path, manifest: Manifest, target: CellLibrary, options: Sequence[object]) -> str:
    """A hash of everything that decides what is made."""
    try:
        tools = version("pyosys")
    except ImportError:
        raise MissingTool("Package pyosys is missing, which synthesis needs: install quadrille[synthesis]") from None
    carried = {name: digest((source / name).read_bytes()) for name in CARRIED if (source / name).is_file()}
    library = [digest(path.read_bytes()) for path in target.files]
    parts = [VERSION, version("quadrille"), tools, manifest.content_hash, carried, library, target.dont_use, *options]
    return digest(json.dumps(parts).encode())


def _result(
    manifest: Manifest,
    target: CellLibrary,
    mapped: MappedDesign,
    clock_period: float | None,
    inputs: str,
    folder: Path,
) -> AsicExport:
    """What the netlist takes; its files are not known yet."""
    names = ("area", "cells", "flip_flops", "gated", "clock_gates", "latches", "leakage")
    total: dict[str, Any] = {name: sum(getattr(module, name) for module in mapped.modules) for name in names}
    return AsicExport(
        design=manifest.block,
        top=manifest.top,
        library=target.name,
        liberty=tuple(path.name for path in target.files),
        **total,
        nand_area=mapped.nand_area,
        clock_period=clock_period,
        reached=mapped.timing.critical_path,
        io_delay=mapped.io_delay,
        modules=tuple(sorted(mapped.modules, key=lambda module: -module.area)),
        path=mapped.timing.path,
        memories=tuple(shape.record(count) for shape, count in mapped.memories.items()),
        content_hash="",
        inputs_hash=inputs,
        folder=folder,
    )


def _files(
    source: Path, manifest: Manifest, result: AsicExport, mapped: MappedDesign, target: CellLibrary
) -> dict[str, str | bytes]:
    """Everything but the report: contents by name."""
    from quadrille.boards.asic.cell_models import cell_models
    from quadrille.boards.asic.macro_compilers import compiler_files
    from quadrille.boards.asic.mapping import PORT_LOAD, driving_cell
    from quadrille.boards.asic.memories import blackbox_text, model_text
    from quadrille.boards.asic.openroad import openroad_files
    from quadrille.boards.asic.sdc import constraints
    from quadrille.hw.export import mapped_manifest

    top = manifest.top
    models = {"cells.v": cell_models(mapped.library, mapped.cells)}
    files: dict[str, str | bytes] = {f"{top}.v": mapped.verilog}
    if mapped.memories:
        models["memories.v"] = model_text(mapped.memories)
        files["memories.blackbox.v"] = blackbox_text(mapped.memories)
        files["memory_list.json"] = json.dumps(result.memories, indent=1) + "\n"
    description: dict[str, Any] = json.loads((source / f"{top}.json").read_text(encoding="utf-8"))
    mapping = {"library": target.name, "liberty": [path.name for path in target.files]}
    period = result.reached if result.clock_period is None else result.clock_period
    time_unit, load_unit = mapped.library.units
    sdc = constraints(
        top,
        manifest.clock,
        period=period,
        io_delay=result.io_delay,
        time_unit=time_unit,
        driver=driving_cell(mapped.library, target.dont_use),
        load=PORT_LOAD / load_unit,
    )
    layout = openroad_files(
        top,
        manifest.clock,
        rtl=mapped.rtl if mapped.memories else (source / manifest.verilog).read_text(encoding="utf-8"),
        memories=mapped.memories,
        largest_memory=mapped.largest_memory,
        period=period,
        io_delay=result.io_delay,
        library=target.name,
        period_given=result.clock_period is not None,
    )
    beside = [name for name in description["files"].values() if name != manifest.verilog]
    carried = [name for name in (*beside, *CARRIED) if (source / name).is_file()]
    return {
        **files,
        **models,
        f"{top}.json": json.dumps(
            mapped_manifest(description, mapped.verilog, models, mapping), indent=2, sort_keys=True
        )
        + "\n",
        f"{top}.sdc": sdc,
        **layout,
        **compiler_files(mapped.memories, target.name),
        **{name: (source / name).read_bytes() for name in carried},
        TABLES: f"{result}\n",
        AREA: area_picture(result),
    }


def _restored(*, modules: Sequence[dict[str, Any]], path: Sequence[dict[str, Any]], **fields: Any) -> AsicExport:
    """The result that a report tells of."""
    from quadrille.boards.asic.hierarchy import ModuleCost
    from quadrille.boards.asic.timing import Step

    return AsicExport(
        modules=tuple(ModuleCost(**module) for module in modules), path=tuple(Step(**step) for step in path), **fields
    )
