"""Bit-sliced words become numbers, in whole words."""

from __future__ import annotations

import random

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from quadrille.hw.base.transpose import transpose
from quadrille.hw.export.verilog import verilog_text


class Transposer(wiring.Component):
    """Words side by side in, numbers side by side out."""

    i: Signal
    o: Signal

    def __init__(self, bits: int, columns: int):
        self.bits, self.columns = bits, columns
        super().__init__({"i": In(bits * columns), "o": Out(bits * columns)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = [self.i.word_select(k, self.columns) for k in range(self.bits)]
        for number, value in enumerate(transpose(m, words, name="word")):
            m.d.comb += self.o.word_select(number, self.bits).eq(value)
        return m


@pytest.mark.parametrize(
    ("bits", "columns"),
    [
        (1, 1),
        (1, 5),
        (2, 1),
        (3, 3),
        (4, 8),
        (5, 16),
        (8, 8),
        (11, 2),
        (11, 20),
        (11, 64),
        (13, 65),
        (32, 7),
        (33, 130),
    ],
)
def test_numbers_are_the_columns_of_words(bits: int, columns: int) -> None:
    dut = Transposer(bits, columns)
    chance = random.Random(columns)
    vectors = [[chance.randrange(1 << bits) for _ in range(columns)] for _ in range(3)]

    async def bench(ctx):
        for numbers in vectors:
            sliced = sum((n >> k & 1) << (k * columns + c) for c, n in enumerate(numbers) for k in range(bits))
            ctx.set(dut.i, sliced)
            await ctx.delay(1e-6)
            assert ctx.get(dut.o) == sum(n << (c * bits) for c, n in enumerate(numbers))

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def test_words_stay_whole_in_the_verilog() -> None:
    """Masks that fall apart into bits are as right, and many times as slow to simulate."""
    text = verilog_text(Transposer(16, 64), "transposer")
    assert all(f"& 64'h{mask}" in text for mask in ("00ff00ff00ff00ff", "0f0f0f0f0f0f0f0f", "3333333333333333"))
