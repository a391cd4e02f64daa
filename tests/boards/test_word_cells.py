"""Word cells in look-up tables and carry chains: proved equal to their bodies, and a whole macro of them simulated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille import boards
from quadrille.algo.integer.cim import cim_macro
from quadrille.boards.synthesis import run_yosys, synthesize
from quadrille.boards.targets import FPGAS
from quadrille.hw.base.word_cells import WORD_CELLS, WordCell, definitions
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export, mapped_manifest
from quadrille.sim.model import Model, Stall

LUT6 = Path(boards.__file__).with_name("lut6.v")
MODELS = "+/xilinx/cells_sim.v"
WARM_UP, VECTORS = 30, 20


def proof(cell: WordCell, tables: Path, folder: Path) -> list[str]:
    """Commands that fail unless the body of `cell` and its module in `tables` agree on every input."""
    body = folder / "body.v"
    body.write_text(cell.definition(), encoding="utf-8")
    return [
        f"read_verilog {tables}",
        f"read_verilog {MODELS}",
        f"hierarchy -top {cell.name}",
        f"rename {cell.name} tables",
        f"read_verilog {body}",
        f"rename {cell.name} body",
        "proc",
        "flatten -wb tables",
        "miter -equiv -flatten body tables miter",
        "sat -verify -prove trigger 0 miter",
    ]


@pytest.mark.parametrize("cell", WORD_CELLS, ids=lambda cell: cell.name)
def test_tables_are_the_body(tmp_path: Path, cell: WordCell) -> None:
    run_yosys(proof(cell, LUT6, tmp_path), f"Word cell {cell.name}", 120)


def test_a_wrong_table_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.v"
    text = LUT6.read_text(encoding="utf-8")
    wrong.write_text(text.replace("64'h177E7EE8E8808000", "64'h177E7EE8E8808001"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"^Word cell word__counter_7 must go through Yosys, and does not: "):
        run_yosys(proof(WORD_CELLS[1], wrong, tmp_path), f"Word cell {WORD_CELLS[1].name}", 120)


def test_definitions_can_be_left_out(tmp_path: Path) -> None:
    """A tool that is given QUADRILLE_WORD_CELLS takes the modules from another file."""
    design = export(CimMacro(rows=9, columns=2, compressor="lut6"), tmp_path / "macro")
    both = [f"read_verilog -DQUADRILLE_WORD_CELLS {design / 'cim_macro.v'}", f"read_verilog {LUT6}"]
    run_yosys([*both, f"read_verilog -lib {MODELS}", "hierarchy -check -top cim_macro"], "Both files", 120)
    assert definitions("module m; endmodule") == ""


def test_tables_are_counted(tmp_path: Path) -> None:
    """By hand, for 9 rows: a counter of seven (two tables, one idle), a full adder, and 8 bits of a sum of three."""
    design = export(CimMacro(rows=9, columns=2, compressor="lut6"), tmp_path / "macro")
    found = synthesize(design / "cim_macro.v", "cim_macro", FPGAS["ultrascale+"])
    # In two columns, and without the sum in the reference column.
    assert found.cells["LUT6_2"] == 2 * (2 + 1 + 8) + 2 + 1
    assert found.cells["LUT1"] == 3
    assert found.luts is not None and found.luts >= 28


@pytest.mark.verilator
@pytest.mark.parametrize("family", ["ultrascale+", pytest.param("7-series", marks=pytest.mark.slow)])
def test_netlist_of_the_macro(tmp_path: Path, family: str) -> None:
    """The netlist, its cells as Yosys models them, gives the sums of the twin, with and without stalls."""
    dut = CimMacro(rows=17, columns=5, activation_bits=3, signed=True, planes=2, cuts=1, compressor="lut6")
    names = {parameter.name: getattr(dut, parameter.name) for parameter in dut.parameters}
    draw = np.random.default_rng(2)
    cells, reference = draw.integers(0, 2, (dut.rows, dut.columns)), draw.integers(0, 2, dut.rows)
    count, bits = WARM_UP + VECTORS, dut.activation_bits
    vectors = draw.integers(-(1 << (bits - 1)), 1 << (bits - 1), (count, dut.rows))
    first = np.tile([1] + [0] * (bits - 1), count)
    beats = {
        "bits": (vectors[:, None, :] >> np.arange(bits)[::-1, None] & 1).reshape(-1, dut.rows) @ (1 << np.arange(17)),
        "first": first,
        "last": np.roll(first, -1),
        "negative": first,
        "swap": (np.arange(len(first)) == WARM_UP * bits).astype(np.int64),
    }
    rows = {"row": np.arange(dut.rows), "reference": reference, "cells": cells @ (1 << np.arange(dut.columns))}
    sums, references = cim_macro(cells, reference, vectors, **names)
    form = dut.partial_format
    with Model(netlist(dut, tmp_path, family)) as model:
        for stall in (None, Stall(0.4, seed=3)):
            run = model.run({"i": beats, "i_weights": rows}, {"o": count}, stall=stall)
            assert run.input_cycles["i_weights"][-1] < run.input_cycles["i"][WARM_UP * bits - 1]
            fields = {name: values[WARM_UP:] for name, values in run.streams["o"].fields.items()}
            got = sum(numbers_of(fields[name], dut.columns, form.bits) for name in ("sum", "carry"))
            assert np.array_equal(got % (1 << form.bits), sums[WARM_UP:] % (1 << form.bits))
            assert np.array_equal(fields["reference"], references[WARM_UP:])


def netlist(dut: CimMacro, folder: Path, family: str) -> Path:
    """The folder of `dut`, whose Verilog is that of its look-up tables, carry chains and flip-flops."""
    design, mapped = export(dut, folder / "macro"), folder / "mapped.v"
    cells = folder / "cells.v"
    mapping = [f"read_verilog {design / 'cim_macro.v'}", *FPGAS[family].commands("cim_macro")]
    run_yosys([*mapping, f"write_verilog -noattr {cells}"], "Macro", 300)
    models = [f"read_verilog {cells}", f"read_verilog {MODELS}", "hierarchy -top cim_macro", "proc", "flatten -wb"]
    run_yosys([*models, "opt_clean -purge", f"write_verilog -noattr {mapped}"], "Netlist", 300)
    text = mapped.read_text(encoding="utf-8")
    description = json.loads((design / "cim_macro.json").read_text(encoding="utf-8"))
    (design / "cim_macro.v").write_text(text, encoding="utf-8")
    manifest = mapped_manifest(description, text, {}, {"family": family})
    (design / "cim_macro.json").write_text(json.dumps(manifest), encoding="utf-8")
    return design


def numbers_of(field: Any, columns: int, bits: int) -> Any:
    """Numbers of a field: word k, bit k of every number, at `k * columns`."""
    words = np.asarray(field, np.uint64)[:, None]
    sliced = (words >> np.arange(columns * bits, dtype=np.uint64) & np.uint64(1)).reshape(len(field), bits, columns)
    return (sliced.astype(np.int64) << np.arange(bits)[:, None]).sum(axis=1)
