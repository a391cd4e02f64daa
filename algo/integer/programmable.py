"""Quadratics by pieces from a table written at run time, and the table that a function is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from quadrille.algo.spec import (
    Clamp,
    Form,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Reflection,
    Round,
    Segment,
    Wrap,
)

from .arithmetic import IntArray, check_interval, integers, round_shift, saturate, wrap

__all__ = ["program", "programmable_quadratic"]


def programmable_quadratic(
    values: object,
    rows: Mapping[str, object],
    *,
    input_bits: int,
    input_signed: bool,
    output_bits: int,
    output_signed: bool,
    segments: int,
    lanes: int,
    **widths: int,
) -> IntArray:
    """What the table `rows` makes of every element of `values`, (beats, lanes).

    `rows` are the fields `start`, `c0`, `c1`, `c2`, `inner_shift`, `shift`, and for signed codes `reflect`, `negate`,
    `slope` and `period`, each with an entry for each of the `segments` rows and the settings last, whose c0 is the
    constant. A field that the unit has no bits for is not there.
    First x is wrapped to 2**period codes around 0 if there is a period and it is not 0.
    With a = |x| if `reflect` and x < 0, else x; j the last row with `start[j] <= a`; `d = a - start[j]`;
    `p = c0[j] + (c1[j] + round_shift(c2[j]*d, inner_shift)) * d`; where a is -x,
    `v = (-p if negate else p) + constant + slope*a`, else `v = p`; `y = saturate(round_shift(v, shift))`.

    Raises
    ------
    InvalidInput
        If starts do not rise from the lowest argument on, or the values are not of the input format.
    """
    del widths
    source, result = IntFormat(input_bits, input_signed), IntFormat(output_bits, output_signed)
    found = integers(values, "Values")
    if found.ndim != 2 or found.shape[1] != lanes:
        raise InvalidInput(f"Values must have shape [beats, {lanes}], not {list(found.shape)}")
    check_interval("Values", found, source.interval)
    table = {name: integers(column, f"Column {name}") for name, column in rows.items()}
    start, c0, c1, c2 = (table[name][:segments] for name in ("start", "c0", "c1", "c2"))
    settings = {name: int(column[segments]) for name, column in table.items()}
    reflect, negate, slope = (settings.get(name, 0) for name in ("reflect", "negate", "slope"))
    inner_shift, shift = (settings.get(name, 0) for name in ("inner_shift", "shift"))
    period = settings.get("period", 0)
    if period:
        found = wrap(found, IntFormat(period, signed=True))
    negative = (found < 0) & bool(reflect)
    argument = np.where(negative, -found, found)
    _check_starts(start, 0 if reflect else _period(source, period).interval.lo)
    row = np.searchsorted(start, argument, side="right") - 1
    distance = argument - start[row]
    p = c0[row] + (c1[row] + round_shift(c2[row] * distance, inner_shift)) * distance
    mirrored = (-p if negate else p) + settings["c0"] + slope * argument
    return saturate(round_shift(np.where(negative, mirrored, p), shift), result)


def _period(source: IntFormat, bits: int) -> IntFormat:
    """The format of a wrapped code; `bits` = 0 for none."""
    return IntFormat(bits, signed=True) if bits else source


def _check_starts(start: IntArray, lowest: int) -> None:
    """Refuse starts that the unit's comparison does not order, and distances that it has no bits for."""
    if start[0] != lowest:
        raise InvalidInput(f"First start of a table must be the lowest argument, {lowest}, not {start[0]}")
    falls = np.flatnonzero(np.diff(start) < 0)
    if len(falls):
        row = int(falls[0])
        raise InvalidInput(f"Starts of a table must rise, and {start[row + 1]} follows {start[row]}")


def program(
    function: Function,
    *,
    input_bits: int,
    input_signed: bool,
    output_bits: int,
    output_signed: bool,
    periodic: bool,
    segments: int,
    c0_bits: int,
    c1_bits: int,
    c2_bits: int,
    slope_bits: int,
    inner_shift: int,
    shift: int,
    **others: int,
) -> dict[str, IntArray]:
    """The rows that make a programmable unit of these parameters compute `function`: columns of [segments + 1].

    Row n goes to address n, the settings to address `segments`; the last write commits. The function is a polynomial
    and a round, with a clamp before it that can be made of segments.

    Raises
    ------
    InvalidInput
        If the function has other formats or stages, more segments than the unit has rows, shifts that the unit does
        not have, or a coefficient that is too wide.
    """
    del others
    name, source = repr(function.name), IntFormat(input_bits, input_signed)
    formats, own = (source, IntFormat(output_bits, output_signed)), (function.input, function.output)
    if formats != own:
        raise InvalidInput(f"Formats of function {name} must be {formats[0]} to {formats[1]}, not {own[0]} to {own[1]}")
    polynomial, rounding, period = _stages(function)
    if period and not periodic:
        raise InvalidInput(f"Period of function {name} must be none on a unit without periods, not 2**{period} codes")
    inner = polynomial.inner_shift if any(segment.c2 for segment in polynomial.segments) else 0
    if inner > inner_shift or rounding.shift > shift:
        raise InvalidInput(
            f"Shifts of function {name} must be at most the unit's, {inner_shift} and {shift}, "
            f"not {inner} and {rounding.shift}"
        )
    if len(polynomial.segments) > segments:
        raise InvalidInput(
            f"Segments of function {name} must fit the unit's memory of {segments}, and are {len(polynomial.segments)}"
        )

    empty = segments - len(polynomial.segments)
    unreached, reflection = IntFormat(input_bits + 1, input_signed).interval.hi, polynomial.reflection
    lowest = _period(source, period).interval.lo if reflection is None else 0
    if polynomial.segments[0].start != lowest:
        raise InvalidInput(
            f"First segment of function {name} must start at {lowest}, not at {polynomial.segments[0].start}"
        )
    settings = reflection or Reflection(1)
    rows = {
        "start": [s.start for s in polynomial.segments] + empty * [unreached] + [0],
        "c0": [s.c0 for s in polynomial.segments] + empty * [0] + [settings.constant],
        "c1": [s.c1 for s in polynomial.segments] + (empty + 1) * [0],
        "c2": [s.c2 for s in polynomial.segments] + (empty + 1) * [0],
        "reflect": segments * [0] + [int(reflection is not None)],
        "negate": segments * [0] + [int(settings.sign < 0)],
        "slope": segments * [0] + [settings.slope],
        "period": segments * [0] + [period],
        "inner_shift": segments * [0] + [inner],
        "shift": segments * [0] + [rounding.shift],
    }
    for column, bits in {"c0": c0_bits, "c1": c1_bits, "c2": c2_bits, "slope": slope_bits}.items():
        limit = 1 << (bits - 1) if bits else 1
        for number in rows.get(column, []):
            if not -limit <= number < limit or (not bits and number):
                raise InvalidInput(
                    f"Coefficient {column} of function {name} must fit the {bits} bits of the unit, and is {number}"
                )
    signs = dict.fromkeys(("reflect", "negate"), input_signed)
    present = {
        **signs,
        "period": periodic,
        "slope": input_signed and slope_bits,
        "inner_shift": inner_shift,
        "shift": shift,
    }
    rows = {column: numbers for column, numbers in rows.items() if present.get(column, True)}
    return {column: np.array(numbers, dtype=np.int64) for column, numbers in rows.items()}


def _stages(function: Function) -> tuple[Polynomial, Round, int]:
    """The polynomial of a function, with its clamp made segments of it, the round, and the bits of its period."""
    kinds = [type(stage) for stage in function.stages]
    *before, polynomial, rounding = function.stages if len(kinds) > 1 else (None, None)
    fits = kinds in ([Polynomial, Round], [Clamp, Polynomial, Round], [Wrap, Polynomial, Round])
    if not fits or not isinstance(polynomial, Polynomial) or not isinstance(rounding, Round):
        found = ", ".join(kind.kind for kind in kinds)
        raise InvalidInput(
            f"Stages of function {function.name!r} must be polynomial and round, or clamp or wrap first, not {found}"
        )
    if polynomial.form is Form.SQUARE and polynomial.inner_shift and any(s.c2 for s in polynomial.segments):
        raise InvalidInput(f"Form of function {function.name!r} must be horner, not square")
    period = 0
    for stage in before:
        if isinstance(stage, Wrap):
            if stage.offset % (1 << stage.bits):
                raise InvalidInput(f"Period of function {function.name!r} must have no offset, not {stage.offset}")
            period = stage.bits if function.input.interval not in IntFormat(stage.bits, signed=True).interval else 0
    if function.input.interval.lo >= 0 and not period:
        polynomial = replace(polynomial, reflection=None)
    for stage in before:
        if isinstance(stage, Clamp):
            polynomial = _clamped(function, stage, polynomial)
    return polynomial, rounding, period


def _clamped(function: Function, clamp: Clamp, polynomial: Polynomial) -> Polynomial:
    """The polynomial of what is not clamped: constant beyond the ends."""
    source, reflection = function.input.interval, polynomial.reflection or Reflection(1)
    segments: Sequence[Segment] = polynomial.segments
    low, high = max(clamp.low, source.lo), min(clamp.high, source.hi)
    mirrored = polynomial.reflection is not None and (clamp.low > source.lo or clamp.high < -source.lo)
    if mirrored and (low != -high or reflection.slope):
        raise InvalidInput(
            f"Clamp of function {function.name!r} must be as far from 0 on both sides, for a reflection without slope, "
            f"not from {clamp.low} to {clamp.high}"
        )
    if polynomial.reflection is None and low > source.lo:
        if segments[0].start != low:
            raise InvalidInput(
                f"First segment of function {function.name!r} must start where its clamp does, {low}, "
                f"not at {segments[0].start}"
            )
        segments = (Segment(source.lo, segments[0].c0), *segments)
    if high < max(source.hi, -source.lo if mirrored else source.hi):
        last = segments[-1]
        d = high - last.start
        top: Any = last.c0 + (last.c1 + _rounded(last.c2 * d, polynomial.inner_shift)) * d
        segments = (*segments, Segment(high + 1, top))
    return replace(polynomial, segments=tuple(segments))


def _rounded(number: int, shift: int) -> int:
    return (number + (1 << shift >> 1)) >> shift
