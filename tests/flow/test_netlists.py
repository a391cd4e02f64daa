"""Netlists under the testbenches and the fast path of what they were made of: equal outputs, and a fault is found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.export_asic import export_asic
from quadrille.flow.regression import export_block, regress
from quadrille.flow.verification import verify
from quadrille.hw.export import mapped_manifest
from quadrille.tb.accelerator_cases import AcceleratorCase
from quadrille.tb.cases import CASES

CELLS = Path(__file__).parents[1] / "boards"
HERE = {"small": ("small.lib",), "gated": ("small.lib", "gates.lib")}
MACRO = ("cim-macro", {"rows": 3, "columns": 4, "activation_bits": 2, "tag_bits": 2})
TINY = AcceleratorCase(
    "accelerator",
    "quadrille.tb.test_accelerator",
    {"rows": 4, "columns": 3, "macros": 1, "lanes": 1, "frames": 1, "weight_planes": 1},
    network={"seed": 3, "sizes": (4, 3, 2), "tile_rows": 4, "activation_bits": 2},
)
"""A network of nine weights."""


def liberty(name: str) -> list[Path]:
    """The files of a library by name: the small one, the same with a clock gate, or one of real cells."""
    if name in HERE:
        return [CELLS / file for file in HERE[name]]
    place = Path(os.environ.get("QUADRILLE_DATA") or os.devnull) / "liberty" / name
    if not place.is_dir():
        pytest.skip(f"cell library {name} is not here: QUADRILLE_DATA names no folder that has it")
    return sorted([*place.glob("*.lib"), *place.glob("*.lib.gz")])


@pytest.fixture(name="netlist", scope="module")
def netlist_fixture(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folder of the netlist of a block in the cells of a library."""
    made: dict[str, Path] = {}

    def folder_of(block: str, parameters: dict[str, Any], library: str) -> Path:
        key = json.dumps([block, parameters, library], default=str)
        if key not in made:
            place = tmp_path_factory.mktemp("netlist")
            export_block(block, parameters, place / "design")
            result = export_asic(place / "design", place / "netlist", liberty=liberty(library))
            assert (result.clock_gates > 0) == (library != "small")
            made[key] = place / "netlist"
        return made[key]

    return folder_of


def check(folder: Path, results: Path) -> None:
    """Every scenario of the block's testbench passes on what is in `folder`."""
    told: list[str] = []
    result = regress(on=folder, folder=results, on_test=told.append)
    assert result.passed, told
    assert len(told) == len(result.tests) > 1
    assert result.tests[0].command.startswith(f"quadrille regress --on {folder} --seed ")


@pytest.mark.verilator
def test_a_macro_of_gates_passes_its_testbench(netlist: Callable[..., Path], tmp_path: Path) -> None:
    check(netlist(*MACRO, "gated"), tmp_path)


@pytest.mark.verilator
def test_a_wrong_gate_is_found(netlist: Callable[..., Path], tmp_path: Path) -> None:
    folder = netlist(*MACRO, "gated")
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    cells = (tmp_path / "cells.v").read_text()
    wrong = cells.replace("assign Y = (~(A & B));", "assign Y = (~(A | B));")
    assert wrong != cells
    (tmp_path / "cells.v").write_text(wrong)
    manifest = json.loads((tmp_path / "cim_macro.json").read_text())
    text = (tmp_path / "cim_macro.v").read_text()
    changed = mapped_manifest(manifest, text, {"cells.v": wrong}, manifest["mapping"])
    (tmp_path / "cim_macro.json").write_text(json.dumps(changed))
    words = ["regress", "--on", str(tmp_path), "-o", str(tmp_path / "results"), "--json"]
    assert play(cli, words) == 1


def test_a_folder_is_tested_or_blocks(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Blocks to test must be none where a folder is tested, not cim-macro$"):
        regress(["cim-macro"], tmp_path, on=tmp_path)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize(
    ("block", "parameters"),
    [
        ("cim-macro", {"rows": 8, "columns": 8, "activation_bits": 4, "tag_bits": 3, "cuts": 1}),
        *[(case.block, dict(case.parameters)) for case in CASES if case.block == "column-dequantizer"],
        ("plain-mac", {"units": 2}),
        ("spatio-temporal-mac", {"units": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("library", ["small", "gated", "nangate45", "sky130hd", "asap7", "ihp-sg13g2"])
def test_blocks_of_gates_pass_their_testbenches(
    netlist: Callable[..., Path], tmp_path: Path, block: str, parameters: dict[str, Any], library: str
) -> None:
    check(netlist(block, parameters, library), tmp_path)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("library", ["small", "gated", "nangate45"])
def test_an_accelerator_of_gates(netlist: Callable[..., Path], tmp_path: Path, library: str) -> None:
    folder = netlist(TINY.block, dict(TINY.prepare(tmp_path)), library)
    found = verify(folder, images=40)
    assert found.mismatches == 0 and found.integers > 0 and found.cycles_simulated == found.cycles_predicted
    check(folder, tmp_path / "results")
