"""Simulated results a second of 64 lanes of the periodic wave, beside its plain form, a sine by CORDIC, and numpy."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from amaranth import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from macro import cache_in

from quadrille.algo.integer.activation import evaluate
from quadrille.algo.spec import Cordic, Function, Round, Wrap
from quadrille.hw.activation import ActivationPipeline, PiecewiseQuadratic
from quadrille.hw.export import export
from quadrille.sim.model import Model
from quadrille.sim.payload import pack

Row = tuple[str, str, str]

LANES = 64
BEATS = 20_000
FRACTION = 8
ROTATIONS = 12


class PlainWave(wiring.Component):
    """The wave as one would write it first: u, its magnitude, their product, rounded; a register after each."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, block: PiecewiseQuadratic):
        shapes = block.signature.members
        super().__init__({name: shapes[name] for name in ("i", "o")})

    def elaborate(self, platform: object) -> Module:
        """Four registers under one enable."""
        m = Module()
        enable, valid = Signal(), Signal(4)
        m.d.comb += [enable.eq(~valid[-1] | self.o.ready), self.i.ready.eq(enable), self.o.valid.eq(valid[-1])]
        with m.If(enable):
            m.d.sync += valid.eq((valid << 1) | self.i.valid)
        for n in range(LANES):
            u, again = (Signal(signed(FRACTION + 2), name=f"{name}_{n}") for name in ("u", "again"))
            rest = Signal(FRACTION + 2, name=f"rest_{n}")
            product, result = Signal(signed(20), name=f"product_{n}"), Signal(signed(10), name=f"result_{n}")
            with m.If(enable):
                m.d.sync += [
                    u.eq(self.i.payload["values"][n]),
                    again.eq(u),
                    rest.eq((2 << FRACTION) - Mux(u < 0, -u, u)),
                    product.eq(again * rest),
                    result.eq((product + (1 << (FRACTION - 1))) >> FRACTION),
                ]
            m.d.comb += self.o.payload["values"][n].eq(result)
        return m


def sine(wave: Function) -> Function:
    """A sine of the same formats and period."""
    bits, guard = FRACTION + 2, 3
    angles = tuple(round(math.atan(2.0**-i) / math.tau * (1 << (bits + guard))) for i in range(ROTATIONS))
    length = math.prod(math.sqrt(1 + 4.0**-i) for i in range(ROTATIONS))
    turns = Cordic(bits, guard, round((1 << (FRACTION + guard)) / length), angles)
    return Function("sine", wave.input, (Wrap(bits), turns, Round(guard, wave.output)), FRACTION, FRACTION)


def simulated(component: wiring.Component, codes: Any, cache: Path, expected: Any) -> float:
    """Results a second, the best of five runs; the results are checked."""
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name, cache_in(cache):
        model = Model(export(component, Path(name) / "design", "lanes"))
        best, beats = 0.0, pack(model.manifest.input("i"), {"values": codes})
        for _ in range(5):
            start = time.thread_time()
            run = model.run({"i": beats}, {"o": BEATS})
            best = max(best, BEATS * LANES / (time.thread_time() - start))
            assert np.array_equal(run.streams["o"].fields["values"], expected)
        return best


def computed(function: Function, codes: Any) -> float:
    """Results a second of the integer twin."""
    best = 0.0
    for _ in range(5):
        start = time.thread_time()
        evaluate(function, codes)
        best = max(best, codes.size / (time.thread_time() - start))
    return best


def rows() -> list[Row]:
    """The table."""
    block = PiecewiseQuadratic(lanes=LANES, cuts=3)
    wave, plain = block.function, PlainWave(block)
    other = ActivationPipeline(function=sine(wave), lanes=LANES, cuts=7)
    codes = np.random.default_rng(1).integers(-(1 << 15), 1 << 15, (BEATS, LANES))
    expected = evaluate(wave, codes)
    with tempfile.TemporaryDirectory(prefix="quadrille-") as name:
        cache = Path(name)
        figures = {
            "64 lanes of the wave": simulated(block, codes, cache, expected),
            "the same, plain": simulated(plain, codes, cache, expected),
            "the same of a sine by CORDIC": simulated(other, codes, cache, evaluate(other.function, codes)),
            "the wave in numpy, the twin": computed(wave, codes),
        }
    first, *others = figures
    table = [(first, f"{figures[first] / 1e6:.0f} M results/s", "simulated, checked")]
    return table + [
        (what, f"{figures[what] / 1e6:.0f} M results/s", f"{figures[first] / figures[what]:.1f} times as many above")
        for what in others
    ]


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="  ")
