"""Functions as stages: intervals that hold, records that come back, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.activation import run_stage
from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Form,
    Function,
    Interval,
    IntFormat,
    IntTensor,
    InvalidInput,
    PiecewiseQuadratic,
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

S8 = IntFormat(8, signed=True)
WAVE = Polynomial((Segment(0, 0, 128, -1),), reflection=Reflection(-1))
ROUND = Round(6, S8)

numbers = st.integers(-60, 60)


@st.composite
def stages(draw: st.DrawFn, source: Interval) -> Stage:
    """A stage that takes `source`."""
    reflected = draw(st.booleans())
    reflection = Reflection(draw(st.sampled_from([1, -1])), draw(numbers), draw(numbers)) if reflected else None
    low = 0 if reflected else source.lo
    starts = [low, *sorted(draw(st.sets(st.integers(low + 1, low + 9), max_size=4)))]
    high = max(abs(source.lo), abs(source.hi)) if reflected else source.hi
    pieces = tuple(Segment(s, draw(numbers), draw(numbers), draw(numbers)) for s in starts if s <= max(high, low))
    shift = draw(st.integers(0, 5))
    low, high = sorted([draw(numbers), draw(numbers)])
    return draw(
        st.sampled_from(
            [
                Clamp(low, high),
                Rectify(),
                Scale(draw(numbers), shift),
                Square(shift),
                Warp(shift),
                Wrap(draw(st.integers(1, 7)), draw(numbers)),
                Polynomial(pieces, shift, reflection, Form.HORNER),
                Polynomial(pieces, shift, reflection, Form.SQUARE),
                Cordic(8, shift, 77, (30, 19, 10, 5)),
                Product((Scale(draw(numbers), 1),), (Square(shift),)),
                Round(shift, IntFormat(draw(st.integers(1, 9)), signed=draw(st.booleans()))),
            ]
        )
    )


@settings(derandomize=True, deadline=None, max_examples=400)
@given(data=st.data(), ends=st.tuples(st.integers(-40, 40), st.integers(-40, 40)))
def test_intervals_hold_what_leaves_a_stage(data: Any, ends: tuple[int, int]) -> None:
    source = Interval(min(ends), max(ends))
    stage = data.draw(stages(source))
    found = run_stage(stage, np.arange(source.lo, source.hi + 1))
    interval = stage.interval(source)
    assert interval.lo <= found.min() and found.max() <= interval.hi


@settings(derandomize=True, deadline=None, max_examples=200)
@given(data=st.data(), fraction=st.integers(-4, 20))
def test_functions_come_back_from_their_records(data: Any, fraction: int) -> None:
    source = IntFormat(5, signed=True)
    function = Function("any", source, (data.draw(stages(source.interval)), ROUND), fraction, 3)
    assert Function.from_record(json.loads(json.dumps(function.record()))) == function


def test_a_table_has_bits_for_what_it_holds() -> None:
    assert WAVE.table_bits == 8 + 1
    pieces = Polynomial((Segment(0, 3, -1), Segment(8, 100, 7)))
    assert pieces.table_bits == 2 * (7 + 4) + 4
    assert Polynomial((Segment(0, 3), Segment(5, -4))).table_bits == 2 * 3 + 3


def refused(message: str) -> Any:
    """Expect the sentence, which starts with `^`."""
    return pytest.raises(InvalidInput, match=message)


def test_stages_refuse_what_they_cannot_take() -> None:
    with pytest.raises(TypeError, match=r"^Rectify must say what leaves it$"):
        Stage.interval(Rectify(), Interval(0, 1))
    with refused(r"^Shift of stage 'scale' must be from 0 to 62, not 63$"):
        Scale(3, 63).interval(Interval(0, 1))
    with refused(r"^Products of stage 'scale' must fit 62 bits, and lie in \[0, 4611686018427387904\]$"):
        Scale(1 << 60, 62).interval(Interval(0, 4))
    with refused(r"^Products of stage 'square' must fit 62 bits, and lie in \["):
        Square(40).interval(Interval(0, 1 << 31))
    with refused(r"^Products of stage 'polynomial' must fit 62 bits, and lie in \["):
        Polynomial((Segment(0, 0, 0, 1 << 40),), 50).interval(Interval(0, 1 << 30))
    with refused(r"^Period of stage 'wrap' must be of 1 to 64 bits, not 0$"):
        Wrap(0).interval(Interval(0, 1))
    with refused(r"^Period of stage 'cordic' must be of 3 to 48 bits, not 2$"):
        Cordic(2, 0, 1, (1,)).interval(Interval(0, 1))
    with refused(r"^Angles of stage 'cordic' must lie in one period of 4 bits, not in \[0, 8\]$"):
        Cordic(4, 0, 1, (1,)).interval(Interval(0, 8))
    with refused(r"^Stage 'cordic' must have a gain, guard bits that fit and one angle or more$"):
        Cordic(4, 0, 1, ()).interval(Interval(0, 7))


def test_segments_are_refused_that_overlap_are_empty_or_leave_a_gap() -> None:
    with refused(r"^Segments of a polynomial must be one or more, not none$"):
        Polynomial(())
    with refused(r"^Segments must start one after the other, and one at 3 follows 3$"):
        Polynomial((Segment(0, 1), Segment(3, 1), Segment(3, 2)))
    with refused(r"^First segment must start at -5 or below, not at 0$"):
        Polynomial((Segment(0, 1),)).interval(Interval(-5, 5))
    with refused(r"^Last segment must start at 5 or below, not at 6$"):
        Polynomial((Segment(0, 1), Segment(6, 1)), reflection=Reflection(1)).interval(Interval(-5, 5))
    with refused(r"^Sign of a reflection must be 1 or -1, not 0$"):
        Reflection(0)


def test_functions_are_refused_that_end_elsewhere_or_are_too_wide() -> None:
    with refused(r"^Last stage of function 'f' must be a round$"):
        Function("f", S8, (Rectify(),))
    with refused(r"^Values of function 'f' must fit 62 bits, and those of 'product' lie in \["):
        Function("f", IntFormat(32), (Product((Rectify(),), (Rectify(),)), ROUND))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": 3}, r"^Field function.stages must be a list, not 3$"),
        ({"input": 8}, r"^Field function.input must be an object, not 8$"),
        ({"input": "t8"}, r"^Format must be written like u4 or s8, not 't8'$"),
        ({"stages": [{"kind": "sine"}]}, r"^Field function.stages\[0\].kind must be one of clamp, rectify, .*'sine'$"),
        ({"name": 4}, r"^Field function.name must be of class str, not 4$"),
        ({"more": 4}, r"^Field function must have name, input, stages, input_fraction, output_fraction, not .*more$"),
        ({"form": "estrin"}, r"^Field function.stages\[0\].form must be one of horner, square, not 'estrin'$"),
    ],
)
def test_records_are_refused_by_their_field(change: dict[str, Any], message: str) -> None:
    record = Function("f", S8, (WAVE, ROUND)).record()
    if "form" in change:
        record["stages"][0] |= change
    else:
        record |= change
    with refused(message):
        Function.from_record(record)


def test_a_node_is_a_function_of_quadratic_pieces() -> None:
    function = Function("f", S8, (Warp(3), Wrap(8, 5), Clamp(-100, 90), WAVE, ROUND))
    node = PiecewiseQuadratic.of(function, name="f", source="x")
    assert node.function(S8) == function
    with refused(
        r"^Stages of node 'f' must be warp, wrap, clamp, polynomial, round, not wrap, warp, polynomial, round$"
    ):
        PiecewiseQuadratic.of(Function("f", S8, (Wrap(8), Warp(3), WAVE, ROUND)), name="f", source="x")
    with refused(r"^segments must have shape \[segments, 4\], not \[4\]$"):
        wrong = IntTensor.of([0, 1, 2, 3], (4,))
        PiecewiseQuadratic(name="f", inputs=("x",), segments=wrong, shift=0, format=S8).function(S8)
    with refused(r"^wrap must be 2 integers, not 1$"):
        right = IntTensor.of([0, 1, 2, 3], (1, 4))
        PiecewiseQuadratic(name="f", inputs=("x",), segments=right, shift=0, format=S8, wrap=(3,)).function(S8)


def test_fields_of_stages_are_checked() -> None:
    with pytest.raises(TypeError, match=r"^Field mantissa of stage 'scale' must be "):
        Scale("3", 1)  # pyright: ignore[reportArgumentType]
