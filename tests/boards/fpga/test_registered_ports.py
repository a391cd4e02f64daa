"""A wrapper with few pins: everything that a design says reaches the pin, through registers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quadrille.boards.fpga.registered_ports import registered_ports
from quadrille.boards.synthesis import synthesize
from quadrille.boards.targets import FPGAS
from quadrille.hw.cim import ColumnReader
from quadrille.hw.export import export


@pytest.fixture(name="wrapped")
def wrapped_fixture(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    block = ColumnReader(columns=5, lanes=2, partial_bits=3, reference_bits=3, steps=3)
    verilog = export(block, tmp_path) / "column_reader.v"
    manifest = json.loads(verilog.with_suffix(".json").read_text(encoding="utf-8"))
    text = verilog.read_text(encoding="utf-8") + registered_ports(manifest, "column_reader", "around")
    whole = tmp_path / "around.v"
    whole.write_text(text, encoding="utf-8")
    return whole, manifest


def test_nothing_is_optimized_away(wrapped: tuple[Path, dict[str, Any]]) -> None:
    whole, manifest = wrapped
    alone = synthesize(whole, "column_reader", FPGAS["ecp5"])
    around = synthesize(whole, "around", FPGAS["ecp5"])
    ports = [port for port in manifest["ports"] if port["name"] not in (manifest["clock"], manifest["reset"])]
    inputs, outputs = (sum(p["width"] for p in ports if p["direction"] == way) for way in ("in", "out"))
    folded, width = 0, outputs
    while width > 1:
        width = -(-width // 4)
        folded += width
    # A bit of the shift register for each input, a register for each output, and the tree behind them.
    assert around.flip_flops == alone.flip_flops + inputs + outputs + folded
