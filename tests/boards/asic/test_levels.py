"""Netlists simulated without a compiler: what they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.levels import Simulation
from quadrille.boards.asic.liberty import Library
from quadrille.boards.asic.power import MappedNetlist, read_netlist
from quadrille.boards.asic.saif import saif_text

LATCH = "module top(input g, d, output q); LATCH held (.G(g), .D(d), .Q(q)); endmodule\n"
BOX = "(* blackbox *) module box(input a, output b); endmodule\n"
AROUND = "module top(input clk, a, output b); box inside (.a(a), .b(b)); endmodule\n"
CHAIN = """module top(input clk, a, output b, c);
  wire between;
  NAND2 second (.A(between), .B(a), .Y(b));
  INV first (.A(a), .Y(between));
  DFF held (.C(clk), .D(b), .Q(c));
endmodule
"""


def read(folder: Path, text: str, files: list[Path], box: str = "") -> MappedNetlist:
    (folder / "top.v").write_text(text)
    (folder / "box.v").write_text(box)
    return read_netlist(folder / "top.v", "top", Library(files), [folder / "box.v"] if box else [])


def test_cells_follow_those_before_them(tmp_path: Path, small_library: Path) -> None:
    simulation = Simulation(read(tmp_path, CHAIN, [small_library]), "clk")
    seen: list[tuple[int, int]] = []
    for bit in (0, 1, 1, 0):
        simulation.write("a", bit)
        simulation.settle()
        seen.append((int(simulation.read("b")[0]), int(simulation.read("c")[0])))
        simulation.edge()
    # Whatever is true and false at once is false, and a register has it a cycle later.
    assert seen == [(1, 0), (1, 1), (1, 1), (1, 1)]
    found = simulation.switching
    assert found.changes == {"clk": 8, "a": 2, "b": 1, "c": 1, "between": 3}
    assert found.duration == 40 and found.high == {"clk": 20, "a": 20, "b": 40, "c": 30, "between": 20}
    assert "(c (T0 10) (T1 30) (TX 0) (TC 1))" in saif_text(found, "top").splitlines()


def test_what_is_refused(tmp_path: Path, small_library: Path) -> None:
    latched = read(tmp_path, LATCH, [small_library, small_library.with_name("latches.lib")])
    with pytest.raises(InvalidInput, match=r"^Netlist must have no latches to be simulated so, and 'held' is one$"):
        Simulation(latched, "g")
    boxed = read(tmp_path, AROUND, [small_library], BOX)
    with pytest.raises(
        InvalidInput, match=r"^Black box inside must be a memory with the pins clk, w_en, .*, and is not$"
    ):
        Simulation(boxed, "clk")
