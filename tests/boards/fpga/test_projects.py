"""What stands in a board's project: pins, top, scripts; nothing here runs a tool."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.fpga.board import BOARDS, boards, find_board
from quadrille.boards.fpga.project import CONSTRAINTS, WORD_CELLS, bitstream_name, project_files
from quadrille.boards.synthesis import run_yosys, synthesize
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export

PINS = {
    # Clock, line in, line out: of the boards' schematics, as the modules of the boards cite them.
    "ulx3s": ("G2", "M1", "L4"),
    "orangecrab": ("A9", "N17", "M18"),
    "icebreaker": ("35", "6", "9"),
    "arty_a7": ("E3", "A9", "D10"),
    "vcu128": ("BH51", "BP26", "BN26"),
    "zcu104": ("F23", "A20", "C19"),
}
OTHER_CLOCKS = {"ulx3s": 62.5e6, "orangecrab": 64e6, "icebreaker": 24e6, "arty_a7": 50e6, "vcu128": 150e6}


def manifest(*ports: tuple[str, str]) -> dict[str, Any]:
    named = [{"name": name, "direction": direction, "width": 1} for name, direction in ports]
    return {"top": "uart_accelerator", "files": {"verilog": "uart_accelerator.v"}, "ports": named}


EDGE = manifest(("rx", "in"), ("tx", "out"), ("interrupt", "out"))


@cache
def files_of(name: str, hz: float | None = None) -> Mapping[str, str]:
    board = find_board(name)
    return project_files(board, board.clock(hz), EDGE, 1)


@pytest.mark.parametrize("name", BOARDS)
def test_constraints_name_the_pins_of_clock_and_line(name: str) -> None:
    board = find_board(name)
    text = files_of(name)[f"{name}.{CONSTRAINTS[board.device.family]}"]
    pattern = {
        "ecp5": r'LOCATE COMP "(\w+)" SITE "(\w+)"',
        "ice40": r"set_io (\w+) (\w+)",
    }.get(board.device.family, r'set_property LOC (?P<pin>\w+) \[get_ports "(\w+)"\]')
    found = dict(re.findall(pattern, text))
    if not board.is_open:
        found = {port: pin for pin, port in found.items()}
    clock, receive, send = PINS[name]
    assert found["uart_0__rx__io"] == receive and found["uart_0__tx__io"] == send
    assert clock in found.values() and len(set(found.values())) == len(found)
    assert "placeholder" not in text


@pytest.mark.parametrize("name", BOARDS)
def test_the_top_is_the_edge_behind_clock_and_reset(name: str) -> None:
    board = find_board(name)
    own, other = (files_of(name, hz)[f"{name}.v"] for hz in (None, OTHER_CLOCKS.get(name, 100e6)))
    for text in (own, other):
        assert f"module {name}(" in text and len(re.findall(r"^\s*uart_accelerator ", text, re.MULTILINE)) == 1
        assert "/work" not in text and ".py" not in text
    assert re.search(rf"^\s*{board.pll.name} ", other, re.MULTILINE)
    assert bool(re.search(rf"^\s*{board.pll.name} ", own, re.MULTILINE)) is (board.clock().pll is not None)


@pytest.mark.parametrize("name", BOARDS)
def test_scripts_call_what_export_calls(name: str) -> None:
    board, files = find_board(name), files_of(name)
    if board.is_open:
        assert set(files) >= {"synthesis.ys", "build.sh", f"{name}.v"}
        assert files["synthesis.ys"].splitlines()[:2] == ["read_verilog uart_accelerator.v", f"read_verilog {name}.v"]
        script = files["build.sh"]
        for option in (*board.device.nextpnr, *board.nextpnr, "--seed 1", bitstream_name(board), *board.packer):
            assert option in script
        assert board.program.format(bitstream=bitstream_name(board)) in script
    else:
        script = files["build.tcl"]
        assert f"-part {board.part}" in script and f"uart_accelerator.v {name}.v" in script
        for report in ("timing_summary", "utilization", "power", "drc", "methodology"):
            assert f"report_{report}" in script
        assert f"write_bitstream -force {name}.bit" in script
        assert not re.search(
            r"\b(DEFINES|PART|FILES|XDC|CLOCK|BOARD)\b", script + files["program.tcl"] + files[f"{name}.xdc"]
        )


@pytest.mark.parametrize("name", ["arty_a7", "zcu104"])
def test_word_cells_come_along_where_the_family_has_better_ones(tmp_path: Path, name: str) -> None:
    """What Vivado is given has as many tables of two outputs as are counted by our own synthesis."""
    design = export(CimMacro(rows=9, columns=2, compressor="lut6"), tmp_path / "macro")
    verilog, board = design / "cim_macro.v", find_board(name)
    files = project_files(board, board.clock(), EDGE, 1, verilog.read_text(encoding="utf-8"))
    script = files["build.tcl"]
    assert f"add_files {{uart_accelerator.v {name}.v {WORD_CELLS}}}" in script
    assert "set_property verilog_define QUADRILLE_WORD_CELLS [current_fileset]\n" in script
    (tmp_path / WORD_CELLS).write_text(files[WORD_CELLS], encoding="utf-8")
    count = tmp_path / "count.json"
    commands = [
        "read_verilog -lib +/xilinx/cells_sim.v",
        f"read_verilog -DQUADRILLE_WORD_CELLS {verilog} {tmp_path / WORD_CELLS}",
        "hierarchy -check -top cim_macro",
        "flatten",
        f"tee -q -o {count} stat -json",
    ]
    run_yosys(commands, "Both files", 120.0)
    given = json.loads(count.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    counted = synthesize(verilog, "cim_macro", board.device.target).cells
    assert given["LUT6_2"] == counted["LUT6_2"] > 0


def test_no_word_cells_come_along_where_there_are_none() -> None:
    assert WORD_CELLS not in files_of("zcu104") and "verilog_define" not in files_of("zcu104")["build.tcl"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_platform_and_its_board_name_the_same_part(name: str) -> None:
    board = find_board(name)
    platform: Any = board.platform()
    assert platform.device.lower() == board.device.name.lower()
    assert board.part.lower().startswith(board.device.name.lower())
    assert platform.package.lower() in board.part.lower()
    assert boards()[name] is board


def test_unknown_boards_and_edges_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^Board must be one of ulx3s, orangecrab, .*, zcu104, not 'de10'$"):
        find_board("de10")
    board = find_board("ulx3s")
    with pytest.raises(
        InvalidInput, match=r"^Edge of a board must have the input rx and the output tx, not rx, ready$"
    ):
        project_files(board, board.clock(), manifest(("rx", "in"), ("ready", "out")), 1)
