"""The verb `export --board`: a generated accelerator behind a board's serial line, down to the bitstream."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from quadrille.algo.spec import InvalidInput

from .edges import edge_files
from .kept import Kept, hashes_of, keep, kept
from .progress import Report, silent
from .results import digest, listed, size
from .tables import table_text

if TYPE_CHECKING:
    from quadrille.boards.fpga.board import Board
    from quadrille.boards.fpga.place_and_route import Placed

__all__ = ["EDGE", "BoardExport", "export_board"]

EDGE = "uart-accelerator"
HOPELESS = 1.3
"""By how much an estimate must exceed a resource to be believed without synthesis: its error is below that."""

STEPS = ("writing Verilog", "synthesis", "packing", "placing", "routing", "packing the bitstream")


@dataclass(frozen=True)
class BoardExport(Kept):
    """An accelerator on a board: what it takes of the device, how fast it is and why not faster, and its files.

    `needs` are resource, used and available: as placed, or else as synthesized. `segments` are the critical path by
    module: cells, ns in them and ns on wires.
    `reached_hz` and the path are None where place and route is the vendor's, or was not asked for.
    """

    title: ClassVar[str] = "Board"

    board: str
    device: str
    network: str
    clock_hz: float
    baud: int
    divisor: int
    seed: int
    needs: tuple[tuple[str, int, int], ...]
    reached_hz: float | None
    path: tuple[str, str, float] | None
    segments: tuple[tuple[str, int, float, float], ...]
    bitstream: str | None
    bitstream_bytes: int | None
    command: str
    versions: dict[str, str]

    def summary(self) -> Sequence[tuple[str, str]]:
        """What was made of what, and how to go on."""
        reached = "" if self.reached_hz is None else f", {self.reached_hz / 1e6:.2f} MHz reached"
        made = "" if self.bitstream_bytes is None else f", {size(self.bitstream_bytes)}"
        return [
            ("board", f"{self.board}, {self.device}"),
            ("network", self.network),
            ("clock", f"{self.clock_hz / 1e6:g} MHz{reached}"),
            ("serial line", f"{self.baud} baud, {self.divisor} cycles a bit"),
            *([("bitstream", f"{self.bitstream}{made}")] if self.bitstream else []),
            *([("unchanged", "nothing that matters is new since this was made")] if self.unchanged else []),
            ("next", self.command),
            ("files", listed(self.folder, self.files)),
        ]

    def __str__(self) -> str:
        rows = [(name, f"{used:,}", f"{there:,}", f"{100 * used / there:.1f} %") for name, used, there in self.needs]
        parts = [super().__str__(), table_text(("resource", "used", "there are", ""), rows)]
        if self.path:
            start, end, delay = self.path
            rows = [
                (module or "(top)", str(cells), f"{logic:.2f}", f"{routing:.2f}")
                for module, cells, logic, routing in self.segments
            ]
            parts.append(
                f"Critical path, {delay:.2f} ns from {start} to {end}\n"
                + table_text(("module", "cells", "ns in cells", "ns on wires"), rows)
            )
        return "\n\n".join(parts)


def export_board(
    source: Path | str,
    folder: Path | str,
    *,
    board: str,
    clock: float | None = None,
    baud: int | None = None,
    seed: int = 1,
    sources_only: bool = False,
    timeout: float = 3600.0,
    progress: Report = silent,
) -> BoardExport:
    """Put the generated accelerator in `source` behind the serial line of `board`, and write all of it into `folder`.

    For ECP5 and iCE40 that is RTL, constraints, a script and the bitstream; for Xilinx, a project for Vivado, which is
    synthesized here by Yosys for its resources. `clock` and `baud` are in Hz and bits per second, by default the
    board's. With `sources_only`, place and route is left to the script. Where `folder` holds the outcome of the same
    inputs and tools already, nothing is made again. What stood there before is replaced as a whole, or stays.

    Raises
    ------
    InvalidInput
        If there is no such board or accelerator, the clock cannot be made or is not met, the design does not fit (then
        a shape is proposed that would), or the folder cannot be written.
    MissingTool
        If synthesis or place and route is not installed.
    """
    from quadrille.boards.fpga.board import divisor_of, find_board
    from quadrille.boards.fpga.build import make_bitstream, synthesize_project, tool_versions
    from quadrille.boards.fpga.devices import Overfull
    from quadrille.boards.fpga.project import bitstream_name, project_files

    source, folder, chosen = Path(source), Path(folder), find_board(board)
    wanted = chosen.clock(clock)
    baud = chosen.baud if baud is None else baud
    divisor = divisor_of(wanted, baud)
    versions = {} if sources_only else tool_versions(chosen)

    progress("writing Verilog", 0, len(STEPS))
    settings = {"divisor": str(divisor)} | ({"depth": str(chosen.depth)} if chosen.depth else {})
    files = edge_files(EDGE, source, settings)
    top = EDGE.replace("-", "_")
    manifest = json.loads(files[f"{top}.json"])
    files |= project_files(chosen, wanted, manifest, seed, str(files[f"{top}.v"]))
    inputs = digest(json.dumps([hashes_of(files), versions, _yosys()]).encode())
    before = kept(folder, inputs, BoardExport)
    if before:
        return before

    _check_estimate(source, chosen, progress)

    def stage(name: str) -> None:
        progress(f"bitstream, {name}", STEPS.index(name), len(STEPS))

    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        place = Path(name)
        for file, data in files.items():
            (place / file).write_bytes(data.encode() if isinstance(data, str) else data)
        stage("synthesis")
        resources = synthesize_project(chosen, place, (f"{top}.v", f"{chosen.name}.v"), timeout)
        placed: Placed | None = None
        try:
            needs = chosen.device.check(resources)
            if chosen.is_open and not sources_only:
                placed, files[bitstream_name(chosen)] = make_bitstream(
                    chosen, wanted, place, resources, seed=seed, timeout=timeout, stage=stage
                )
                needs = placed.needs
        except Overfull as error:
            raise InvalidInput(
                f"Design for {chosen.name} must fit its {chosen.device.name}, and takes {error.excess}"
                f"{_proposal(source, chosen, resources, progress)}"
            ) from None
    path = placed.critical_path if placed else None
    result = BoardExport(
        board=chosen.title,
        device=chosen.part,
        network=_network_name(source),
        clock_hz=wanted.hz,
        baud=baud,
        divisor=divisor,
        seed=seed,
        needs=tuple((need.resource, need.used, need.available) for need in needs),
        reached_hz=placed.clock_hz if placed else None,
        path=(path.start, path.end, path.delay) if path else None,
        segments=tuple((part.module, part.cells, part.logic, part.routing) for part in path.segments) if path else (),
        bitstream=bitstream_name(chosen) if placed else None,
        bitstream_bytes=len(files[bitstream_name(chosen)]) if placed else None,
        command=_next(chosen, placed is not None),
        versions={**versions, "pyosys": _yosys()},
        inputs_hash=inputs,
        folder=folder,
    )
    return keep(result, files)


def _yosys() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pyosys")
    except PackageNotFoundError:
        return ""  # synthesis says what is missing


def _network_name(source: Path) -> str:
    from quadrille.algo.integer.network_file import read_modes

    return read_modes(source / "network.safetensors").name


def _next(board: Board, made: bool) -> str:
    """The command that comes next."""
    from quadrille.boards.fpga.project import bitstream_name

    if made:
        return board.program.format(bitstream=bitstream_name(board))
    return "sh build.sh" if board.is_open else "vivado -mode batch -source build.tcl"


def _check_estimate(source: Path, board: Board, progress: Report) -> None:
    """Refuse at once what cannot fit whatever the error of an estimate: synthesis of it would take long."""
    from quadrille.boards.fpga.devices import Overfull

    from .board_fitting import estimate_of

    estimate = estimate_of(source, board.device)
    needs = [need for need in board.device.needs(estimate) if need.share > HOPELESS]
    if needs:
        excess = Overfull(board.device, needs).excess
        raise InvalidInput(
            f"Design for {board.name} must fit its {board.device.name}, and takes by estimate {excess}"
            f"{_proposal(source, board, estimate, progress)}"
        )


def _proposal(source: Path, board: Board, resources: Any, progress: Report) -> str:
    """What to generate instead, as the end of a sentence; empty if nothing smaller is found."""
    from .board_fitting import fitting_shape

    progress("looking for a shape that fits")
    shape = fitting_shape(source, board.device, resources)
    if shape is None:
        return ", and no smaller shape is found for this network"
    return (
        f": {shape.rows} rows, {shape.columns} columns and {shape.lanes} lanes would take about {shape.luts:,} "
        f"(--rows {shape.rows} --columns {shape.columns} --set lanes={shape.lanes})"
    )
