"""A project's files through the tools: what the design takes, and for ECP5 and iCE40 the bitstream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quadrille.algo.spec import InvalidInput

from ..synthesis import Resources
from .board import Board
from .clocks import Clock
from .place_and_route import NEXTPNR, Placed, Stage, place_and_route_netlist, placed_of, synthesize_for
from .project import CONSTRAINTS, bitstream_name, packer_of
from .tools import run_tool, tool_version

__all__ = ["make_bitstream", "synthesize_project", "tool_versions"]


def tool_versions(board: Board) -> dict[str, str]:
    """The versions that decide a bitstream: none where the vendor's tools make it.

    Raises
    ------
    MissingTool
        If place and route is not installed.
    """
    if not board.is_open:
        return {}
    return {program: tool_version(program) for program in (NEXTPNR[board.device.family], packer_of(board)[0])}


def synthesize_project(board: Board, folder: Path, verilog: Sequence[str], timeout: float = 1800.0) -> Resources:
    """Synthesize the project in `folder` for its device, leave its netlist there, and say what it takes.

    Raises
    ------
    InvalidInput
        If it does not go through Yosys, or takes too long.
    MissingTool
        If pyosys is not installed.
    """
    files = [folder / name for name in verilog]
    return synthesize_for(files, board.name, board.device, folder / f"{board.name}.json", timeout=timeout)


def make_bitstream(
    board: Board,
    clock: Clock,
    folder: Path,
    resources: Resources,
    *,
    seed: int = 1,
    timeout: float = 3600.0,
    stage: Stage = lambda name: None,
) -> tuple[Placed, bytes]:
    """Place and route the netlist that `synthesize_project` left in `folder`, which takes `resources`; the bitstream.

    Raises
    ------
    Overfull
        If the design, packed into the cells of the device, does not fit.
    InvalidInput
        If the clock is not met, the design does not go through, or takes too long.
    MissingTool
        If place and route is not installed.
    """
    family = board.device.family
    report, seconds = place_and_route_netlist(
        folder / f"{board.name}.json",
        board.device,
        clock.hz,
        options=board.nextpnr,
        constraints=f"{board.name}.{CONSTRAINTS[family]}",
        configuration=f"{board.name}.config",
        seed=seed,
        timeout=timeout,
        stage=stage,
    )
    placed = placed_of(report, board.device, clock.hz, seed, resources, 0.0, seconds)
    if placed.clock_hz is not None and not placed.met:
        raise InvalidInput(missed(board, clock, placed))
    stage("packing the bitstream")
    program, arguments = packer_of(board)
    run_tool(program, arguments, folder=folder, noun=f"Configuration of {board.name}", timeout=timeout)
    return placed, (folder / bitstream_name(board)).read_bytes()


def missed(board: Board, clock: Clock, placed: Placed) -> str:
    """One sentence about a clock that was not met: what was reached, and what was too slow."""
    path, reached = placed.critical_path, (placed.clock_hz or 0.0) / 1e6
    where = f" from {path.start} to {path.end}" if path else ""
    return (
        f"Clock of {board.name} must be at most {reached:.2f} MHz, which place and route reached with seed "
        f"{placed.seed}, not {clock.hz / 1e6:g} MHz: the slowest path is{where}"
    )
