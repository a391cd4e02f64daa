"""The files of a board's project: its top, constraints, and scripts that run by hand what `quadrille export` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quadrille.hw.base.word_cells import ELSEWHERE
from quadrille.hw.export.verilog import builtin_yosys

from .board import Board
from .clocks import Clock
from .place_and_route import NEXTPNR, nextpnr_arguments, synthesis_commands
from .top import BoardTop, check_edge

__all__ = ["CONSTRAINTS", "WORD_CELLS", "bitstream_name", "packer_of", "project_files"]

CONSTRAINTS = {"ecp5": "lpf", "ice40": "pcf", "7-series": "xdc", "ultrascale+": "xdc"}
"""The ending of a file of constraints, by family."""

PACKERS = {"ecp5": "ecppack", "ice40": "icepack"}
ENDINGS = {"ecp5": "bit", "ice40": "bin"}


def bitstream_name(board: Board) -> str:
    """The file that is brought onto the board."""
    return f"{board.name}.{ENDINGS.get(board.device.family, 'bit')}"


def packer_of(board: Board) -> tuple[str, list[str]]:
    """What packs a bitstream, and its arguments in a folder where place and route was."""
    return PACKERS[board.device.family], [*board.packer, f"{board.name}.config", bitstream_name(board)]


WORD_CELLS = "word_cells.v"
"""The word cells in cells of the device, where the edge has some that its family has better ones for."""


def project_files(
    board: Board, clock: Clock, manifest: Mapping[str, Any], seed: int, verilog: str = ""
) -> dict[str, str]:
    """What stands beside the Verilog of the edge that `manifest` describes: everything by name, as text.

    Where `verilog`, its text, has word cells, Vivado is given those of its family, so that it builds what was counted.

    Raises
    ------
    InvalidInput
        If the edge is not one of a serial line.
    """
    check_edge(manifest)
    plan = _plan(board, clock, manifest)
    constraints = f"{board.name}.{CONSTRAINTS[board.device.family]}"
    names = (manifest["files"]["verilog"], f"{board.name}.v")
    files = {f"{board.name}.v": plan[f"{board.name}.v"]}
    if board.is_open:
        files[constraints] = _tidy(plan[constraints])
        files["synthesis.ys"] = "\n".join(synthesis_script(board, names)) + "\n"
        files["build.sh"] = _shell_script(board, clock, seed)
    else:
        files[constraints] = _tidy(plan[constraints]) + XDC.replace("BOARD", board.name)
        cells, defines = board.device.target.word_cell_file, ""
        if cells is not None and f"`ifndef {ELSEWHERE}" in verilog:
            files[WORD_CELLS] = cells.read_text(encoding="utf-8")
            names = (*names, WORD_CELLS)
            defines = f"set_property verilog_define {ELSEWHERE} [current_fileset]\n"
        fields = {"DEFINES": defines, "PART": board.part, "FILES": " ".join(names), "XDC": constraints}
        text = BUILD_TCL
        for field, value in {**fields, "CLOCK": f"{clock.hz / 1e6:g} MHz", "BOARD": board.name}.items():
            text = text.replace(field, value)
        files["build.tcl"] = text
        files["program.tcl"] = PROGRAM_TCL.replace("BOARD", board.name)
    return files


def synthesis_script(board: Board, verilog: Sequence[str]) -> list[str]:
    """Yosys commands from the files to the netlist that nextpnr reads."""
    commands = synthesis_commands(board.device, board.name, f"{board.name}.json")
    return [*(f"read_verilog {file}" for file in verilog), *commands]


def route_arguments(board: Board, clock: Clock, seed: int) -> list[str]:
    """What nextpnr is called with in the project's folder."""
    constraints = f"{board.name}.{CONSTRAINTS[board.device.family]}"
    arguments = nextpnr_arguments(
        board.device, f"{board.name}.json", clock.hz, board.nextpnr, constraints, f"{board.name}.config"
    )
    return [*arguments, "--seed", str(seed), "--report", "timing.json"]


def _plan(board: Board, clock: Clock, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Amaranth's own files for the board's top: Verilog and constraints are what is taken of them."""
    base: Any = board.platform

    class Platform(base):
        """With the top as Verilog on every family."""

        @property
        def file_templates(self) -> dict[str, str]:
            return {**super().file_templates, "{{name}}.v": "{{emit_verilog()}}"}

    with builtin_yosys():
        plan = Platform().build(BoardTop(board, clock, manifest), board.name, do_build=False, emit_src=False)
    return {name: text.decode() if isinstance(text, bytes) else text for name, text in plan.files.items()}


def _tidy(constraints: str) -> str:
    """Without the lines that Amaranth leaves for additions, and without indentation."""
    lines = [line.strip() for line in constraints.splitlines()]
    return "\n".join(line for line in lines if line and not line.endswith("placeholder)")) + "\n"


def _shell_script(board: Board, clock: Clock, seed: int) -> str:
    nextpnr, (packer, packing) = NEXTPNR[board.device.family], packer_of(board)
    variable, pack_variable = nextpnr.upper().replace("-", "_"), packer.upper()
    return "\n".join(
        [
            "#!/bin/sh",
            f"# From Verilog to {bitstream_name(board)}, as quadrille export made it.",
            f"# Onto the board: {board.program.format(bitstream=bitstream_name(board))}",
            f"# Other tools: YOSYS=yosys {variable}={nextpnr} {pack_variable}={packer} sh build.sh",
            "set -e",
            'cd "$(dirname "$0")"',
            'if [ -n "$YOSYS" ]; then',
            '    "$YOSYS" -q -s synthesis.ys',
            "else",
            "    # The Yosys of the Python package pyosys has no program of its own.",
            '    "${PYTHON:-python3}" -c \'from pyosys.libyosys import Design, run_pass',
            "design = Design()",
            'for line in open("synthesis.ys"):',
            "    run_pass(line.strip(), design)'",
            "fi",
            f'"${{{variable}:-yowasp-{nextpnr}}}" {" ".join(route_arguments(board, clock, seed))}',
            f'"${{{pack_variable}:-yowasp-{packer}}}" {" ".join(packing)}',
            "",
        ]
    )


XDC = """
# The serial line and the lights belong to no clock of the host's.
set_false_path -from [get_ports uart_0__rx__io]
set_false_path -to [get_ports -filter {DIRECTION == OUT}]
# The reset that follows the lock of the clock is released by a synchronizer.
set_false_path -to [get_pins -quiet -hierarchical -filter {NAME =~ *reset/stage*/PRE}]
# The line enters through two registers.
set_property ASYNC_REG TRUE [get_cells -quiet -hierarchical -filter {NAME =~ *receiver/synchronizer/stage*}]
"""

BUILD_TCL = """# From Verilog to BOARD.bit at CLOCK: vivado -mode batch -source build.tcl
create_project -force BOARD vivado -part PART
add_files {FILES}
add_files -fileset constrs_1 XDC
DEFINESset_property top BOARD [current_fileset]

synth_design -top BOARD -part PART
report_utilization -file utilization_synthesis.rpt
report_utilization -hierarchical -file utilization_by_module.rpt
report_timing_summary -file timing_synthesis.rpt

opt_design
place_design
phys_opt_design
route_design
write_checkpoint -force BOARD.dcp
report_utilization -file utilization.rpt
report_utilization -hierarchical -file utilization_by_module.rpt
report_timing_summary -max_paths 10 -file timing.rpt
report_clock_utilization -file clocks.rpt
report_control_sets -verbose -file control_sets.rpt
report_io -file pins.rpt
report_route_status -file route_status.rpt
report_drc -file drc.rpt
report_methodology -file methodology.rpt
report_power -file power.rpt

set slack [get_property SLACK [get_timing_paths -setup]]
if {$slack < 0} {
    puts "Clock of BOARD must be CLOCK, and place and route misses it by [expr {-$slack}] ns: see timing.rpt"
    exit 1
}
write_bitstream -force BOARD.bit
"""

PROGRAM_TCL = """# BOARD.bit onto the board, until its power goes: vivado -mode batch -source program.tcl
open_hw_manager
connect_hw_server
open_hw_target
current_hw_device [lindex [get_hw_devices xc*] 0]
set_property PROGRAM.FILE BOARD.bit [current_hw_device]
program_hw_devices [current_hw_device]
"""
