"""The parts of a netlist export by themselves: names, hierarchy, paths, what is testable, constraints, layout files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.cell_functions import buffer_of, check_complete, gates, ties_of
from quadrille.boards.asic.elaboration import elaborate
from quadrille.boards.asic.hierarchy import flattened, module_costs
from quadrille.boards.asic.identifiers import KEYWORDS, identifiers
from quadrille.boards.asic.liberty import Library
from quadrille.boards.asic.netlist import Instance, Netlist
from quadrille.boards.asic.netlist_export import map_design
from quadrille.boards.asic.recognition import recognized
from quadrille.boards.asic.structural import named, netlist_text
from quadrille.boards.asic.testability import check_testable
from quadrille.boards.asic.timing import Step, timing
from quadrille.boards.targets import CellLibrary


@pytest.fixture(name="library")
def library_fixture(small_library: Path) -> Library:
    return Library([small_library])


names = st.lists(st.one_of(st.sampled_from(sorted(KEYWORDS)), st.text("aA_0.$[ \\é", min_size=1)), unique=True)


@settings(derandomize=True, deadline=None)
@given(names, names)
def test_identifiers_are_plain_and_different(wanted: list[str], taken: list[str]) -> None:
    found = identifiers(wanted, set(taken))
    assert list(sorted(found)) == sorted(wanted) and len(set(found.values())) == len(wanted)
    for text in found.values():
        assert text.isascii() and text.isidentifier() and text not in KEYWORDS and text not in taken


def module(
    ports: dict[str, tuple[str, list[Any]]], cells: dict[str, tuple[str, dict[str, list[Any]]]]
) -> dict[str, Any]:
    return {
        "attributes": {},
        "ports": {name: {"direction": direction, "bits": bits} for name, (direction, bits) in ports.items()},
        "cells": {name: {"type": kind, "connections": nets} for name, (kind, nets) in cells.items()},
        "netnames": {name: {"hide_name": 0, "bits": bits} for name, (_, bits) in ports.items()},
    }


@pytest.fixture(name="modules")
def modules_fixture() -> dict[str, Any]:
    """An inverter within, with a port that goes straight through and one that is constant; and a black box."""
    inner = module(
        {"a": ("input", [2, 3]), "y": ("output", [4, 3]), "z": ("output", ["1"])}, {"g": ("INV", {"A": [2], "Y": [4]})}
    )
    box = module({"d": ("input", [2]), "q": ("output", [3])}, {})
    box["attributes"] = {"blackbox": "1"}
    top = module(
        {"clk": ("input", [2]), "i": ("input", [3, 4]), "o": ("output", [5, 6, 7, 9])},
        {
            "part": ("inner", {"a": [3, 4], "y": [8, 6], "z": [7]}),
            "held": ("DFF", {"C": [2], "D": [8], "Q": [5]}),
            "store": ("box", {"d": [5], "q": [9]}),
        },
    )
    return {"inner": inner, "top": top, "box": box}


def test_bits_that_are_constant_begin_with_nothing(tmp_path: Path) -> None:
    """Yosys refuses a register of which one constant bit begins with 0 and another, which it found itself, with x."""
    result, played = tmp_path / "design.json", []
    wires = {
        "held": {"bits": [2, "0", "0"], "attributes": {"init": "0x1"}},
        "zero": {"bits": ["0"], "attributes": {"init": "0"}},
    }

    def run(commands: list[str]) -> None:
        played.append(commands)
        if len(played) == 1:
            result.write_text(json.dumps({"modules": {"top": {"netnames": wires}}}), encoding="utf-8")

    elaborate(["read_verilog design.v"], "top", result, run)
    found = json.loads(result.read_text())["modules"]["top"]["netnames"]
    assert [wire["attributes"] for wire in found.values()] == [{"init": "xx1"}, {}]
    assert played[0][0] == "read_verilog design.v" and played[1][0] == f"read_json {result}"


def test_hierarchy_as_one_module(modules: dict[str, Any], library: Library) -> None:
    flat = flattened(modules, "top")
    assert {name: cell["type"] for name, cell in flat["cells"].items()} == {"part.g": "INV", "held": "DFF"}
    nets = {name: port["bits"] for name, port in flat["ports"].items()}
    inverter, register = flat["cells"]["part.g"]["connections"], flat["cells"]["held"]["connections"]
    assert inverter["A"] == nets["i"][:1] and inverter["Y"] == register["D"]
    assert nets["o"] == [*register["Q"], nets["i"][1], "1", *nets["store.q"]]
    assert nets["store.d"] == register["Q"]
    assert flat["ports"]["store.q"]["direction"] == "input" and flat["ports"]["store.d"]["direction"] == "output"
    found = timing(Netlist.of(flat, library))
    # 10 ps and 2 fF, then the set-up; the output that is a black box's is there at once.
    assert found.critical_path == pytest.approx(0.050) and found.path[0] == Step("held.Q", "DFF", 0.050, True)
    late = timing(Netlist.of(flat, library), input_delay=0.1, output_delay=0.2)
    assert late.critical_path == pytest.approx(0.300) and [step.place for step in late.path] == ["i", "o"]


def test_costs_by_module(modules: dict[str, Any], library: Library) -> None:
    whole, part = module_costs(modules, "top", library)
    assert (whole.place, whole.module, whole.area, whole.flip_flops, whole.memories) == (".", "top", 4, 1, 1)
    assert (part.place, part.module, part.area, part.cells, part.leakage) == ("part", "inner", 1, 1, 1)
    assert whole.gated == whole.clock_gates == whole.latches == 0


def test_structural_verilog(modules: dict[str, Any], library: Library) -> None:
    text = netlist_text(named(modules, library), "top", "A netlist")
    assert text.startswith("// A netlist\n\nmodule top (\n  input clk,\n  input [1:0] i,\n  output [3:0] o\n);")
    assert "  DFF o_0_reg (.C(clk), .D(n8), .Q(o[0]));" in text
    assert "  inner part (.a({i[1], i[0]}), .y({o[1], n8}), .z(o[2]));" in text and "module box" not in text
    assert "  assign y[1] = a[1];\n  assign z = 1'b1;\n  INV gate_1 (.A(a[0]), .Y(y[0]));" in text


def test_steps_of_a_path(library: Library) -> None:
    instances = (
        Instance("late", library["INV"], {"A": 1, "Y": 3}),
        Instance("gate", library["NAND2"], {"A": 3, "B": 2, "Y": 4}),
        Instance("held", library["DFF"], {"C": 0, "D": 4, "Q": 5}),
    )
    found = timing(Netlist(instances, {"clk": (0,), "a": (1,), "b": (2,)}, {"y": (5,)}), input_delay=0.5)
    assert [(step.place, step.cell) for step in found.path] == [
        ("a", "port"),
        ("late.Y", "INV"),
        ("gate.Y", "NAND2"),
        ("held.D", "DFF"),
    ]
    assert [step.arrival for step in found.path] == pytest.approx([0.5, 0.511, 0.533, 0.563])
    directions = [step.rises for step in found.path]
    assert directions[1] != directions[0] and directions[2] != directions[1]


LATCH = """
  cell (LATCH) { area : 3; latch (IQ, IQN) { enable : "E"; data_in : "D"; }
    pin (E) { direction : input; capacitance : 1; } pin (D) { direction : input; capacitance : 1; }
    pin (Q) { direction : output; function : "IQ"; } }
  cell (FALLS) { area : 3; ff (IQ, IQN) { clocked_on : "!C"; next_state : "D"; }
    pin (C) { direction : input; capacitance : 1; } pin (D) { direction : input; capacitance : 1; }
    pin (Q) { direction : output; function : "IQ"; } }
"""


def test_what_a_scan_chain_cannot_reach(small_library: Path, tmp_path: Path) -> None:
    text = small_library.read_text()
    path = tmp_path / "latches.lib"
    path.write_text(text[: text.rindex("}")] + LATCH + "}")
    cells = Library([path])

    def netlist(*instances: Instance) -> Netlist:
        return Netlist(instances, {"clk": (0,), "i": (1,)}, {"o": (2,)})

    held = Instance("held", cells["DFF"], {"C": 0, "D": 1, "Q": 2})
    check_testable(netlist(held), "top", "clk")
    latch = netlist(held, Instance("open", cells["LATCH"], {"E": 1, "D": 1, "Q": 3}))
    check_testable(latch, "top", "clk", latches=True)
    with pytest.raises(InvalidInput, match=r"^Netlist of top must have no latches, and 'open' is one of 1$"):
        check_testable(latch, "top", "clk")
    for wrong in (
        Instance("wrong", cells["FALLS"], {"C": 0, "D": 1, "Q": 2}),
        Instance("wrong", cells["DFF"], {"C": 1, "D": 1, "Q": 2}),
    ):
        with pytest.raises(
            InvalidInput, match=r"^Registers of top must take their input when clk rises, and 'wrong' does not$"
        ):
            check_testable(netlist(held, wrong), "top", "clk")
    loop = [Instance(f"loop{n}", cells["INV"], {"A": 5 + n, "Y": 6 - n}) for n in range(2)]
    with pytest.raises(InvalidInput, match=r"^Netlist must have no loop without a register, and 'loop0' is in one$"):
        check_testable(netlist(*loop), "top", "clk")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("always @(negedge clk) o <= i;", r"^Registers of top must take their input when clk rises, and "),
        (
            "reg h; always @(posedge clk) h <= i; always @(posedge h) o <= i;",
            r"^Registers of top must take their input",
        ),
        ("always @* if (clk) o = i;", r"^Module 'top' of .* must go through Yosys, and does not: .*_DLATCH_P_"),
        ("always @* o = ~(o & i);", r"^Netlist must have no loop without a register, and "),
    ],
)
def test_designs_that_are_not_testable(body: str, message: str, small_library: Path, tmp_path: Path) -> None:
    path = tmp_path / "top.v"
    path.write_text(f"module top(input clk, input i, output reg o);\n{body}\nendmodule\n")
    with pytest.raises(InvalidInput, match=message):
        map_design(path, "top", CellLibrary("small", (small_library,)), macros=True)


HALVES = """
module half_{n}(input clk, input [3:0] i, output reg [3:0] o);
  reg [3:0] held;
  always @(posedge clk) begin held <= i; o <= held ^ i; end
endmodule
"""
WHOLE = """
module top(input clk, input [11:0] i, output [11:0] o);
  half_0 first(.clk(clk), .i(i[3:0]), .o(o[3:0]));
  half_1 second(.clk(clk), .i(i[7:4]), .o(o[7:4]));
  other table(.clk(clk), .i(i[11:8]), .o(o[11:8]));
endmodule
"""


def test_equal_modules_are_mapped_once(small_library: Path, tmp_path: Path) -> None:
    path = tmp_path / "top.v"
    other = HALVES.replace("half_{n}", "other").replace("^", "&")
    path.write_text(WHOLE.replace("table", "\\table ") + HALVES.format(n=0) + HALVES.format(n=1) + other)
    found = map_design(path, "top", CellLibrary("small", (small_library,)), macros=True)
    parts = {module.place: module for module in found.modules}
    assert list(parts) == [".", "first", "second", "table_"] and parts["first"].module == parts["second"].module
    assert parts["first"].flip_flops == parts["second"].flip_flops == parts["table_"].flip_flops == 8
    assert parts["first"].area == parts["second"].area != parts["table_"].area
    assert found.verilog.count("\nmodule ") == 3 and "held_0_reg" in found.verilog


def test_functions_of_cells(small_library: Path, library: Library, tmp_path: Path) -> None:
    check_complete(library)
    found = {gate.name: (gate.inputs, dict(gate.outputs)) for gate in gates(library)}
    assert found == {
        "INV": (("A",), {"Y": 0b01}),
        "BUF": (("A",), {"Y": 0b10}),
        "NAND2": (("A", "B"), {"Y": 0b0111}),
        "NOR2": (("A", "B"), {"Y": 0b0001}),
    }
    assert buffer_of(library) == ("BUF", "A", "Y") and buffer_of(library, ["B*"]) is None and ties_of(library) is None
    with pytest.raises(InvalidInput, match=r"^Cell library of small\.lib must have an inverter, and has none$"):
        check_complete(library, ["INV"])
    known = recognized([small_library])
    assert known == CellLibrary("small", (small_library,))
