"""Intervals and formats, small ones exhaustively."""

import itertools
import re

import pytest

from quadrille.algo.spec import Interval, IntFormat, InvalidInput

SMALL = [Interval(lo, hi) for lo in range(-3, 4) for hi in range(lo, 4)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SMALL[::3], SMALL[::2])))
def test_arithmetic_holds_every_value_and_its_ends_occur(a, b):
    pairs = list(itertools.product(range(a.lo, a.hi + 1), range(b.lo, b.hi + 1)))
    for result, values in (
        (a + b, [x + y for x, y in pairs]),
        (a - b, [x - y for x, y in pairs]),
        (a * b, [x * y for x, y in pairs]),
        (-a, [-x for x, _ in pairs]),
        (a.clamp(b), [min(max(x, b.lo), b.hi) for x, _ in pairs]),
        (Interval.hull(a, b), [v for pair in pairs for v in pair]),
    ):
        assert (result.lo, result.hi) == (min(values), max(values))


@pytest.mark.parametrize("interval", [Interval(-37, 91), Interval(5, 6), Interval(-9, -8)])
@pytest.mark.parametrize("amount", range(5))
def test_shifts(interval, amount):
    values = range(interval.lo, interval.hi + 1)
    half = (1 << amount) >> 1
    assert interval.round_shift(amount) == Interval((values[0] + half) >> amount, (values[-1] + half) >> amount)
    assert interval.shift_left(amount) == Interval(values[0] << amount, values[-1] << amount)
    assert interval.sum_of(amount + 1) == Interval(values[0] * (amount + 1), values[-1] * (amount + 1))


def test_format_is_the_narrowest():
    for interval in [Interval(lo, hi) for lo in range(-17, 18) for hi in range(lo, 18)]:
        form = interval.format
        assert interval in form.interval
        assert form.signed == (interval.lo < 0)
        if form.bits > 1:
            assert interval not in IntFormat(form.bits - 1, form.signed).interval, interval


def test_membership():
    assert 3 in Interval(-1, 3)
    assert 4 not in Interval(-1, 3)
    assert "3" not in Interval(-1, 3)
    assert Interval(0, 1) in Interval(-1, 3)


@pytest.mark.parametrize("form", [IntFormat(bits, signed) for bits in (1, 4, 16, 64) for signed in (False, True)])
def test_format_is_written_and_parsed(form):
    assert IntFormat.parse(str(form)) == form


@pytest.mark.parametrize("text", ["", "u", "4", "x4", "u4 ", "u-4", "u²", "s1234", "U4", "u" + "9" * 5000])
def test_other_texts_are_no_formats(text):
    with pytest.raises(InvalidInput, match=f"^Format must be written like u4 or s8, not {re.escape(repr(text))}$"):
        IntFormat.parse(text)


@pytest.mark.parametrize("bits", [0, -1, 65])
def test_width_out_of_range(bits):
    with pytest.raises(InvalidInput, match=rf"^Format width must be from 1 to 64 bits, not {bits}$"):
        IntFormat(bits)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("4",), r"^Format width must be an integer, not '4'$"),
        ((True,), r"^Format width must be an integer, not True$"),
        ((4, 1), r"^Format sign must be True or False, not 1$"),
    ],
)
def test_wrong_kinds(arguments, message):
    with pytest.raises(TypeError, match=message):
        IntFormat(*arguments)


def test_interval_upside_down():
    with pytest.raises(InvalidInput, match=r"^Interval must have its low end at or below its high end, not \[2, 1\]$"):
        Interval(2, 1)
