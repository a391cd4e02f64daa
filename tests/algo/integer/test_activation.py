"""Functions in integers: golden vectors, a plain reading of each equation, and tables for the programmable unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.activation import (
    activation_pipeline,
    evaluate,
    every_code,
    piecewise_quadratic,
    program,
    programmable_quadratic,
    run_stage,
)
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

S8, S10, S12 = (IntFormat(bits, signed=True) for bits in (8, 10, 12))
GOLDEN = {-1024: 0, -700: 238, -512: 0, -256: -256, -100: -161, -1: -2, 0: 0, 1: 2, 64: 112, 100: 161, 256: 256}
GOLDEN |= {300: 248, 511: 2, 512: 0, 640: -192, 1023: -2}


def wave(fraction: int, source: IntFormat, result: IntFormat) -> Function:
    core = Polynomial((Segment(0, 0, 2 << fraction, -1),), reflection=Reflection(-1))
    return Function("wave", source, (Wrap(fraction + 2), core, Round(fraction, result)), fraction, fraction)


def test_wave_meets_the_golden_vectors() -> None:
    function = wave(8, S12, S10)
    assert evaluate(function, list(GOLDEN)).tolist() == list(GOLDEN.values())


def test_wave_is_u_times_two_less_its_magnitude() -> None:
    function = wave(6, IntFormat(13, signed=True), S8)
    codes = every_code(function)
    u = (codes + 128) % 256 - 128
    assert np.array_equal(evaluate(function, codes), (u * (128 - abs(u)) + 32) >> 6)


def half_up(value: int, shift: int) -> int:
    """The rounding shift in plain integers."""
    return (value + (1 << shift) // 2) >> shift


def plainly(stage: Stage, x: int) -> int:
    """A stage as its docstring reads, one number at a time."""
    match stage:
        case Clamp(low=low, high=high):
            return min(max(x, low), high)
        case Rectify():
            return max(x, 0)
        case Scale(mantissa=mantissa, shift=shift):
            return half_up(mantissa * x, shift)
        case Square(shift=shift):
            return half_up(x * x, shift)
        case Warp(fraction_bits=bits):
            return half_up(x * (abs(x) + (1 << bits)), bits)
        case Wrap(bits=bits, offset=offset):
            return (x + offset + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
        case Product(left=left, right=right):
            first = second = x
            for inner in left:
                first = plainly(inner, first)
            for inner in right:
                second = plainly(inner, second)
            return first * second
        case Round(shift=shift, format=form):
            return min(max(half_up(x, shift), form.interval.lo), form.interval.hi)
        case Polynomial():
            return pieces(stage, x)
        case _:
            assert isinstance(stage, Cordic)
            return rotations(stage, x)


def pieces(stage: Polynomial, u: int) -> int:
    a = abs(u) if stage.reflection else u
    segment = [piece for piece in stage.segments if piece.start <= a][-1]
    d = a - segment.start
    if stage.form is Form.HORNER:
        p = segment.c0 + (segment.c1 + half_up(segment.c2 * d, stage.inner_shift)) * d
    else:
        p = segment.c0 + segment.c1 * d + segment.c2 * half_up(d * d, stage.inner_shift)
    mirror = stage.reflection
    return p if mirror is None or u >= 0 else mirror.sign * p + mirror.constant + mirror.slope * a


def rotations(stage: Cordic, angle: int) -> int:
    q = 1 << (stage.bits - 2)
    folded = 2 * q - angle if angle > q else -2 * q - angle if angle < -q else angle
    x, y, z = stage.gain, 0, folded << stage.guard
    for i, turn in enumerate(stage.angles):
        sign = 1 if z >= 0 else -1
        x, y, z = x - sign * (y >> i), y + sign * (x >> i), z - sign * turn
    return y


PIECES = tuple(Segment(s, 31 * s - 700, 90 - 7 * s, s % 11 - 5) for s in (-128, -20, -3, 0, 9, 64))
MIRRORED = tuple(piece for piece in PIECES if piece.start >= 0)


@pytest.mark.parametrize(
    "stage",
    [
        Clamp(-7, 90),
        Rectify(),
        Scale(-13, 3),
        Square(3),
        Warp(4),
        Wrap(5, -3),
        Polynomial(PIECES, 2),
        Polynomial(PIECES, 4, None, Form.SQUARE),
        Polynomial(MIRRORED, 3, Reflection(-1, 41)),
        Polynomial(MIRRORED, 0, Reflection(1, 0, -16)),
        Cordic(8, 3, 77, (256, 151, 80, 41)),
        Product((Square(2), Rectify()), (Scale(3, 1),)),
        Round(2, IntFormat(5)),
    ],
    ids=lambda stage: stage.kind,
)
def test_every_stage_is_what_its_docstring_says(stage: Stage) -> None:
    codes = np.arange(-128, 128)
    assert run_stage(stage, codes).tolist() == [plainly(stage, int(code)) for code in codes]


def test_cordic_is_a_sine() -> None:
    angles = tuple(round(np.arctan(2.0**-i) / (2 * np.pi) * (1 << 16)) for i in range(14))
    gain = round(4096 / np.prod(np.sqrt(1 + 4.0 ** -np.arange(14))))
    function = Function("sine", S12, (Cordic(12, 4, gain, angles), Round(2, S12)))
    codes = every_code(function)
    assert np.abs(evaluate(function, codes) - 1024 * np.sin(codes * 2 * np.pi / 4096)).max() < 2


def test_pipelines_are_their_function() -> None:
    function = wave(8, S12, S10)
    values = np.array([[100, -1], [300, 640]])
    parameters = {"function": function.record(), "lanes": 2, "cuts": 2}
    assert activation_pipeline(values, **parameters).tolist() == [[161, -2], [248, -192]]
    assert np.array_equal(piecewise_quadratic(values, **parameters), evaluate(function, values))
    with pytest.raises(InvalidInput, match=r"^Values must have shape \[beats, 3\], not \[2, 2\]$"):
        activation_pipeline(values, function=function, lanes=3, cuts=0)
    with pytest.raises(InvalidInput, match=r"^Codes of function 'wave' must lie in"):
        evaluate(function, [2048])
    with pytest.raises(TypeError, match=r"^Stage must be one of algo.spec's, not str$"):
        run_stage("sine", values)  # pyright: ignore[reportArgumentType]


UNIT: dict[str, Any] = {"input_bits": 8, "input_signed": True, "output_bits": 8, "output_signed": True, "segments": 6}
UNIT |= {"c0_bits": 24, "c1_bits": 14, "c2_bits": 12, "slope_bits": 12, "inner_shift": 4, "shift": 9, "lanes": 1}
UNIT |= {"cuts": 4, "periodic": True}
QUARTERS = tuple(Segment(s, 51 * s - 900, 90 - s, s % 11 - 5) for s in (0, 9, 31, 64))


@st.composite
def tables(draw: st.DrawFn) -> Function:
    """A function that the unit holds."""
    small = st.integers(-60, 60)
    reflection = draw(st.one_of(st.none(), st.builds(Reflection, st.sampled_from([1, -1]), small, small)))
    clamped = draw(st.booleans())
    end = draw(st.integers(20, 127))
    if clamped and reflection is not None:
        reflection = replace(reflection, slope=0)
    low = 0 if reflection else -end if clamped else -128
    starts = [low, *sorted(draw(st.sets(st.integers(max(low, -64) + 1, 20), max_size=3)))]
    before: tuple[Stage, ...] = (Clamp(-end, end),) if clamped else ()
    if draw(st.booleans()) and not clamped:
        before = (Wrap(draw(st.sampled_from([7, 8, 9]))),)
        starts[0] = 0 if reflection else -64 if before == (Wrap(7),) else -128
    inner = draw(st.integers(0, 4))
    core = Polynomial(tuple(Segment(s, draw(small), draw(small), draw(small)) for s in starts), inner, reflection)
    return Function("any", S8, (*before, core, Round(draw(st.integers(6, 9)), S8)))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(function=tables())
def test_a_table_makes_the_unit_compute_the_function(function: Function) -> None:
    codes = every_code(function)[:, None]
    assert np.array_equal(programmable_quadratic(codes, program(function, **UNIT), **UNIT), evaluate(function, codes))


def function_of(segments: tuple[Segment, ...] = QUARTERS, *before: Stage, **changes: Any) -> Function:
    """A function for the unit, with changes to its polynomial."""
    core = replace(Polynomial(segments, 4, Reflection(-1)), **changes)
    return Function("f", S8, (*before, core, Round(9, S8)))


@pytest.mark.parametrize(
    ("function", "changes", "message"),
    [
        (function_of(), {"input_bits": 9}, r"^Formats of function 'f' must be s9 to s8, not s8 to s8$"),
        (function_of(), {"segments": 3}, r"^Segments of function 'f' must fit the unit's memory of 3, and are 4$"),
        (
            function_of(),
            {"inner_shift": 3},
            r"^Shifts of function 'f' must be at most the unit's, 3 and 9, not 4 and 9$",
        ),
        (function_of(), {"shift": 8}, r"^Shifts of function 'f' must be at most the unit's, 4 and 8, not 4 and 9$"),
        (function_of(), {"c1_bits": 7}, r"^Coefficient c1 of function 'f' must fit the 7 bits of the unit, and is 90$"),
        (
            function_of(reflection=Reflection(1, 0, 3)),
            {"slope_bits": 0},
            r"^Coefficient slope of function 'f' must fit the 0 bits of the unit, and is 3$",
        ),
        (function_of(form=Form.SQUARE), {}, r"^Form of function 'f' must be horner, not square$"),
        (
            function_of(QUARTERS, Rectify()),
            {},
            r"^Stages of function 'f' must be polynomial and round, or",
        ),
        (function_of(QUARTERS[:3], Wrap(7, 3)), {}, r"^Period of function 'f' must have no offset, not 3$"),
        (
            function_of(QUARTERS[:3], Wrap(7)),
            {"periodic": False},
            r"^Period of function 'f' must be none on a unit without periods, not 2\*\*7 codes$",
        ),
        (
            function_of((Segment(-3, 1), *QUARTERS[1:])),
            {},
            r"^First segment of function 'f' must start at 0, not at -3$",
        ),
        (
            function_of(QUARTERS, Clamp(-100, 90)),
            {},
            r"^Clamp of function 'f' must be as far from 0 on both sides, for a reflection without slope, not",
        ),
        (
            function_of((Segment(-128, 1), *QUARTERS), Clamp(-100, 90), reflection=None),
            {},
            r"^First segment of function 'f' must start where its clamp does, -100, not at -128$",
        ),
    ],
)
def test_functions_are_refused_that_the_unit_has_no_place_for(
    function: Function, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        program(function, **UNIT | changes)


def test_tables_are_refused_that_the_unit_does_not_order() -> None:
    rows = program(function_of(), **UNIT)
    with pytest.raises(InvalidInput, match=r"^Values must have shape \[beats, 1\], not \[2\]$"):
        programmable_quadratic([1, 2], rows, **UNIT)
    rows["start"][2] = 3
    with pytest.raises(InvalidInput, match=r"^Starts of a table must rise, and 3 follows 9$"):
        programmable_quadratic([[1]], rows, **UNIT)
    rows["start"][0] = 1
    with pytest.raises(InvalidInput, match=r"^First start of a table must be the lowest argument, 0, not 1$"):
        programmable_quadratic([[1]], rows, **UNIT)
