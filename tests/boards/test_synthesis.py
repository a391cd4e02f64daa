"""Synthesis of small designs: what they take, for FPGAs and of cell libraries, and what is refused."""

import gzip
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.boards import synthesis
from quadrille.boards.synthesis import Resources, synthesize, synthesize_netlist
from quadrille.boards.targets import FPGAS, CellLibrary, Fpga, find_target, library

DATA = Path(os.environ.get("QUADRILLE_DATA") or Path(__file__).parents[3] / "shared" / "data")
MULTIPLIER = """
module top(input clk, input [7:0] a, input [7:0] b, output reg [15:0] p);
  always @(posedge clk) p <= a * b;
endmodule
"""
INVERTER = """
module top(input clk, input d, output reg q);
  always @(posedge clk) q <= ~d;
endmodule
"""


@pytest.fixture
def verilog(tmp_path: Path) -> Path:
    path = tmp_path / "top.v"
    path.write_text(MULTIPLIER)
    return path


def real(name: str) -> CellLibrary:
    if not (DATA / "liberty" / name).is_dir():
        pytest.skip(f"liberty/{name} is not in {DATA}")
    return library(name, DATA)


@pytest.mark.parametrize("name", sorted(FPGAS))
def test_product_takes_a_multiplier_or_look_up_tables(verilog: Path, name: str) -> None:
    with_it = synthesize(verilog, "top", FPGAS[name])
    without = synthesize(verilog, "top", FPGAS[name], multipliers=False)
    assert with_it.target == name and with_it.multipliers == 1 and without.multipliers == 0
    assert with_it.luts is not None and without.luts is not None and without.luts > 40 > with_it.luts
    assert without.flip_flops == 16
    assert with_it.area is None and with_it.critical_path is None


def test_carry_cell_of_ecp5_counts_as_two_tables(tmp_path: Path) -> None:
    path = tmp_path / "top.v"
    path.write_text("module top(input [31:0] a, input [31:0] b, output [31:0] s); assign s = a + b; endmodule\n")
    found = synthesize(path, "top", FPGAS["ecp5"])
    assert found.carries == found.cells["CCU2C"] == 16
    assert found.luts == 32 + found.cells.get("LUT4", 0)


@pytest.mark.parametrize(
    ("name", "area", "critical_path"),
    [
        ("nangate45", (200, 500), (0.4, 2.0)),
        ("sky130hd", (1200, 3000), (1.5, 8.0)),
        ("asap7", (15, 60), (0.1, 1.5)),
        ("ihp-sg13g2", (2000, 6000), (0.8, 6.0)),
    ],
)
def test_real_library(verilog: Path, name: str, area: tuple[float, float], critical_path: tuple[float, float]) -> None:
    found = synthesize(verilog, "top", real(name))
    assert found.flip_flops == 16
    assert found.area is not None and area[0] < found.area < area[1]
    assert found.gates is not None and 200 < found.gates < 900
    assert found.critical_path is not None and critical_path[0] < found.critical_path < critical_path[1]
    assert found.leakage is not None and found.leakage > 0
    assert Resources(**found.as_dict()) == found


def test_library_compressed_or_not_is_the_same(tmp_path: Path, small_library: Path) -> None:
    path = tmp_path / "top.v"
    path.write_text(INVERTER)
    packed = tmp_path / "small.lib.gz"
    packed.write_bytes(gzip.compress(small_library.read_bytes()))
    plain = synthesize(path, "top", CellLibrary("small", (small_library,)))
    assert synthesize(path, "top", CellLibrary("small", (packed,))) == plain
    assert plain.cells == {"DFF": 1, "INV": 1}
    assert plain.area == 5.0 and plain.gates == 2.5


def test_timing_of_a_small_library_by_hand(tmp_path: Path, small_library: Path) -> None:
    path = tmp_path / "top.v"
    path.write_text(INVERTER)
    found = synthesize_netlist(path, "top", CellLibrary("small", (small_library,)))
    # The inverter drives the flip-flop, 2 fF at 10 ps and 1 ps a fF, whose set-up is 30 ps; the output takes 50 ps.
    assert found.resources.critical_path == pytest.approx(0.050)
    registers = {register.cell.name for register in found.netlist.registers}
    assert registers == {"DFF"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "module top(input a, output y); missing m(a, y); endmodule",
            r"^Module 'top' of .* must go through Yosys, and",
        ),
        ("module other; endmodule", r"^Module 'top' of .* must go through Yosys, and does not: "),
        ("modul top;", r"^Module 'top' of .* must go through Yosys, and does not: .*syntax error"),
    ],
)
@pytest.mark.parametrize("name", sorted(FPGAS))
def test_verilog_that_does_not_elaborate_is_refused(tmp_path: Path, text: str, message: str, name: str) -> None:
    path = tmp_path / "top.v"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        synthesize(path, "top", FPGAS[name])


def test_missing_verilog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Verilog must be a file, and .*none\.v is none$"):
        synthesize(tmp_path / "none.v", "top", FPGAS["ecp5"])


def test_time_is_limited(verilog: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Module 'top' of .* must be synthesized within 0.01 s, and was not$"):
        synthesize(verilog, "top", FPGAS["ecp5"], timeout=0.01)


def test_missing_yosys_is_said(verilog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "find_spec", lambda name: None if name == "pyosys" else find_spec(name))
    with pytest.raises(MissingTool, match=r"^Package pyosys is missing, which synthesis needs: install quadrille"):
        synthesize(verilog, "top", FPGAS["ecp5"])


def test_targets_have_names(tmp_path: Path, small_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(find_target("ecp5"), Fpga)
    assert find_target("mine", [small_library]) == CellLibrary("mine", (small_library,))
    with pytest.raises(InvalidInput, match=r"^Target must be one of ultrascale\+, 7-series, .*, not 'max10'$"):
        find_target("max10")
    with pytest.raises(InvalidInput, match=r"^Cell library must be one of nangate45, .*, not 'gf180'$"):
        library("gf180", tmp_path)
    with pytest.raises(InvalidInput, match=r"^Files of cell library asap7 must lie in .*asap7, and none is there$"):
        library("asap7", tmp_path)
    monkeypatch.delenv("QUADRILLE_DATA", raising=False)
    with pytest.raises(
        InvalidInput,
        match=r"^Files of cell library asap7 must lie in QUADRILLE_DATA/liberty, and QUADRILLE_DATA is not",
    ):
        find_target("asap7")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"^Liberty file must be a file, and .*bad\.lib is none$"),
        ("nothing", r"^Liberty file must hold cells, and .*bad\.lib has none$"),
    ],
)
def test_bad_library_is_refused(verilog: Path, tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "bad.lib"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        synthesize(verilog, "top", CellLibrary("bad", (path,)))


def test_library_that_lacks_a_cell_is_refused(verilog: Path, tmp_path: Path, small_library: Path) -> None:
    printing = tmp_path / "printing.v"
    printing.write_text('module top(input clk, input d); always @(posedge clk) $display("%d", d); endmodule')
    with pytest.raises(InvalidInput, match=r"^Cell library small must have cells for \$print, and has none$"):
        synthesize(printing, "top", CellLibrary("small", (small_library,)))
    text = small_library.read_text()
    bare = tmp_path / "bare.lib"
    bare.write_text(text[: text.index("  cell (DFF)")].strip() + "\n}\n")
    with pytest.raises(InvalidInput, match=r"^Module 'top' of .* must go through Yosys, and does not: .*_DFF_P_"):
        synthesize(verilog, "top", CellLibrary("bare", (bare,)))
    renamed = tmp_path / "renamed.lib"
    renamed.write_text(text.replace("NAND2", "GATE2"))
    with pytest.raises(InvalidInput, match=r"^Cell library of renamed\.lib must have a two-input NAND, and has none$"):
        synthesize(verilog, "top", CellLibrary("renamed", (renamed,)))


def test_damaged_library_is_refused(verilog: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.lib.gz"
    path.write_bytes(gzip.compress(b"library (x) {}" * 100)[:40])
    with pytest.raises(InvalidInput, match=r"^Liberty file must be readable, and .*cut\.lib\.gz is not: "):
        synthesize(verilog, "top", CellLibrary("cut", (path,)))
