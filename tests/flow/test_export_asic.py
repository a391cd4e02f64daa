"""Designs as netlists: what is written, that they compute the same, memories either way, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.boards.asic.liberty import open_library
from quadrille.boards.asic.power import read_netlist
from quadrille.flow.asic_report import AsicExport
from quadrille.flow.blocks import component
from quadrille.flow.command_line import cli
from quadrille.flow.console import play
from quadrille.flow.export_asic import export_asic
from quadrille.flow.generation import generate
from quadrille.flow.verification import verify
from quadrille.sim.model import Model, Stall

LIBRARY = [Path(__file__).parents[1] / "boards" / name for name in ("small.lib", "gates.lib")]
"""Two files: gates and a flip-flop, and a clock gate and constants."""


@pytest.fixture(scope="module")
def macro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("macro")
    component("cim-macro", folder, {"rows": 4, "columns": 5, "activation_bits": 2})
    return folder


@pytest.fixture(scope="module")
def netlist(macro: Path, tmp_path_factory: pytest.TempPathFactory) -> AsicExport:
    return export_asic(macro, tmp_path_factory.mktemp("netlist"), liberty=LIBRARY)


def test_the_parts_are_the_whole(netlist: AsicExport) -> None:
    names = ("area", "cells", "flip_flops", "gated", "clock_gates", "latches", "leakage")
    for name in names:
        assert getattr(netlist, name) == pytest.approx(sum(getattr(module, name) for module in netlist.modules))
    assert [module.place for module in netlist.modules] == ["columns_0", "."]
    # The rows of weights hold unless they are written, and everything holds while the output waits.
    assert netlist.latches == 0 and netlist.clock_gates > 4 and netlist.gated > 0.5 * netlist.flip_flops
    assert netlist.gates == netlist.area / 2 and netlist.memories == ()
    steps = [step.arrival for step in netlist.path]
    assert steps == sorted(steps) and steps[-1] == netlist.reached > 2 * netlist.io_delay > 0


def test_a_netlist_is_a_folder_like_its_source(netlist: AsicExport, macro: Path) -> None:
    folder = netlist.folder
    manifest, source = (json.loads((place / "cim_macro.json").read_text()) for place in (folder, macro))
    assert manifest["ports"] == source["ports"] and manifest["streams"] == source["streams"]
    assert manifest["mapping"]["library"] == "small" and manifest["files"]["models"] == ["cells.v"]
    text = (folder / "cim_macro.v").read_text()
    assert "always" not in text and "assign" not in text and "_reg (" in text
    for step in netlist.path:
        instance = step.place.split(".")[-2] if "." in step.place else step.place
        assert f" {instance} (" in text
    constraint = (folder / "cim_macro.sdc").read_text()
    assert "create_clock -name clk -period $clock_period [get_ports clk]" in constraint and "in ps" in constraint
    period = float(constraint.split("set clock_period ")[1].split()[0])
    assert netlist.reached <= period / 1000 < 1.01 * netlist.reached
    for platform in ("sky130hd", "nangate45", "asap7"):
        configuration = (folder / "openroad" / platform / "config.mk").read_text()
        assert "export DESIGN_NAME = cim_macro" in configuration and f"export PLATFORM = {platform}" in configuration
        assert "create_clock" in (folder / "openroad" / platform / "constraint.sdc").read_text()
    assert (folder / "openroad" / "cim_macro.v").read_text() == (macro / "cim_macro.v").read_text()


def test_every_cell_has_a_reader(netlist: AsicExport) -> None:
    found = read_netlist(netlist.folder / "cim_macro.v", "cim_macro", open_library(LIBRARY)).netlist
    read = {net for instance in found.instances for _, net in instance.pins("input")}
    read |= {net for nets in found.outputs.values() for net in nets}
    idle = [each.name for each in found.instances if not any(net in read for _, net in each.pins("output"))]
    assert idle == []


def test_nothing_new_nothing_made(netlist: AsicExport, macro: Path, tmp_path: Path) -> None:
    again = export_asic(macro, netlist.folder, liberty=LIBRARY)
    assert again.unchanged and not netlist.unchanged
    assert again.as_dict() == {**netlist.as_dict(), "unchanged": True}
    assert str(again).count("\n") == str(netlist).count("\n") + 1
    # One byte of one file is enough.
    changed = netlist.folder / "cells.v"
    text = changed.read_text()
    changed.write_text(text + "\n")
    assert not export_asic(macro, netlist.folder, liberty=LIBRARY).unchanged
    assert changed.read_text() == text


def test_a_clock_is_met_or_refused(netlist: AsicExport, macro: Path, tmp_path: Path) -> None:
    relaxed = export_asic(macro, tmp_path / "slow", liberty=LIBRARY, clock_period=4 * netlist.reached)
    assert relaxed.reached < 4 * netlist.reached and relaxed.io_delay == pytest.approx(0.8 * netlist.reached)
    with pytest.raises(
        InvalidInput, match=r"^Clock period of cim_macro must be one that is met, and 0\.01 ns is not: "
    ):
        export_asic(macro, tmp_path / "fast", liberty=LIBRARY, clock_period=0.01)
    assert list((tmp_path / "fast").glob("*")) == []


def test_command(macro: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "export",
        str(macro),
        "--asic",
        "--liberty",
        str(LIBRARY[0]),
        "--liberty",
        str(LIBRARY[1]),
        "-o",
        str(tmp_path / "netlist"),
    ]
    assert play(cli, [*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["library"] == "small"
    assert play(cli, words) == 0
    assert "nothing that matters is new since this was made" in capsys.readouterr().out


def answers(folder: Path, inputs: dict[str, Any], count: int, **conditions: Any) -> dict[str, Any]:
    with Model(folder) as model:
        return model.run(inputs, {"o": count}, **conditions).streams["o"].fields


@pytest.mark.verilator
@pytest.mark.parametrize("conditions", [{}, {"stall": Stall(0.4, seed=3)}], ids=["free", "stalled"])
def test_a_netlist_computes_the_same(netlist: AsicExport, macro: Path, conditions: dict[str, Any]) -> None:
    draw = np.random.default_rng(5)
    rows = np.arange(4)
    weights = {"row": rows, "reference": draw.integers(0, 2, 4), "cells": draw.integers(0, 32, 4)}
    planes = {
        "bits": draw.integers(0, 16, 40),
        "first": np.arange(40) % 2 == 0,
        "last": np.arange(40) % 2 == 1,
    }
    found: list[dict[str, Any]] = []
    for folder in (macro, netlist.folder):
        found.append(answers(folder, {"i_weights": weights, "i": planes}, 20, **conditions))
    for name, values in found[0].items():
        np.testing.assert_array_equal(found[1][name], values, err_msg=name)
    assert np.any(found[0]["reference"] > 0)


def changed(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def without(name: str) -> Callable[[str], str]:
    """The library without the cell of that name."""

    def cut(text: str) -> str:
        start = text.index(f"  cell ({name})")
        following = text.find("\n  cell (", start + 1)
        return text[:start] + (text[following + 1 :] if following >= 0 else "}\n")

    return cut


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (without("DFF"), r"^Cell library of bad\.lib must have a flip-flop with a rising clock, and has none$"),
        (
            changed('clocked_on : "C"', 'clocked_on : "!C"'),
            r"^Cell library of bad\.lib must have a flip-flop with a rising clock, and has none$",
        ),
        (without("INV"), r"^Cell library of bad\.lib must have an inverter, and has none$"),
        (
            lambda text: without("NAND2")(without("NOR2")(text)),
            r"^Cell library of bad\.lib must have a NAND, NOR, AND or OR of two inputs, and has none$",
        ),
        (without("NAND2"), r"^Cell library of bad\.lib must have a two-input NAND, and has none$"),
    ],
    ids=["no flip-flop", "falling", "no inverter", "no joining gate", "no NAND"],
)
def test_a_library_that_lacks_something_is_refused(
    macro: Path, tmp_path: Path, edit: Callable[[str], str], message: str
) -> None:
    path = tmp_path / "bad.lib"
    path.write_text(edit(LIBRARY[0].read_text()))
    with pytest.raises(InvalidInput, match=message):
        export_asic(macro, tmp_path / "netlist", liberty=[path])
    assert not (tmp_path / "netlist").exists()


def test_what_is_no_design_is_refused(netlist: AsicExport, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^Design must be Verilog that is not mapped yet, and .* holds a netlist$"):
        export_asic(netlist.folder, tmp_path, liberty=LIBRARY)
    with pytest.raises(InvalidInput, match=r"^Design must be a folder that was exported, not .*none$"):
        export_asic(tmp_path / "none", tmp_path, liberty=LIBRARY)


def test_a_period_is_no_reason_to_lose_what_was_there(netlist: AsicExport, macro: Path) -> None:
    before = {path: path.read_bytes() for path in netlist.folder.rglob("*") if path.is_file()}
    with pytest.raises(InvalidInput, match=r"^Clock period of cim_macro must be one that is met, and "):
        export_asic(macro, netlist.folder, liberty=LIBRARY, clock_period=0.02)
    assert {path: path.read_bytes() for path in netlist.folder.rglob("*") if path.is_file()} == before


def files_of(name: str) -> list[Path]:
    folder = Path(os.environ.get("QUADRILLE_DATA") or os.devnull) / "liberty" / name
    if not folder.is_dir():
        pytest.skip(f"cell library {name} is not here: QUADRILLE_DATA names no folder that has it")
    return sorted([*folder.glob("*.lib"), *folder.glob("*.lib.gz")])


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("nangate45", (400, 1200)),
        pytest.param("sky130hd", (2000, 6000), marks=pytest.mark.slow),
        pytest.param("asap7", (20, 120), marks=pytest.mark.slow),
        ("ihp-sg13g2", (3000, 9000)),
    ],
)
def test_every_library(macro: Path, tmp_path: Path, name: str, area: tuple[float, float]) -> None:
    found = export_asic(macro, tmp_path, liberty=files_of(name))
    assert found.library == name and area[0] < found.area < area[1]
    assert found.clock_gates > 4 and found.gated > 0.5 * found.flip_flops and found.latches == 0
    platform = tmp_path / "openroad" / name
    assert not platform.is_dir() or "SYNTH_NETLIST_FILES" in (platform / "config.mk").read_text()
    if name == "asap7":
        assert f"set clock_period {found.reached * 1000:.0f}"[:19] in (platform / "constraint.sdc").read_text()


@pytest.mark.slow
@pytest.mark.verilator
def test_an_accelerator_in_nangate45_computes_the_same(small_network: Any, tmp_path: Path) -> None:
    from quadrille.algo.integer import write_network

    write_network(small_network, tmp_path / "network.safetensors")
    generate(tmp_path / "network.safetensors", tmp_path / "hw", rows=40, columns=16, settings={"lanes": 4, "frames": 4})
    found = export_asic(tmp_path / "hw", tmp_path / "netlist", liberty=files_of("nangate45"))
    assert found.memories and {"macro", "sequencer", "weights"} <= {module.place for module in found.modules}
    assert verify(tmp_path / "netlist", 8).passed
