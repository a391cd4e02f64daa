"""Simulated cycles a second of 32 multiply-accumulate units of each design, and numpy's products, 8 bits by 8."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from macro import cache_in

from quadrille.algo.integer.mac import dot_product, pack
from quadrille.flow.mac_designs import DESIGNS, mode_of
from quadrille.hw.export import export
from quadrille.sim.model import Model
from quadrille.sim.payload import pack as pack_payload

Row = tuple[str, str, str]

UNITS = 32
BITS = 8
CYCLES = 40_000
BEATS_OF_ONE = 16
NAMES = ("spatio-temporal", "activation-serial", "plain-8")


@dataclass(frozen=True)
class Rates:
    """Cycles, and products, a second; seconds to build."""

    cycles: float
    products: float
    seconds: float


def simulated(name: str, cache: Path) -> Rates:
    """The best of five runs of random dot products, every sum compared with the exact one."""
    design, mode = DESIGNS[name], mode_of(BITS)
    scheme = design.scheme
    size = UNITS * scheme.elements(mode)
    count = CYCLES // (scheme.cycles(mode) * BEATS_OF_ONE)
    draw = np.random.default_rng(1)
    length = count * BEATS_OF_ONE * size
    a, b = (draw.integers(mode.a.interval.lo, mode.a.interval.hi + 1, length) for _ in range(2))
    words = pack(a, b, scheme=scheme, mode=mode, units=UNITS)
    place = np.arange(len(words[0])) % BEATS_OF_ONE
    beats: dict[str, Any] = {
        **{"a": words[0], "b": words[1], "first": place == 0, "last": place == BEATS_OF_ONE - 1},
        **{f"{side}_bits": np.full(len(place), BITS - 1) for side in "ab"},
        **{f"{side}_signed": np.ones(len(place), np.int64) for side in "ab"},
    }
    expected = [
        dot_product(*pair, scheme=scheme, mode=mode, units=UNITS, accumulator_bits=48).total
        for pair in zip(a.reshape(count, -1), b.reshape(count, -1), strict=True)
    ]
    with tempfile.TemporaryDirectory(prefix="quadrille-") as folder, cache_in(cache):
        start = time.perf_counter()
        model = Model(export(design.build(UNITS), Path(folder) / "design", "mac"))
        seconds = time.perf_counter() - start
        packed, best, run = pack_payload(model.manifest.input("i"), beats), 0.0, None
        for _ in range(5):
            start = time.thread_time()
            run = model.run({"i": packed}, {"o": count})
            best = max(best, run.total_cycles / (time.thread_time() - start))
        assert run is not None
        assert run.streams["o"].fields["sum"].tolist() == expected
        return Rates(best, best * length / run.total_cycles, seconds)


def computed() -> float:
    """Products a second of numpy, dot products of 1,024 elements in 32-bit integers."""
    draw = np.random.default_rng(1)
    a, b = (draw.integers(-128, 128, (2_000, 1024)).astype(np.int32) for _ in range(2))
    best = 0.0
    for _ in range(5):
        start = time.thread_time()
        np.einsum("ij,ij->i", a, b)
        best = max(best, a.size / (time.thread_time() - start))
    return best


def rows() -> list[Row]:
    """The table: ratios are of cycles to those of plain multipliers."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as cache:
        found = {name: simulated(name, Path(cache)) for name in NAMES}
    plain = found["plain-8"].cycles
    table = [
        (
            f"{UNITS} units, {name}",
            f"{rates.cycles / 1e6:.2f} M cycles/s, {rates.products / 1e6:.0f} M products/s",
            f"{rates.cycles / plain:.2f} x the cycles of plain-8; Verilog and build {rates.seconds:.1f} s",
        )
        for name, rates in found.items()
    ]
    return [*table, ("the same products in numpy", f"{computed() / 1e6:.0f} M products/s", "int32, one thread")]


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="  ")
