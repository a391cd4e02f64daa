"""Weights in latches: as many as there are cells, and the same results in the same cycles, written at any time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.flow.blocks import component
from quadrille.flow.export_asic import export_asic
from quadrille.sim.model import Model, Stall

CELLS = Path(__file__).parents[1] / "boards"
LIBRARY = [CELLS / name for name in ("small.lib", "gates.lib", "latches.lib")]
ROWS, COLUMNS, VECTORS, WRITES = 6, 5, 300, 90


def macro(folder: Path, planes: int) -> Path:
    component("cim-macro", folder, {"rows": ROWS, "columns": COLUMNS, "activation_bits": 2, "planes": planes})
    return folder


def without_gate(folder: Path) -> list[Path]:
    """The same library without its clock gate: pulses are made of a latch and an AND."""
    text = LIBRARY[1].read_text(encoding="utf-8")
    start, end = text.index("  cell (GATE)"), text.index("  cell (HIGH)")
    gates = folder / "gates.lib"
    gates.write_text(text[:start] + text[end:], encoding="utf-8")
    return [LIBRARY[0], gates, LIBRARY[2]]


def real(name: str) -> list[Path]:
    folder = Path(os.environ.get("QUADRILLE_DATA") or os.devnull) / "liberty" / name
    if not folder.is_dir():
        pytest.skip(f"cell library {name} is not here: QUADRILLE_DATA names no folder that has it")
    return sorted([*folder.glob("*.lib"), *folder.glob("*.lib.gz")])


def played(folder: Path, planes: int, stall: Stall | None) -> dict[str, Any]:
    """What leaves, where rows are written all the time, and vectors computed beside that."""
    draw = np.random.default_rng(4)
    rows = {
        "row": draw.integers(0, ROWS, WRITES),
        "reference": draw.integers(0, 2, WRITES),
        "cells": draw.integers(0, 1 << COLUMNS, WRITES),
    }
    first = np.arange(2 * VECTORS) % 2 == 0
    beats = {"bits": draw.integers(0, 1 << ROWS, 2 * VECTORS), "first": first, "last": ~first}
    if planes == 2:
        beats["swap"] = first & (draw.random(2 * VECTORS) < 0.2)
    with Model(folder) as model:
        run = model.run({"i": beats, "i_weights": rows}, {"o": VECTORS}, stall=stall)
    return {**run.streams["o"].fields, "cycles": run.streams["o"].cycles, "written": run.input_cycles["i_weights"]}


@pytest.mark.verilator
@pytest.mark.parametrize(("planes", "gated"), [(1, True), (2, False)], ids=["gate", "2 planes, latch and AND"])
def test_latches_hold_the_same_in_every_cycle(tmp_path: Path, planes: int, gated: bool) -> None:
    library = LIBRARY if gated else without_gate(tmp_path)
    design = macro(tmp_path / "macro", planes)
    found = export_asic(design, tmp_path / "netlist", liberty=library, cells="latches")
    plain = export_asic(design, tmp_path / "plain", liberty=library)
    # One for each cell, reference cells too, and one for each bit of a row as it is written; a gate may be one more.
    held = planes * ROWS * (COLUMNS + 1)
    most = held + planes * (COLUMNS + 1) + (0 if gated else planes * 2 * ROWS)
    assert held + COLUMNS + 1 <= found.latches <= most
    assert plain.latches == 0 and found.flip_flops == plain.flip_flops - held
    for stall in (None, Stall(0.4, seed=3)):
        expected = played(design, planes, stall)
        for name, values in played(found.folder, planes, stall).items():
            np.testing.assert_array_equal(values, expected[name], err_msg=name)
        assert np.any(expected["sum"] > 0) and len(np.unique(expected["reference"])) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nangate45", "sky130hd", "asap7", "ihp-sg13g2"])
def test_latches_of_real_libraries(tmp_path: Path, name: str) -> None:
    design = macro(tmp_path / "macro", 1)
    found = export_asic(design, tmp_path / "netlist", liberty=real(name), cells="latches")
    assert found.latches >= (ROWS + 1) * (COLUMNS + 1)


def test_a_library_without_latches_is_refused(tmp_path: Path) -> None:
    design = macro(tmp_path / "macro", 1)
    with pytest.raises(
        InvalidInput, match=r"^Cell library of small\.lib must have a latch of data, clock and output, and has none$"
    ):
        export_asic(design, tmp_path / "netlist", liberty=LIBRARY[:2], cells="latches")
