"""`quadrille export --board`: what is published, what is refused, and that nothing is made twice."""

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.integer import write_network
from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.boards.fpga import board, build, place_and_route
from quadrille.boards.fpga.board import BOARDS, find_board
from quadrille.boards.fpga.devices import DEVICES
from quadrille.boards.fpga.place_and_route import synthesize_for
from quadrille.boards.synthesis import Resources, run_yosys
from quadrille.flow import export_board as flow_export_board
from quadrille.flow.board_fitting import fitting_shape
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.edges import edge_files
from quadrille.flow.export_board import BoardExport, export_board
from quadrille.flow.generation import generate
from quadrille.tb.networks import random_network

TAKEN = Resources("ecp5", {}, flip_flops=3000, luts=4000, memory_luts=60, multipliers=1, block_rams=9, large_rams=0)
REPORT = {
    "fmax": {"clk": {"achieved": 55.5, "constraint": 50.0}},
    "utilization": {
        "TRELLIS_COMB": {"used": 4010, "available": 83640},
        "TRELLIS_FF": {"used": 3000, "available": 83640},
    },
    "critical_paths": [],
}


@pytest.fixture(scope="module")
def accelerator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accelerator")
    write_network(random_network(1, sizes=(13, 7, 4), adc_bits=3), folder / "network.safetensors")
    generate(folder / "network.safetensors", folder / "hw", rows=8, columns=8, settings={"lanes": 2, "frames": 2})
    return folder / "hw"


@cache
def edge_once(name: str, accelerator: Path, settings: tuple[tuple[str, str], ...]) -> Any:
    return edge_files(name, accelerator, dict(settings))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tools that answer at once, and edges that are written once; every call of a tool is noted in the list."""
    called: list[str] = []
    monkeypatch.setattr(
        flow_export_board,
        "edge_files",
        lambda name, accelerator, settings: dict(edge_once(name, accelerator, tuple(settings.items()))),
    )

    def synthesize(verilog: Any, top: str, device: Any, netlist: Path, **options: Any) -> Resources:
        assert all(path.is_file() for path in verilog) and netlist.parent.joinpath(f"{top}.v").is_file()
        called.append("synthesis")
        return replace(TAKEN, target=device.family)

    def place(netlist: Path, device: Any, clock_hz: float, **options: Any) -> tuple[Any, float]:
        called.append("place and route")
        return REPORT, 1.0

    monkeypatch.setattr(build, "synthesize_for", synthesize)
    monkeypatch.setattr(build, "place_and_route_netlist", place)
    for program in ("ECPPACK", "ICEPACK"):
        path = tmp_path / program
        path.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[-1], 'w').write('bits')\n")
        path.chmod(0o755)
        monkeypatch.setenv(program, str(path))
    return called


def test_a_board_gets_everything_and_nothing_twice(accelerator: Path, tmp_path: Path, tools: list[str]) -> None:
    first = export_board(accelerator, tmp_path / "out", board="ulx3s")
    assert tools == ["synthesis", "place and route"] and not first.unchanged
    assert {path.name for path in first.files} == {path.name for path in (tmp_path / "out").iterdir()}
    assert {path.name for path in first.files} >= {
        *("uart_accelerator.v", "uart_accelerator.json", "program.bin", "network.safetensors"),
        *("ulx3s.v", "ulx3s.lpf", "synthesis.ys", "build.sh", "ulx3s.bit", "report.json"),
    }
    assert (tmp_path / "out" / "ulx3s.bit").read_bytes() == b"bits"
    edge = json.loads((tmp_path / "out" / "uart_accelerator.json").read_text())
    assert edge["parameters"]["divisor"] == first.divisor == 50
    assert (first.reached_hz, first.needs[0]) == (55.5e6, ("look-up tables", 4010, 83640))
    again = export_board(accelerator, tmp_path / "out", board="ulx3s")
    assert len(tools) == 2 and again == replace(first, unchanged=True) and "unchanged" in str(again)
    changes: list[dict[str, Any]] = [{"clock": 25e6}, {"baud": 500_000}, {"seed": 2}]
    for changed in changes:
        assert not export_board(accelerator, tmp_path / "out", board="ulx3s", **changed).unchanged
    (tmp_path / "out" / "ulx3s.bit").write_bytes(b"other")
    assert not export_board(accelerator, tmp_path / "out", board="ulx3s", seed=2).unchanged
    (tmp_path / "out" / "report.json").write_text("[]")
    assert not export_board(accelerator, tmp_path / "out", board="ulx3s", seed=2).unchanged


def test_without_a_bitstream_the_script_is_what_comes_next(accelerator: Path, tmp_path: Path, tools: list[str]) -> None:
    result = export_board(accelerator, tmp_path, board="orangecrab", sources_only=True)
    assert tools == ["synthesis"] and result.bitstream is None and result.command == "sh build.sh"
    assert result.needs[0] == ("look-up tables", 4060, 24288)


def test_xilinx_boards_get_a_project(accelerator: Path, tmp_path: Path, tools: list[str]) -> None:
    result = export_board(accelerator, tmp_path, board="vcu128")
    assert tools == ["synthesis"] and result.reached_hz is None
    assert result.command == "vivado -mode batch -source build.tcl"
    assert {"build.tcl", "program.tcl", "vcu128.xdc", "vcu128.v"} <= {path.name for path in result.files}
    assert "look-up tables" in str(result) and BoardExport.title == "Board"


def test_what_is_missed_publishes_nothing(
    accelerator: Path, tmp_path: Path, tools: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match=r"^Clock of ulx3s must be at most 55.50 MHz, which .*, not 62.5 MHz"):
        export_board(accelerator, tmp_path / "out", board="ulx3s", clock=62.5e6)
    crab = find_board("orangecrab")
    small = replace(DEVICES["LFE5U-25F"], luts=3800)
    monkeypatch.setattr(board, "find_board", lambda name: replace(crab, device=small))
    with pytest.raises(
        InvalidInput,
        match=r"^Design for orangecrab must fit its LFE5U-25F, and takes 4,060 of 3,800 look-up tables "
        r"\(260 too many\)(: \d+ rows, \d+ columns and \d+ lanes would take about [\d,]+ \(--rows |, and no smaller)",
    ):
        export_board(accelerator, tmp_path / "out", board="orangecrab")
    calls = len(tools)
    tiny = replace(DEVICES["LFE5U-25F"], luts=100)
    monkeypatch.setattr(board, "find_board", lambda name: replace(crab, device=tiny))
    with pytest.raises(
        InvalidInput,
        match=r"^Design for orangecrab must fit its LFE5U-25F, and takes by estimate [\d,]+ of 100 look-up tables "
        r"\([\d,]+ too many\), and no smaller shape is found for this network$",
    ):
        export_board(accelerator, tmp_path / "out", board="orangecrab")
    assert len(tools) == calls and not (tmp_path / "out").exists()


def test_a_smaller_shape_is_proposed_that_fits(accelerator: Path) -> None:
    shape = fitting_shape(accelerator, replace(DEVICES["LFE5U-85F"], luts=4500), TAKEN)
    assert shape is not None and shape.luts <= 0.85 * 4500
    assert shape.rows <= 8 and shape.columns <= 8 and shape.lanes <= 2
    assert fitting_shape(accelerator, replace(DEVICES["LFE5U-85F"], luts=50), TAKEN) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "either option --board or option --asic must be given, and not both"),
        (["--board", "ulx3s", "--asic"], "either option --board or option --asic must be given, and not both"),
        (["--asic", "--seed", "2"], "option --seed is for --board, not for --asic"),
        (["--board", "ulx3s", "--memories", "flip-flops"], "option --memories is for --asic, not for --board"),
        (["--asic"], "option --liberty must be given with --asic, once for each file"),
        (["--board", "ulx3s", "--clock", "fast"], "'fast' must be a positive frequency in Hz, such as 50e6 or 50MHz"),
        (["--board", "de10"], "Board must be one of ulx3s, "),
        (["--board", "ulx3s", "--clock", "1kHz"], "Clock of ulx3s must be one that its PLL makes of 25 MHz"),
        (["--board", "ulx3s", "--baud", "30000000"], "Baud rate must be one that whole cycles of 50 MHz make"),
        (["--board", "vcu128"], "Accelerator's manifest must be readable, and "),
    ],
)
def test_bad_words_are_refused_in_a_sentence(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(cli, ["export", str(tmp_path / "none"), *words, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_place_and_route_that_is_missing_is_told_before_anything_is_made(
    accelerator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quadrille.boards.fpga import tools as programs

    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    with pytest.raises(MissingTool, match=r"^Program nextpnr-ecp5 is missing, which place and route needs"):
        export_board(accelerator, tmp_path / "out", board="ulx3s")
    assert not (tmp_path / "out").exists()


CELLS = {
    "ecp5": "+/ecp5/cells_sim.v +/ecp5/cells_bb.v",
    "ice40": "+/ice40/cells_sim.v",
    "7-series": "+/xilinx/cells_sim.v +/xilinx/cells_xtra.v",
    "ultrascale+": "+/xilinx/cells_sim.v +/xilinx/cells_xtra.v",
}


@pytest.mark.parametrize("name", BOARDS)
def test_every_cell_and_port_of_a_board_is_one_of_its_family(
    accelerator: Path, tmp_path: Path, name: str, tools: list[str]
) -> None:
    chosen = find_board(name)
    hz = {"orangecrab": 64e6, "icebreaker": 24e6, "arty_a7": 50e6}.get(name)
    export_board(accelerator, tmp_path, board=name, clock=hz, sources_only=True)
    commands = [
        f"read_verilog -lib {CELLS[chosen.device.family]}",
        f"read_verilog {tmp_path}/uart_accelerator.v {tmp_path}/{name}.v",
        f"hierarchy -check -top {name}",
    ]
    run_yosys(commands, f"Top of {name}", 120.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arty_a7", "vcu128", "zcu104"])
def test_xilinx_projects_go_through_synthesis(accelerator: Path, tmp_path: Path, name: str) -> None:
    result = export_board(accelerator, tmp_path, board=name)
    used = {resource: count for resource, count, _ in result.needs}
    assert 1000 < used["look-up tables"] < 10_000 and 1000 < used["flip-flops"] < 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ulx3s", "icebreaker"])
def test_bitstreams_are_made(name: str, tmp_path: Path) -> None:
    write_network(random_network(1, sizes=(13, 7, 4), adc_bits=3), tmp_path / "network.safetensors")
    settings = {"lanes": 1, "frames": 1, "weight_planes": 1}
    generate(tmp_path / "network.safetensors", tmp_path / "hw", rows=8, columns=8, settings=settings, baked=True)
    clock = {"ulx3s": 25e6, "icebreaker": 12e6}[name]
    result = export_board(tmp_path / "hw", tmp_path / "out", board=name, clock=clock)
    assert result.reached_hz is not None and result.reached_hz >= clock and result.path is not None
    assert result.bitstream_bytes is not None and result.bitstream_bytes > 50_000
    assert export_board(tmp_path / "hw", tmp_path / "out", board=name, clock=clock).unchanged


@pytest.mark.slow
def test_the_shape_that_is_proposed_does_fit(tmp_path: Path) -> None:
    """Real syntheses: of what is too large, and of what was proposed instead of it."""
    write_network(random_network(1, sizes=(40, 24, 8), adc_bits=3), tmp_path / "network.safetensors")
    device = replace(DEVICES["LFE5U-25F"], luts=9000)

    def taken(rows: int, columns: int, lanes: int) -> Resources:
        folder = tmp_path / f"{rows}x{columns}x{lanes}"
        settings = {"lanes": lanes}
        generate(tmp_path / "network.safetensors", folder, rows=rows, columns=columns, settings=settings)
        return synthesize_for([folder / "accelerator.v"], "accelerator", device, folder / "netlist.json")

    large = taken(40, 32, 8)
    assert device.needs(large)[0].missing
    shape = fitting_shape(tmp_path / "40x32x8", device, large)
    assert shape is not None
    found = taken(shape.rows, shape.columns, shape.lanes)
    assert device.check(found) and abs(device.needs(found)[0].used - shape.luts) < 0.25 * shape.luts
    assert place_and_route.RESOURCES["TRELLIS_COMB"] == device.needs(found)[0].resource
