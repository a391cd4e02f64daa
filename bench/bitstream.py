"""From a generated accelerator to the bitstream of an ECP5-85, and the same again with nothing changed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from quadrille.flow.export_board import export_board
from quadrille.flow.generation import generate

Row = tuple[str, str, str]

NETWORK = Path(__file__).parents[1] / "examples" / "digits-mlp" / "network.safetensors"
ROWS, COLUMNS, LANES = 128, 32, 8
CLOCK = 40e6
WANTED = 600


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        generate(NETWORK, folder / "hw", rows=ROWS, columns=COLUMNS, settings={"lanes": LANES, "cuts": 2})
        stages: dict[str, float] = {}

        def note(label: str, done: int = 0, total: int = 0) -> None:
            stages.setdefault(label.rpartition(", ")[2], time.perf_counter())

        started = time.perf_counter()
        result = export_board(folder / "hw", folder / "ulx3s", board="ulx3s", clock=CLOCK, progress=note)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        assert export_board(folder / "hw", folder / "ulx3s", board="ulx3s", clock=CLOCK).unchanged
        again = time.perf_counter() - started
    synthesis = stages["packing"] - stages["synthesis"]
    routing = stages["packing the bitstream"] - stages["packing"]
    shape = f"{ROWS}x{COLUMNS}, {LANES} lanes"
    used, there = next((used, there) for name, used, there in result.needs if name == "look-up tables")
    return [
        (f"bitstream of an ECP5-85, {shape}", f"{seconds:.0f} s", f"under {WANTED} s"),
        ("synthesis; place and route", f"{synthesis:.0f} s; {routing:.0f} s", f"{routing / synthesis:.1f} x synthesis"),
        ("look-up tables", f"{used:,} of {there:,}", f"{100 * used / there:.0f} %"),
        ("clock reached", f"{(result.reached_hz or 0) / 1e6:.1f} MHz", f"at least {CLOCK / 1e6:g} MHz"),
        ("the same again", f"{again:.1f} s", f"seconds; {seconds / again:.0f} x faster"),
    ]


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
