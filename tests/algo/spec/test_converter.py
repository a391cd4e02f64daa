"""The search for multiplier, offset and shift, against every integer and against trying them all."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import Interval, InvalidInput, Ladder, ladders_of, shared_multiply_shift


def line_code(ladder, value, multiplier, offset, shift):
    return min(max((value * multiplier + offset) >> shift, ladder.low), ladder.low + len(ladder.thresholds))


def equal(ladder, multiplier, offset, shift):
    sums = range(ladder.interval.lo, ladder.interval.hi + 1)
    return all(line_code(ladder, p, multiplier, offset, shift) == ladder.code(p) for p in sums)


@st.composite
def ladders(draw):
    bits = draw(st.integers(1, 4))
    lo = draw(st.integers(-40, 20))
    hi = lo + draw(st.integers(0, 60))
    levels = (1 << bits) - 1
    if draw(st.booleans()):
        thresholds = sorted(draw(st.lists(st.integers(lo - 5, hi + 5), min_size=levels, max_size=levels)))
    else:
        step, start = draw(st.floats(0.2, 12)), draw(st.floats(lo - 30, hi + 10))
        thresholds = [math.ceil(start + step * j) for j in range(levels)]
    return Ladder(tuple(thresholds), draw(st.integers(-8, 8)), Interval(lo, hi))


@given(st.lists(ladders(), max_size=4))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_found_lines_are_exact(some):
    found = shared_multiply_shift(some, greatest_shift=16)
    if found is not None:
        for ladder, multiplier, offset in zip(some, found.multipliers, found.offsets, strict=True):
            assert multiplier in found.multiplier_interval
            assert offset in found.offset_interval
            assert equal(ladder, multiplier, offset, found.shift)


def tried(ladder, shift):
    """The least multiplier with any offset at all, by trial; None if there is none."""
    for multiplier in range((len(ladder.thresholds) + 2) << shift):
        if any(equal(ladder, multiplier, offset, shift) for offset in range(-120, 120)):
            return multiplier
    return None


@pytest.mark.parametrize("seed", range(40))
def test_shift_and_multiplier_are_the_least(seed):
    chance = random.Random(seed)
    levels = (1 << chance.randint(1, 2)) - 1
    lo = chance.randint(-6, 2)
    hi = lo + chance.randint(0, 9)
    ladder = Ladder(tuple(sorted(chance.randint(lo - 2, hi + 2) for _ in range(levels))), -1, Interval(lo, hi))
    found = shared_multiply_shift([ladder], greatest_shift=2)
    expected = next(((s, m) for s in range(3) if (m := tried(ladder, s)) is not None), None)
    assert (found and (found.shift, *found.multipliers)) == expected


@pytest.mark.parametrize("bits", [1, 5, 8])
def test_evenly_rounded_ladders_of_a_layer_share_a_shift(bits):
    chance = random.Random(bits)
    layer = []
    for _ in range(50):
        step, middle = chance.uniform(3, 30), chance.uniform(-100, 100)
        thresholds = [math.ceil(middle + (j - (1 << (bits - 1)) - 0.5) * step) for j in range(1, 1 << bits)]
        layer.append(Ladder(tuple(thresholds), -(1 << (bits - 1)), Interval(-1920, 1920)))
    found = shared_multiply_shift(layer)
    assert found is not None
    for ladder, multiplier, offset in zip(layer, found.multipliers, found.offsets, strict=True):
        assert equal(ladder, multiplier, offset, found.shift)


@pytest.mark.parametrize(
    "ladder",
    [
        Ladder((0, 1, 100), 0, Interval(-200, 200)),
        Ladder((0, 100, 101), 0, Interval(-200, 200)),
        Ladder((0, 0, 7), 0, Interval(-9, 9)),
    ],
)
def test_uneven_ladders_have_no_line(ladder):
    assert shared_multiply_shift([ladder]) is None


def test_shift_beyond_the_greatest():
    ladder = Ladder((-7, 3, 13), 0, Interval(-30, 30))
    found = shared_multiply_shift([ladder])
    assert found is not None and found.shift > 0
    assert shared_multiply_shift([ladder], greatest_shift=found.shift - 1) is None


def test_ladders_of_a_layer(make_network):
    network = make_network(weight_bits=3, adc_bits=2)
    node = network.node("linear0")
    source = network.input.format.interval
    for column, ladder in enumerate(ladders_of(node, source)):
        assert ladder.interval == node.column_intervals(source)[column]
        for value in (ladder.interval.lo, 0, ladder.interval.hi):
            assert ladder.code(value) == node.adc.code(column, value)


def test_refusals(make_network):
    with pytest.raises(InvalidInput, match=r"^Ladder thresholds must not descend, not \[3, 2\]$"):
        Ladder((3, 2), 0, Interval(0, 1))
    exact = make_network(adc_bits=0).node("linear0")
    with pytest.raises(InvalidInput, match=r"^Node 'linear0' must have an ADC to have ladders$"):
        ladders_of(exact, Interval(0, 15))
