"""Ways down, shapes, stages, tables and parameters."""

from __future__ import annotations

import re

import numpy as np
import pytest
from amaranth import Cat, Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from quadrille.algo.integer import arithmetic
from quadrille.algo.spec import Interval, IntFormat, InvalidInput
from quadrille.hw.base import (
    Choice,
    Core,
    Flag,
    Parameter,
    Stalled,
    add,
    clamp,
    lanes_of,
    multiply,
    round_shift,
    saturate,
    shape_of,
    truncate,
    wrap,
)
from quadrille.hw.base.table import Table


def evaluate(expressions, inputs, stimulus):
    """The values of `expressions` for each row of `stimulus`, assigned to `inputs`."""
    m = Module()
    outputs = [Signal(e.shape()) for e in expressions]
    m.d.comb += [output.eq(e) for output, e in zip(outputs, expressions, strict=True)]
    rows = []

    async def bench(ctx):
        for row in stimulus:
            for signal, value in zip(inputs, row, strict=True):
                ctx.set(signal, int(value))
            await ctx.delay(1e-6)
            rows.append([ctx.get(output) for output in outputs])

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(rows)


EVERY = np.arange(-64, 64)


def test_round_shift_by_constants_equals_algo_for_every_value():
    value = Signal(signed(7))
    amounts = range(8)
    got = evaluate([round_shift(value, n) for n in amounts], [value], EVERY[:, None])
    assert (got == np.stack([arithmetic.round_shift(EVERY, n) for n in amounts], axis=1)).all()


def test_round_shift_by_a_variable_equals_algo_for_every_value():
    value, amount = Signal(signed(7)), Signal(4)
    stimulus = [(v, n) for v in EVERY for n in range(16)]
    got = evaluate([round_shift(value, amount)], [value, amount], stimulus)[:, 0]
    expected = [int(arithmetic.round_shift(np.array([v]), n)[0]) for v, n in stimulus]
    assert got.tolist() == expected


@pytest.mark.parametrize("form", ["s4", "u4", "s7", "u1", "s1", "s9", "u9"])
def test_saturate_wrap_and_clamp_equal_algo_for_every_value(form):
    form = IntFormat.parse(form)
    value = Signal(signed(7))
    got = evaluate(
        [saturate(value, shape_of(form)), wrap(value, shape_of(form)), clamp(value, -3, 9)], [value], EVERY[:, None]
    )
    assert (got[:, 0] == arithmetic.saturate(EVERY, form)).all()
    assert (got[:, 1] == arithmetic.wrap(EVERY, form)).all()
    assert (got[:, 2] == np.clip(EVERY, -3, 9)).all()


@pytest.mark.parametrize("form", ["s3", "u3", "s4", "u4", "s9", "u9"])
def test_numbers_without_sign_stay_so_when_they_wrap(form):
    form, value, numbers = IntFormat.parse(form), Signal(4), np.arange(16)
    got = evaluate([wrap(value, shape_of(form))], [value], numbers[:, None])
    assert (got[:, 0] == arithmetic.wrap(numbers, form)).all()
    held = [n for n in range(16) if n in form.interval]
    got = evaluate([truncate(value, shape_of(form))], [value], [[n] for n in held])
    assert got[:, 0].tolist() == held


@pytest.mark.parametrize("interval, shape", [((0, 7), unsigned(3)), ((-1, 7), signed(4)), ((0, 0), unsigned(1))])
def test_shapes_follow_from_intervals(interval, shape):
    assert shape_of(Interval(*interval)) == shape


def test_lanes_keep_their_sign():
    word = Signal(12)
    got = evaluate(lanes_of(word, IntFormat(4, signed=True)), [word], [[0x8F7]])
    assert got.tolist() == [[7, -1, -8]]


class Adder(Core):
    """Adds the last three beats: state that must freeze with the pipeline."""

    def __init__(self):
        super().__init__(signed(8), signed(10))

    @property
    def latency(self):
        return 2

    def elaborate(self, platform):
        m = Module()
        before, longer, stage = Signal(signed(8)), Signal(signed(8)), Signal(signed(10))
        with m.If(self.i_valid):
            m.d.sync += [before.eq(self.i), longer.eq(before)]
        m.d.sync += [stage.eq(self.i + before + longer), self.o.eq(stage)]
        return m


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_a_stalled_core_keeps_its_state_and_order(run_streams, seed):
    beats = [(n * 37) % 200 - 100 for n in range(60)]
    stalled = Stalled(Adder())
    got = run_streams(stalled, {"i": beats}, {"o": len(beats)}, seed=seed)
    padded = [0, 0, *beats]
    assert [value for _, value in got["o"]] == [sum(padded[n : n + 3]) for n in range(len(beats))]
    if seed is None:
        assert got["o"][0][0] - got["accepted i"][0][0] == stalled.latency == 2


def test_a_table_holds_its_row_while_it_is_not_enabled():
    table = Table(signed(4), 3, init=[1, 2, 3])
    seen = []

    async def bench(ctx):
        for address, enable, write in [(1, 1, None), (2, 0, None), (2, 1, (2, -8)), (2, 1, None), (0, 0, None)]:
            ctx.set(table.address, address)
            ctx.set(table.enable, enable)
            ctx.set(table.i.valid, write is not None)
            if write is not None:
                ctx.set(table.i.payload, {"address": write[0], "row": write[1]})
            await ctx.tick()
            seen.append(ctx.get(table.row))

    simulator = Simulator(table)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [2, 2, 3, 8, 8]


COUNT = Parameter("rows", 4, 1, 8, "rows")
KIND = Choice("kind", "a", ("a", "b"), "kind")
FLAG = Flag("wide", False, "wide")


@pytest.mark.parametrize(
    "action, error, message",
    [
        (lambda: COUNT.check("macro", 9), InvalidInput, "Parameter rows of macro must be from 1 to 8, not 9"),
        (lambda: COUNT.check("macro", True), TypeError, "Parameter rows of macro must be an integer, not True"),
        (lambda: COUNT.parse("macro", "x"), InvalidInput, "Parameter rows of macro must be an integer, not 'x'"),
        (lambda: COUNT.parse("macro", "0"), InvalidInput, "Parameter rows of macro must be from 1 to 8, not 0"),
        (lambda: KIND.check("macro", "c"), InvalidInput, "Parameter kind of macro must be one of a, b, not 'c'"),
        (lambda: FLAG.check("macro", 1), TypeError, "Parameter wide of macro must be True or False, not 1"),
        (lambda: FLAG.parse("macro", "x"), InvalidInput, "Parameter wide of macro must be true or false, not 'x'"),
    ],
)
def test_parameters_refuse_in_one_sentence(action, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        action()


def test_parameters_are_parsed():
    assert COUNT.parse("macro", "0x7") == 7
    assert KIND.parse("macro", "b") == "b"
    assert FLAG.parse("macro", "Yes") is True


def test_products_and_sums_equal_integers_for_every_value():
    a, b = Signal(signed(4)), Signal(4)
    stimulus = [(x, y) for x in range(-8, 8) for y in range(16)]
    shapes = (signed(3), signed(4), signed(6), unsigned(5))
    got = evaluate([multiply(a, b), multiply(b, a), *(add(a, b, shape) for shape in shapes)], [a, b], stimulus)
    x, y = np.array(stimulus).T
    assert (got[:, :2] == (x * y)[:, None]).all()
    wrapped = [arithmetic.wrap(x + y, IntFormat(shape.width, shape.signed)) for shape in shapes]
    assert (got[:, 2:] == np.stack(wrapped, axis=1)).all()


class Gated(Core):
    """Counts the beats that each stage sees."""

    def __init__(self):
        super().__init__(unsigned(8), unsigned(16))

    @property
    def latency(self):
        return 2

    def elaborate(self, platform):
        m = Module()
        first, last = Signal(8), Signal(8)
        with m.If(self.valid[0]):
            m.d.sync += first.eq(first + 1)
        with m.If(self.valid[1]):
            m.d.sync += [last.eq(last + 1), self.o.eq(Cat(first, last))]
        return m


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_stage_is_told_which_beats_are_real(run_streams, seed):
    got = run_streams(Stalled(Gated()), {"i": range(40)}, {"o": 40}, seed=seed)["o"]
    assert [value >> 8 for _, value in got] == list(range(40))
