"""Compressor trees: the sum in every column, how many words are left, and how many levels that takes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.hw.base.compress import COMPRESSORS, compress, levels, popcount


def run(
    m: Module, inputs: Sequence[Any], stimulus: Sequence[Sequence[int]], outputs: Sequence[Any], ticks: int = 0
) -> list[list[int]]:
    """The values of `outputs` for each row of values of `inputs`, `ticks` cycles later."""
    results: list[list[int]] = []

    async def bench(ctx: Any) -> None:
        for values in stimulus:
            for signal, value in zip(inputs, values, strict=True):
                ctx.set(signal, value)
            for _ in range(ticks):
                await ctx.tick()
            if not ticks:
                await ctx.delay(1e-9)
            results.append([ctx.get(signal) for signal in outputs])

    simulator = Simulator(m)
    if ticks:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return results


def tree(
    counts: Mapping[int, int], columns: int, **options: Any
) -> tuple[Module, dict[int, list[Signal]], dict[int, list[Signal]]]:
    """A module with the tree, the words that enter and the words that leave, by weight."""
    m = Module()
    heap = {k: [Signal(columns, name=f"in_{k}_{n}") for n in range(count)] for k, count in counts.items()}

    def register(word: Any, name: str) -> Signal:
        out = Signal(columns, name=name)
        m.d.sync += out.eq(word)
        return out

    if options.get("cuts"):
        options["register"] = register
    left = compress(m, heap, name="tree", **options)
    named: dict[int, list[Signal]] = {}
    for k, words in left.items():
        for n, word in enumerate(words):
            out = Signal(columns, name=f"out_{k}_{n}")
            m.d.comb += out.eq(word)
            named.setdefault(k, []).append(out)
    return m, heap, named


def total(words: Mapping[int, Sequence[int]], column: int) -> int:
    return sum((word >> column & 1) << k for k, row in words.items() for word in row)


def compare(
    counts: Mapping[int, int], columns: int, stimulus: Sequence[Sequence[int]], ticks: int = 0, **options: Any
) -> None:
    """The sum of all words is the same before and after, in every column."""
    m, heap, left = tree(counts, columns, **options)
    flat = [word for words in heap.values() for word in words]
    outputs = [word for words in left.values() for word in words]
    modulus = options.get("modulus")
    for beat, result in zip(stimulus, run(m, flat, stimulus, outputs, ticks), strict=True):
        sent, got = iter(beat), iter(result)
        before = {k: [next(sent) for _ in words] for k, words in heap.items()}
        after = {k: [next(got) for _ in words] for k, words in left.items()}
        for c in range(columns):
            difference = total(before, c) - total(after, c)
            assert difference == 0 if modulus is None else difference % (1 << modulus) == 0


@pytest.mark.parametrize("count", range(1, 10))
def test_every_column(count: int) -> None:
    """One column for each pattern of `count` bits: all of them are added at once."""
    columns = 1 << count
    words = [sum((pattern >> n & 1) << pattern for pattern in range(columns)) for n in range(count)]
    compare({0: count}, columns, [words])


@given(
    counts=st.dictionaries(st.integers(0, 4), st.integers(1, 12), min_size=1),
    columns=st.integers(1, 9),
    modulus=st.none() | st.integers(5, 7),
    compressor=st.sampled_from(sorted(COMPRESSORS)),
    seed=st.integers(0, 1000),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_sum_is_kept(counts: dict[int, int], columns: int, modulus: int | None, compressor: str, seed: int) -> None:
    chance = random.Random(seed)
    stimulus = [[chance.getrandbits(columns) for _ in range(sum(counts.values()))] for _ in range(4)]
    compare(counts, columns, stimulus, modulus=modulus, adders=COMPRESSORS[compressor].adders)


@given(
    counts=st.dictionaries(st.integers(0, 3), st.integers(1, 30), min_size=1),
    modulus=st.none() | st.integers(4, 6),
    compressor=st.sampled_from(sorted(COMPRESSORS)),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_at_most_two_words_of_a_weight(counts: dict[int, int], modulus: int | None, compressor: str) -> None:
    m, _, left = tree(counts, 1, modulus=modulus, adders=COMPRESSORS[compressor].adders)
    Simulator(m)  # what is built must be used, or Amaranth warns
    assert all(1 <= len(words) <= 2 for words in left.values())
    assert modulus is None or max(left) < modulus


@pytest.mark.parametrize(("count", "depth"), [(2, 0), (3, 1), (4, 1), (6, 1), (7, 3), (9, 2)])
def test_levels(count: int, depth: int) -> None:
    """By hand: 7 words leave 3 and 2, then 1 and 3, then 1, 1 and 1."""
    assert levels({0: count}) == depth


@pytest.mark.parametrize(("bound", "most"), list(enumerate([2, 3, 4, 6, 9, 13, 19, 28, 42, 63, 94, 141])))
def test_no_deeper_than_wallace(bound: int, most: int) -> None:
    """The greatest heaps that n levels can take (Wallace 1964): 128 words in 11."""
    assert max(levels({0: count}) for count in range(1, most + 1)) <= bound


@pytest.mark.parametrize(("count", "depth"), [(2, 0), (3, 1), (7, 1), (9, 2), (64, 7), (128, 5)])
def test_levels_of_counters(count: int, depth: int) -> None:
    """9 words leave a count of seven and two more: a full adder leaves 1, 2 and 1."""
    assert levels({0: count}, adders=COMPRESSORS["lut6"].adders) == depth


@pytest.mark.parametrize("cuts", [(0,), (1,), (1, 2), (2, 2, 4)])
def test_cuts_are_registers(cuts: tuple[int, ...]) -> None:
    chance = random.Random(3)
    assert levels({0: 11}) == 4
    stimulus = [[chance.getrandbits(4) for _ in range(11)] for _ in range(5)]
    compare({0: 11}, 4, stimulus, ticks=len(cuts), cuts=cuts)


@pytest.mark.parametrize("bits", range(1, 11))
def test_popcount_of_every_word(bits: int) -> None:
    m = Module()
    word = Signal(bits)
    count = Signal(bits.bit_length())
    m.d.comb += count.eq(popcount(m, word, name="count"))
    values = list(range(1 << bits))
    assert [row[0] for row in run(m, [word], [[value] for value in values], [count])] == [
        value.bit_count() for value in values
    ]


@pytest.mark.parametrize("bits", [31, 64, 100, 129])
@pytest.mark.parametrize("compressor", sorted(COMPRESSORS))
def test_popcount_of_wide_words(bits: int, compressor: str) -> None:
    m = Module()
    word = Signal(bits)
    count = Signal(bits.bit_length())
    m.d.comb += count.eq(popcount(m, word, name="count", adders=COMPRESSORS[compressor].adders))
    chance = random.Random(bits)
    values = [0, (1 << bits) - 1, *(chance.getrandbits(bits) for _ in range(30))]
    assert [row[0] for row in run(m, [word], [[value] for value in values], [count])] == [
        value.bit_count() for value in values
    ]
