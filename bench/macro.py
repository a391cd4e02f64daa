"""What a macro costs to generate, to build, to simulate and to make, bit-sliced and plain, in one table."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib import wiring
from plain_macro import PlainMacro

from quadrille.boards.synthesis import Resources, synthesize
from quadrille.boards.targets import FPGAS
from quadrille.hw.base.compress import COMPRESSORS
from quadrille.hw.cim import CimMacro
from quadrille.hw.export import export
from quadrille.sim.model import Model

Row = tuple[str, str, str]

ROWS = 128
PLANES = 4
VECTORS = 100_000
LUT_COLUMNS = 16


@dataclass(frozen=True)
class Figures:
    """One macro measured: seconds, bytes, cycles per second."""

    columns: int
    verilog_seconds: float
    verilog_bytes: int
    build_seconds: float
    start_seconds: float
    cycles_per_second: float

    @property
    def cell_operations(self) -> float:
        """Cells times input bits, a second."""
        return self.cycles_per_second * ROWS * self.columns


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds, and what `work` gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def stimulus(model: Model, columns: int) -> tuple[dict[str, Any], Any]:
    """Random weights and vectors as packed beats, and the sums that must come out."""
    draw = np.random.default_rng(columns)
    cells = draw.integers(0, 2, (ROWS, columns), dtype=np.uint8)
    vectors = draw.integers(0, 1 << PLANES, (VECTORS, ROWS), dtype=np.uint8)
    planes = np.stack([vectors >> k & 1 for k in reversed(range(PLANES))], axis=1).reshape(-1, ROWS)
    first = np.tile([1] + [0] * (PLANES - 1), VECTORS)
    activations = np.concatenate([planes, first[:, None], np.roll(first, -1)[:, None]], axis=1)
    row_bits = np.arange(ROWS)[:, None] >> np.arange((ROWS - 1).bit_length()) & 1
    rows = np.concatenate([row_bits, np.ones((ROWS, 1), np.int64), cells], axis=1)
    beats = {"i": packed(activations), "i_weights": packed(rows)}
    return beats, vectors[-1].astype(np.int64) @ cells


def packed(bits: Any) -> Any:
    """Bits [n, width] as 64-bit words [n, ...]."""
    octets = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    return np.ascontiguousarray(np.pad(octets, [(0, 0), (0, -octets.shape[1] % 8)])).view("<u8")


def columns_of(words: Any, columns: int) -> Any:
    """Numbers of bit-sliced words: one beat of a field of the macro."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little")
    whole = bits[: len(bits) // columns * columns].reshape(-1, columns).astype(np.int64)
    return (whole << np.arange(len(whole))[:, None]).sum(axis=0)


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """Models are cached in `folder` meanwhile."""
    before = os.environ.get("QUADRILLE_CACHE")
    os.environ["QUADRILLE_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["QUADRILLE_CACHE"]
        else:
            os.environ["QUADRILLE_CACHE"] = before


def runtime_seconds(cache: Path) -> float:
    """Verilator's own runtime, which is compiled once and serves every model, and one tiny model."""
    with cache_in(cache):
        seconds, _ = timed(lambda: Model(export(PlainMacro(rows=2, columns=1), cache / "tiny", "macro")))
    return seconds


@dataclass
class Measured:
    """A macro that is built, and its best run until now."""

    component: Callable[[], wiring.Component]
    columns: int
    cache: Path
    best: float = 0.0

    def __post_init__(self) -> None:
        """Export, build anew, and start from the cache."""
        with tempfile.TemporaryDirectory(prefix="quadrille-") as name, cache_in(self.cache):
            design = Path(name) / "design"
            self.verilog_seconds, design = timed(lambda: export(self.component(), design, "macro"))
            self.build_seconds, _ = timed(lambda: Model(design))
            self.start_seconds, self.model = timed(lambda: Model(design))
            self.size = (design / "macro.v").stat().st_size
        self.beats, self.expected = stimulus(self.model, self.columns)

    def run(self) -> None:
        """Simulate, and check the last sums."""
        # Rows of weights go in beside the first vectors: of a short run only the last vector is sure to meet them all.
        start = time.thread_time()
        run = self.model.run(self.beats, {"o": VECTORS})
        self.best = max(self.best, run.total_cycles / (time.thread_time() - start))
        fields = run.streams["o"].fields
        if "carry" in fields:
            bits = (ROWS * ((1 << PLANES) - 1)).bit_length()
            got = sum(columns_of(fields[part][-1], self.columns) for part in ("sum", "carry")) % (1 << bits)
        else:
            got = fields["sum"][-1]
        if not np.array_equal(got, self.expected):
            raise RuntimeError(f"Macro of {self.columns} columns must give {self.expected}, not {got}")

    @property
    def figures(self) -> Figures:
        """What came of all of it."""
        seconds = (self.build_seconds, self.start_seconds)
        return Figures(self.columns, self.verilog_seconds, self.size, *seconds, self.best)


def measure(columns: int, cache: Path, *components: Callable[[], wiring.Component]) -> list[Figures]:
    """Five runs of each macro, in turn: whatever slows the machine meanwhile slows all of them."""
    measured = [Measured(component, columns, cache) for component in components]
    for _ in range(5):
        for each in measured:
            each.run()
    return [each.figures for each in measured]


def resources(component: wiring.Component) -> Resources:
    """What UltraScale+ needs, by Yosys."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        folder = Path(name)
        design = export(component, folder / "design", "macro")
        return synthesize(design / "macro.v", "macro", FPGAS["ultrascale+"], timeout=3600)


def per_cell(most: float) -> list[Row]:
    """Look-up tables and flip-flops per cell, beside the `most` that the plain form takes.

    A table with two outputs is one; one that lies idle where a carry leaves its chain is one too. Everything is counted
    that the macro has: the reference column, what writes the rows, and the accumulators.
    """
    table: list[Row] = []
    for planes in (1, 2):
        for compressor in COMPRESSORS:
            parameters = {"rows": ROWS, "columns": LUT_COLUMNS, "planes": planes, "compressor": compressor}
            found = resources(CimMacro(**parameters))
            cells = ROWS * LUT_COLUMNS
            each, registers = (found.luts or 0) / cells, found.flip_flops / cells
            what = f"LUTs per cell, {ROWS}x{LUT_COLUMNS}, {compressor}{', 2 planes' if planes == 2 else ''}"
            beside = f"plain {most:.2f}, {each / most:.2f} x; " if planes == 1 else ""
            asked = "at most 1.25; BISMO 1.17 in the limit; " if (planes, compressor) == (1, "lut6") else ""
            table.append((what, f"{each:.2f}", f"{asked}{beside}{registers:.2f} flip-flops per cell"))
    return table


def rows() -> list[Row]:
    """Rows of the table: what, figure, what is asked for or the ratio to the plain form."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as cache:
        return table(Path(cache))


def table(cache: Path) -> list[Row]:
    """The rows, with models cached in `cache`, which is empty."""
    table: list[Row] = [("Verilator's runtime, once", f"{runtime_seconds(cache):.1f} s", "")]
    (plain,) = measure(128, cache, lambda: PlainMacro(rows=ROWS, columns=128))
    for columns in (64, 128, 256, 512):
        kinds = [*COMPRESSORS] if columns <= 256 else [*COMPRESSORS][:1]
        sliced, *others = measure(
            columns, cache, *(partial(CimMacro, rows=ROWS, columns=columns, compressor=kind) for kind in kinds)
        )
        speed = f"{sliced.cycles_per_second / 1e6:.2f} M cycles/s, {sliced.cell_operations / 1e9:.1f} G cells/s"
        ratio = f"{sliced.cell_operations / plain.cell_operations:.1f} x plain"
        asked = {128: "at least 15 x; ", 256: "at least 60 G cells/s; "}.get(columns, "")
        table.append((f"simulation, {ROWS}x{columns}", speed, asked + ratio))
        for kind, other in zip(kinds[1:], others, strict=True):
            share = f"{other.cycles_per_second / sliced.cycles_per_second:.2f} x full adders"
            speed = f"{other.cycles_per_second / 1e6:.2f} M cycles/s, {other.cell_operations / 1e9:.1f} G cells/s"
            table.append((f"simulation, {ROWS}x{columns}, {kind}", speed, f"at least 0.75 x; {share}"))
        if columns == 128:
            table += comparison(sliced, plain)
    table.append(
        (
            f"simulation, plain {ROWS}x128",
            f"{plain.cycles_per_second / 1e6:.2f} M cycles/s, {plain.cell_operations / 1e9:.1f} G cells/s",
            "1 x",
        )
    )
    plain_luts = resources(PlainMacro(rows=ROWS, columns=LUT_COLUMNS)).luts or 0
    return table + per_cell(plain_luts / (ROWS * LUT_COLUMNS))


def comparison(sliced: Figures, plain: Figures) -> list[Row]:
    """What 128x128 costs before the first cycle, beside the plain form."""

    def row(what: str, unit: str, value: float, other: float, asked: str) -> Row:
        return (f"{what}, {ROWS}x128", f"{value:.1f} {unit}", f"{asked}plain {other:.1f} {unit}, {other / value:.1f} x")

    return [
        row("Verilog", "s", sliced.verilog_seconds, plain.verilog_seconds, "at most 2 s, 5 x; "),
        row("Verilog", "kB", sliced.verilog_bytes / 1000, plain.verilog_bytes / 1000, ""),
        row("cold build", "s", sliced.build_seconds, plain.build_seconds, "at most 20 s, 8 x; "),
        row("cached start", "ms", sliced.start_seconds * 1000, plain.start_seconds * 1000, "at most 300 ms; "),
    ]


if __name__ == "__main__":
    for row in rows():
        print("   ".join(row))
