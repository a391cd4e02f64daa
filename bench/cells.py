"""What a weight of four bits takes in 45 nm, in flip-flops and in latches, beside a published macro of SRAM cells."""

from __future__ import annotations

import tempfile
from pathlib import Path

from quadrille.algo.spec import InvalidInput
from quadrille.boards.synthesis import Synthesized, synthesize_netlist
from quadrille.boards.targets import library
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export

Row = tuple[str, str, str]

ROWS, OUTPUTS, BITS = 64, 16, 4
OPENC2 = "OpenC2: 38.2 um2, laid out, SRAM cells 22 % of it"
"""64 x 64 cells, 4-bit weights and activations, FreePDK45: the outlines of its blocks, a column over its weights."""


def macro(folder: Path, *, latches: bool) -> Synthesized:
    """A macro of as many weights and bits as OpenC2's, a tree for the four bits of all of a column's weights."""
    component = CimMacro(rows=ROWS, columns=OUTPUTS, cell_bits=BITS, activation_bits=4)
    design = export(component, folder / ("latches" if latches else "flip-flops"), "macro")
    target = library("nangate45")
    return synthesize_netlist(design / "macro.v", "macro", target, clocked=True, latches=latches, timeout=3600)


def stored(found: Synthesized, *, latches: bool) -> float:
    """The area of the cells that hold weights, without what writes them, per weight."""
    of_library = [found.library[name] for name in found.resources.cells]
    kind = min((cell for cell in of_library if (cell.is_latch if latches else cell.flip_flop)), key=lambda c: c.area)
    return BITS * kind.area


def rows() -> list[Row]:
    """Rows of the table: what, figure, beside what."""
    table: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        for latches, noun in ((False, "flip-flops"), (True, "latches")):
            try:
                found = macro(Path(name), latches=latches)
            except InvalidInput as error:
                return [("area of a 4-bit weight, 45 nm", "left out", str(error))]
            area = (found.resources.area or 0.0) / (ROWS * OUTPUTS)
            figure = f"{area:.1f} um2, its cells {stored(found, latches=latches):.1f}"
            table.append((f"4-bit weight in {noun}, 45 nm", figure, OPENC2))
    return table


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
