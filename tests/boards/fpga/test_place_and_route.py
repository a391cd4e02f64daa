"""Place and route: what is read from nextpnr's report, what fits, and the tools that are missing, late or wrong."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.boards.fpga import tools
from quadrille.boards.fpga.build import make_bitstream
from quadrille.boards.fpga.critical_path import CriticalPath, Segment
from quadrille.boards.fpga.devices import DEVICES, Overfull, find_device
from quadrille.boards.fpga.place_and_route import place_and_route, place_and_route_netlist, placed_of, synthesize_for
from quadrille.boards.fpga.ulx3s import BOARD
from quadrille.boards.synthesis import Resources
from quadrille.boards.targets import FPGAS

DEVICE = DEVICES["LFE5U-85F"]
TAKEN = Resources("ecp5", {}, flip_flops=64, luts=1348, memory_luts=12, multipliers=0, block_rams=3)


def step(kind: str, delay: float, source: str, sink: str, net: str = "") -> dict[str, Any]:
    where = {"loc": [1, 1], "port": "Q"}
    return {"type": kind, "delay": delay, "from": {"cell": source, **where}, "to": {"cell": sink, **where}, "net": net}


# As nextpnr-ecp5 0.11.1 writes it: the same keys, fewer steps.
REPORT: dict[str, Any] = {
    "fmax": {
        "$glbnet$clk": {"achieved": 91.0, "constraint": 100.0},
        "slow": {"achieved": 30.0, "constraint": 12.0},
    },
    "utilization": {
        "TRELLIS_COMB": {"used": 1354, "available": 83640},
        "TRELLIS_FF": {"used": 64, "available": 83640},
        "DCCA": {"used": 0, "available": 56},
    },
    "critical_paths": [
        {"from": "posedge slow", "to": "posedge slow", "path": [step("clk-to-q", 9.0, "a_TRELLIS_FF_Q", "a")]},
        {"from": "posedge $glbnet$clk", "to": "async", "path": [step("clk-to-q", 9.0, "a_TRELLIS_FF_Q", "a")]},
        {
            "from": "posedge $glbnet$clk",
            "to": "posedge $glbnet$clk",
            "path": [
                step("clk-to-q", 0.5, "edge.macro.sum_TRELLIS_FF_Q_3", "edge.macro.sum_TRELLIS_FF_Q_3"),
                step("routing", 1.25, "edge.macro.sum_TRELLIS_FF_Q_3", "$abc$17$lut", "$abc$17"),
                step("logic", 0.25, "$abc$17$lut", "$abc$17$lut"),
                step("routing", 2.0, "$abc$17$lut", "edge.reader.x_LUT4_Z", "edge.reader.x"),
                step("logic", 0.25, "edge.reader.x_LUT4_Z", "edge.reader.x_LUT4_Z"),
                step("setup", 0.0, "edge.reader.y_TRELLIS_FF_Q", "edge.reader.y_TRELLIS_FF_Q"),
            ],
        },
    ],
}


def test_report_is_read_in_our_terms() -> None:
    placed = placed_of(REPORT, DEVICE, 100e6, 7, TAKEN, 1.0, 2.0)
    assert (placed.clock_hz, placed.met, placed.seed) == (91e6, False, 7)
    assert [(need.resource, need.used) for need in placed.needs] == [("look-up tables", 1354), ("flip-flops", 64)]
    assert placed.critical_path == CriticalPath(
        "edge.macro.sum",
        "edge.reader.y",
        4.25,
        (Segment("edge.macro", 0.75, 1.25, 2), Segment("edge.reader", 0.25, 2.0, 1)),
    )


def test_a_design_without_registers_has_no_clock() -> None:
    placed = placed_of({"fmax": {}, "utilization": {}, "critical_paths": []}, DEVICE, 1e6, 1, TAKEN, 0.0, 0.0)
    assert placed.clock_hz is None and placed.met and placed.critical_path is None


def test_what_does_not_fit_says_by_how_much() -> None:
    assert DEVICE.check(TAKEN)[0].used == 1360
    large = Resources("ecp5", {}, flip_flops=9, luts=83_700, memory_luts=0, multipliers=157, block_rams=208)
    with pytest.raises(
        Overfull,
        match=r"^Design must fit LFE5U-85F, and takes 83,700 of 83,640 look-up tables \(60 too many\), "
        r"157 of 156 multipliers \(1 too many\)$",
    ):
        DEVICE.check(large)


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_devices_are_of_families_that_are_there(name: str) -> None:
    device = find_device(name)
    assert device.family in FPGAS and device.source and device.flip_flops >= device.luts
    assert {need.used for need in device.needs(Resources(device.family, {}, flip_flops=0))} == {0}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a program of a Python text, that place and route then calls as nextpnr-ecp5 or ecppack."""

    def make(program: str, text: str) -> None:
        path = tmp_path / program
        path.write_text(f"#!{sys.executable}\nimport sys, json\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv(program.upper().replace("-", "_"), str(path))

    return make


WRITES = "open(sys.argv[sys.argv.index('--report') + 1], 'w').write(json.dumps(" + json.dumps(REPORT) + "))"


def test_stages_are_told_as_they_come(fake: Any, tmp_path: Path) -> None:
    fake(
        "nextpnr-ecp5",
        "print('Info: Packing constants..')\nprint('Info: Creating initial analytic placement')\n"
        f"print('Info:   TRELLIS_COMB:  10/83640  0%')\nprint('Info: Routing globals...')\n{WRITES}",
    )
    stages: list[str] = []
    report, seconds = place_and_route_netlist(tmp_path / "n.json", DEVICE, 50e6, stage=stages.append)
    assert report == REPORT and seconds > 0 and stages == ["packing", "placing", "routing"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "print('Info:     TRELLIS_COMB: 90000/83640   107%', flush=True)\nimport time\ntime.sleep(60)",
            r"^Design must fit LFE5U-85F, and takes 90,000 of 83,640 look-up tables \(6,360 too many\)$",
        ),
        (
            "print('ERROR: cell type X is unsupported!')\nsys.exit(1)",
            r"^Netlist for LFE5U-85F must go through nextpnr-ecp5, and does not: cell type X is unsupported$",
        ),
        ("sys.exit(3)", r"^Netlist for .* and does not: nextpnr-ecp5 ended with status 3$"),
        (
            "import time\ntime.sleep(60)",
            r"^Netlist for LFE5U-85F must go through nextpnr-ecp5 within 1 s, and did not$",
        ),
    ],
)
def test_a_tool_that_fails_is_reported_in_a_sentence(fake: Any, tmp_path: Path, text: str, message: str) -> None:
    fake("nextpnr-ecp5", text)
    with pytest.raises(InvalidInput, match=message):
        place_and_route_netlist(tmp_path / "n.json", DEVICE, 50e6, timeout=1.0 if "within" in message else 50.0)


def test_a_clock_that_is_missed_gives_the_one_reached(fake: Any, tmp_path: Path) -> None:
    fake("nextpnr-ecp5", WRITES)
    with pytest.raises(
        InvalidInput,
        match=r"^Clock of ulx3s must be at most 91.00 MHz, which place and route reached with seed 1, not 100 MHz: "
        r"the slowest path is from edge.macro.sum to edge.reader.y$",
    ):
        make_bitstream(BOARD, BOARD.clock(100e6), tmp_path, TAKEN)


def test_a_bitstream_is_packed_of_what_was_routed(fake: Any, tmp_path: Path) -> None:
    fake("nextpnr-ecp5", WRITES.replace("91.0", "101.5"))
    fake("ecppack", "open(sys.argv[-1], 'w').write(' '.join(sys.argv[1:]))")
    placed, bitstream = make_bitstream(BOARD, BOARD.clock(100e6), tmp_path, TAKEN)
    assert placed.clock_hz == 101.5e6 and bitstream == b"--compress ulx3s.config ulx3s.bit"


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    monkeypatch.delenv("NEXTPNR_ICE40", raising=False)
    with pytest.raises(
        MissingTool,
        match=r"^Program nextpnr-ice40 is missing, which place and route needs: install quadrille\[synthesis\], "
        r"or name one in NEXTPNR_ICE40$",
    ):
        tools.command_of("nextpnr-ice40")
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/bin/{name}")
    assert tools.command_of("nextpnr-ice40") == ["/bin/nextpnr-ice40"]
    monkeypatch.setenv("NEXTPNR_ICE40", "mine")
    assert tools.command_of("nextpnr-ice40") == ["mine"] and tools.tool_version("nextpnr-ice40") == "mine"


def test_bad_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Device must be one of LFE5U-25F, .*, not 'LFE5U-99F'$"):
        find_device("LFE5U-99F")
    with pytest.raises(InvalidInput, match=r"^Device of a design without pins must be an ECP5, not iCE40UP5K$"):
        place_and_route(tmp_path / "a.v", "a", DEVICES["iCE40UP5K"], 1e6)
    with pytest.raises(InvalidInput, match=r"^Verilog must be a file, and .*a.v is none$"):
        synthesize_for([tmp_path / "a.v"], "a", DEVICE, tmp_path / "n.json")


def test_a_small_module_is_placed_and_routed(tmp_path: Path) -> None:
    verilog = tmp_path / "top.v"
    verilog.write_text(
        "module part(input clk, input [3:0] a, output reg [3:0] q); always @(posedge clk) q <= q + a; endmodule\n"
        "module top(input clk, input [3:0] a, output [3:0] q); reg [3:0] b; always @(posedge clk) b <= a;\n"
        "part part(.clk(clk), .a(b), .q(q)); endmodule\n"
    )
    placed = place_and_route(verilog, "top", DEVICES["LFE5U-25F"], 100e6, seed=3)
    assert placed.met and placed.clock_hz is not None and placed.clock_hz > 200e6
    assert placed.utilization["TRELLIS_FF"][0] == placed.resources.flip_flops == 8
    assert placed.critical_path is not None and placed.critical_path.end.startswith(("q", "part.q"))
    assert abs(placed.critical_path.delay - 1e9 / placed.clock_hz) < 0.01
    assert list(tmp_path.iterdir()) == [verilog]
