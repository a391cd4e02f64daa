"""How many activation vectors a second cocotb plays on the exported 128x128 macro, every sum compared."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export
from quadrille.tb.burst import write_burst
from quadrille.tb.manifest import Manifest
from quadrille.tb.runner import FAST, build, simulate
from quadrille.tb.speed_cim_macro import shape

WANTED = 40_000


def vectors_per_second(rows: int = 128, columns: int = 128) -> float:
    """Vectors of 4 bit planes, each with all its column sums, in one process of the simulator."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        block = Manifest.read(export(CimMacro(rows=rows, columns=columns), folder / "macro"))
        simulator = build(write_burst(block, folder / "burst", shape(block)), optimise=FAST)
        figures = folder / "figures.json"
        settings = {"QUADRILLE_BLOCK": str(block.path), "QUADRILLE_FIGURES": str(figures)}
        (outcome,) = simulate(
            simulator, "quadrille.tb.speed_cim_macro", seed=1, folder=folder / "run", settings=settings
        )
        if outcome.reason is not None:
            raise RuntimeError(outcome.reason)
        return json.loads(figures.read_text(encoding="utf-8"))["vectors_per_second"]


def rows() -> list[tuple[str, str, str]]:
    """Rows of the table: what, figure, what is asked for."""
    return [("cocotb, 128x128 macro", f"{vectors_per_second():,.0f} vectors/s", f"at least {WANTED:,}")]


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
