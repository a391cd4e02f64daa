"""From a generated accelerator to the bitstream of an ECP5-85, and the same again with nothing changed."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from quadrille.flow.export_board import export_board
from quadrille.flow.generation import generate

Row = tuple[str, str, str]

NETWORK = Path(__file__).parents[1] / "examples" / "digits-mlp" / "network.safetensors"
ROWS, COLUMNS = 128, 8
SETTINGS = {"lanes": 2, "frames": 1, "word": 16, "weight_planes": 1, "cuts": 2}
"""Small, for place and route takes most of the time: the serial line bounds how many images come anyway."""
CLOCK = 25e6
WANTED = 600


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        hardware = generate(NETWORK, folder / "hw", rows=ROWS, columns=COLUMNS, settings=SETTINGS)
        began: dict[str, float] = {}

        def note(label: str, done: int = 0, total: int = 0) -> None:
            began.setdefault(label.rpartition(", ")[2], processor_seconds())

        started, before = time.perf_counter(), processor_seconds()
        result = export_board(folder / "hw", folder / "ulx3s", board="ulx3s", clock=CLOCK, progress=note)
        seconds, worked = time.perf_counter() - started, processor_seconds() - before
        started = time.perf_counter()
        assert export_board(folder / "hw", folder / "ulx3s", board="ulx3s", clock=CLOCK).unchanged
        again = time.perf_counter() - started
    chosen = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
    used = {what: f"{count:,} of {there:,}" for what, count, there in result.needs}
    synthesis = began["packing"] - began["synthesis"]
    return [
        ("a bitstream of digits-mlp for an ECP5-85", f"{ROWS} x {COLUMNS}, {chosen}", ""),
        ("look-up tables; flip-flops", f"{used['look-up tables']}; {used['flip-flops']}", ""),
        ("clock reached", f"{(result.reached_hz or 0) / 1e6:.1f} MHz", f"at least {CLOCK / 1e6:g} MHz"),
        ("images a second at that clock", f"{(result.reached_hz or 0) / hardware.cycles_per_image:,.0f}", ""),
        ("seconds of one processor", f"{worked:.0f}, {synthesis:.0f} of them synthesis", f"under {WANTED} s"),
        ("seconds, with all else that runs here", f"{seconds:.0f} s", f"under {WANTED} s where nothing else runs"),
        ("the same again", f"{again:.1f} s", f"seconds; {seconds / again:.0f} x faster"),
    ]


def processor_seconds() -> float:
    """Of this process and the tools that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
