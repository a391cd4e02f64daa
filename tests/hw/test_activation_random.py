"""Random functions on small formats, every code of each through the registers of the core."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth import Module, Signal
from amaranth.sim import Simulator
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Form,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Product,
    Rectify,
    Reflection,
    Round,
    Scale,
    Segment,
    Square,
    Stage,
    Warp,
    Wrap,
)
from quadrille.hw.activation import FunctionCore

small = st.integers(-40, 40)
coefficients = st.one_of(small, st.sampled_from([0, 1, -1, 2, -4, 64]))


@st.composite
def polynomials(draw: st.DrawFn, interval: Any) -> Polynomial:
    """Pieces that cover an interval: equal ones, powers of two, or anywhere; some columns the same all the way down."""
    reflection = None
    low, high = interval.lo, interval.hi
    if draw(st.booleans()):
        reflection = Reflection(draw(st.sampled_from([1, -1])), draw(coefficients), draw(coefficients))
        low, high = 0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high))
    kind = draw(st.sampled_from(["one", "uniform", "powers", "free"]))
    first = low - draw(st.sampled_from([0, 0, 1, 5]))
    if kind == "uniform":
        step = 1 << draw(st.integers(0, 4))
        first = low // step * step
        starts = [first, *range(first + step, min(high + 1, first + 12 * step), step)]
    elif kind == "powers":
        starts = [first, *(1 << n for n in range(8) if first < 1 << n <= high)]
    else:
        extra = st.sets(st.integers(first + 1, high), max_size=5) if high > first and kind == "free" else st.just(set())
        starts = [first, *sorted(draw(extra))]
    columns = []
    for _ in range(3):
        same = draw(st.one_of(st.none(), coefficients))
        columns.append([draw(coefficients) if same is None else same for _ in starts])
    segments = tuple(Segment(*row) for row in zip(starts, *columns, strict=True))
    return Polynomial(segments, draw(st.integers(0, 4)), reflection, draw(st.sampled_from(Form)))


@st.composite
def stages_of(draw: st.DrawFn, interval: Any, most: int = 3) -> tuple[Stage, ...]:
    """Up to `most` stages that take an interval."""
    found: list[Stage] = []
    for _ in range(draw(st.integers(0, most))):
        kinds = ["clamp", "rectify", "scale", "square", "warp", "wrap", "polynomial", "polynomial", "cordic", "product"]
        kind = draw(st.sampled_from(kinds))
        if kind == "clamp":
            low, high = sorted([draw(small), draw(small)])
            stage: Stage = Clamp(low, high)
        elif kind == "cordic":
            bits = interval.format.bits + (not interval.format.signed)
            if not 3 <= bits <= 12:
                continue
            angles = draw(st.lists(st.integers(1, 1 << (bits - 2)), min_size=1, max_size=5))
            stage = Cordic(bits, draw(st.integers(0, 3)), draw(st.integers(1, 200)), tuple(angles))
        elif kind == "product":
            if most < 3:
                continue
            stage = Product(draw(stages_of(interval, 2)), draw(stages_of(interval, 2)))
        else:
            simple: dict[str, st.SearchStrategy[Stage]] = {
                "rectify": st.just(Rectify()),
                "scale": st.builds(Scale, coefficients, st.integers(0, 4)),
                "square": st.builds(Square, st.integers(0, 4)),
                "warp": st.builds(Warp, st.integers(0, 4)),
                "wrap": st.builds(Wrap, st.integers(1, 6), small),
                "polynomial": polynomials(interval),
            }
            stage = draw(simple[kind])
        found.append(stage)
        interval = stage.interval(interval)
        assume(interval.format.bits <= 40)
    return tuple(found)


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """Any function of a few stages."""
    form = IntFormat(draw(st.integers(1, 6)), signed=draw(st.booleans()))
    try:
        stages = draw(stages_of(form.interval))
        interval = form.interval
        for stage in stages:
            interval = stage.interval(interval)
        output = IntFormat(draw(st.integers(1, 10)), signed=draw(st.booleans()))
        shift = max(0, interval.format.bits - output.bits + draw(st.integers(-3, 3)))
        return Function("any", form, (*stages, Round(shift, output)))
    except InvalidInput:
        assume(False)
        raise


def results(core: FunctionCore, codes: np.ndarray) -> list[list[int]]:
    """What comes out for each beat of `codes`, (beats, lanes), one fed in each cycle."""
    found: list[list[int]] = []

    async def bench(ctx: Any) -> None:
        beats = codes.tolist()
        if core.latency:
            ctx.set(core.valid, -1)
        for cycle in range(len(beats) + core.latency):
            ctx.set(core.i, beats[min(cycle, len(beats) - 1)])
            if cycle >= core.latency:
                found.append([int(ctx.get(core.o[lane])) for lane in range(core.lanes)])
            if core.latency:
                await ctx.tick()

    m = Module()
    m.submodules.core = core
    m.d.sync += Signal(name="clocked").eq(1)  # a clock also where the result is a constant
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@settings(derandomize=True, deadline=None, max_examples=150)
@given(function=functions(), cuts=st.integers(0, 9))
def test_every_code_of_any_function(function: Function, cuts: int) -> None:
    codes = every_code(function).reshape(-1, 2) if function.input.bits > 1 else every_code(function).reshape(-1, 1)
    core = FunctionCore(function, codes.shape[1], cuts, pad=True)
    assert results(core, codes) == evaluate(function, codes).tolist()
