"""Any scalar function as integer pieces of quadratics, with its exact worst error over all inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from typing import TypeVar

import numpy as np

from quadrille.algo.integer.activation import evaluate, every_code, run_stage
from quadrille.algo.spec import Clamp, Form, Function, Interval, IntFormat, InvalidInput, Polynomial, Round, Stage, Wrap

from .corridor import Reference, detect_symmetry
from .exchange import Reals
from .named import Scalar, Symmetry, named
from .placement import MOST_SEGMENTS, Placement
from .search import Problem, Table, column_widths

__all__ = ["Fit", "fit", "worst_error"]

WIDEST_INPUT = 20  # every code is evaluated
WIDEST_OUTPUT = 32


@dataclass(frozen=True)
class Fit:
    """A fitted function, and how near it is: errors in units in the last place of the output, over all input codes.

    `error` is the greatest |y - f(x) * 2**output_fraction|, with f held to the output's range, and `worst_code` an
    input code where it occurs. `joint_step` is the greatest step between what two neighbouring segments say of the code
    where the second starts, in the same units. `values` is f(x) * 2**output_fraction at every input code.
    """

    function: Function
    scalar: Scalar
    symmetry: Symmetry
    placement: Placement
    error: float
    worst_code: int
    joint_step: float
    values: Reals = field(repr=False, compare=False)

    @property
    def polynomial(self) -> Polynomial:
        """The stage that holds the table."""
        (found,) = (stage for stage in self.function.stages if isinstance(stage, Polynomial))
        return found

    @property
    def segments(self) -> int:
        """Rows of the table."""
        return len(self.polynomial.segments)

    @property
    def table_bits(self) -> int:
        """Bits of the table."""
        return self.polynomial.table_bits

    @property
    def widths(self) -> tuple[int, int, int]:
        """Bits of c0, c1 and c2 in the table."""
        return column_widths(self.polynomial)

    @property
    def continuous(self) -> bool:
        """Whether neighbouring segments agree where the second starts."""
        return self.joint_step == 0

    def errors(self) -> Reals:
        """y - f(x) * 2**output_fraction at every input code, from the lowest to the highest."""
        return evaluate(self.function, every_code(self.function)) - self.values


def fit(
    function: str | Scalar | Callable[[float], float],
    input: IntFormat,
    output: IntFormat,
    *,
    input_fraction: int,
    output_fraction: int,
    segments: int | None = None,
    placement: Placement | str = Placement.ERROR,
    target: float | None = 1.0,
    widths: tuple[int, int, int] | int | None = None,
    continuous: bool = False,
    degree: int = 2,
    symmetry: Symmetry | str = "auto",
    form: Form | str = Form.HORNER,
    interval: tuple[float, float] | None = None,
    period: float | None = None,
) -> Fit:
    """`function` as pieces of integer quadratics: x = code / 2**input_fraction in, y = code / 2**output_fraction out.

    Every output is within `target` units in the last place of f, held to the output's range: by default 1. The fewest
    segments that reach it are taken, at most `segments` if given ("uniform": exactly so many), then the narrowest
    coefficients that still do. Without a target (None) the least error found with `segments`.

    function
        One of NAMES, a Scalar, or any callable of one float; its values count as the float64 they are.
    widths
        Bits that c0, c1 and c2 may have, or all three together.
    continuous
        Neighbouring segments agree at the code where the second starts.
    degree
        2, 1 for linear pieces, 0 for a plain table.
    symmetry
        "auto" takes that of the function where the input has both signs; the table then holds one half.
    interval
        What x is held to before; of a named function its own.
    period
        The function repeats after so much, and x is wrapped into one period around 0; a named one is stretched to it. A
        function with a period of its own that is a power of two of input codes is wrapped without asking.

    Raises
    ------
    InvalidInput
        If the function is unknown, or not finite somewhere on the interval; if the target cannot be met, with the best
        that can; if a period is no power of two of input codes; if no input lies in the interval.
    """
    placement, form = _choice(Placement, placement, "Placement"), _choice(Form, form, "Form")
    _check(segments, placement, target, degree, continuous)
    if input.bits > WIDEST_INPUT or output.bits > WIDEST_OUTPUT:
        raise InvalidInput(
            f"Formats of a fit must have at most {WIDEST_INPUT} bits in and {WIDEST_OUTPUT} out, "
            f"not {input.bits} and {output.bits}"
        )
    scalar = _scalar(function, interval, period)
    stages, codes = _reduction(scalar, input, input_fraction, asked=period is not None)
    reference = Reference.of(scalar, codes, input_fraction, output, output_fraction)
    problem = Problem(
        reference,
        _symmetry(scalar, symmetry, codes, input_fraction),
        input_fraction,
        output_fraction,
        placement,
        segments,
        widths,
        continuous,
        degree,
        form,
    )
    if symmetry == "auto" and not problem.placer(1.0 if target is None else target).possible:
        # Far beyond saturation one half of a function may allow nothing that the other does.
        problem = replace(problem, symmetry=Symmetry.NONE)
    table = problem.least(max(0.5, float(reference.least_error))) if target is None else problem.solve(target)
    if table is None:
        raise InvalidInput(_unreachable(problem, target))
    stages = (*stages, table.polynomial, Round(table.grid.shift, output))
    built = Function(scalar.name, input, stages, input_fraction, output_fraction)
    return _measured(built, scalar, problem, table, stages[:-2])


def worst_error(function: Function, scalar: str | Scalar | Callable[[float], float]) -> tuple[float, int]:
    """How far any integer `function` is from the real `scalar`: the greatest error, and an input code where it occurs.

    In units in the last place of the output, over all input codes, with the real value held to the output's range.

    Raises
    ------
    InvalidInput
        If `scalar` is an unknown name, or not finite at an input.
    """
    reference = Reference.of(
        _scalar(scalar, None, None),
        function.input.interval,
        function.input_fraction,
        function.output,
        function.output_fraction,
    )
    error, place = reference.error(evaluate(function, every_code(function)))
    return float(error), function.input.interval.lo + place


Chosen = TypeVar("Chosen", bound=Enum)


def _choice(kind: type[Chosen], value: Chosen | str, noun: str) -> Chosen:
    """The member of `kind` that is, or is called, `value`."""
    if isinstance(value, kind):
        return value
    names = {member.value: member for member in kind}
    if value not in names:
        raise InvalidInput(f"{noun} of a fit must be one of {', '.join(names)}, not {value!r}")
    return names[value]


def _check(segments: int | None, placement: Placement, target: float | None, degree: int, continuous: bool) -> None:
    if degree not in (0, 1, 2):
        raise InvalidInput(f"Degree of a fit must be 0, 1 or 2, not {degree}")
    if continuous and degree == 0:
        raise InvalidInput("Continuous pieces of a fit must be of degree 1 or 2, not 0")
    if segments is not None and not 1 <= segments <= MOST_SEGMENTS:
        raise InvalidInput(f"Segments of a fit must be from 1 to {MOST_SEGMENTS}, not {segments}")
    if segments is not None and placement is Placement.UNIFORM and segments & (segments - 1):
        raise InvalidInput(f"Uniform segments of a fit must be a power of two, not {segments}")
    if target is None and segments is None:
        raise InvalidInput("Fit must have a target or a number of segments, not neither")
    if target is not None and not (math.isfinite(target) and target > 0):
        raise InvalidInput(f"Target of a fit must be positive, not {target}")


def _scalar(
    function: str | Scalar | Callable[[float], float], interval: tuple[float, float] | None, period: float | None
) -> Scalar:
    """The function with the interval and the period asked for."""
    if isinstance(function, str):
        scalar = named(function, period=period)
    elif isinstance(function, Scalar):
        scalar = function if period is None else replace(function, period=period)
    else:
        scalar = Scalar(getattr(function, "__name__", "function").strip("<>"), function, period=period)
    return scalar if interval is None else replace(scalar, interval=interval)


def _reduction(
    scalar: Scalar, input: IntFormat, input_fraction: int, asked: bool
) -> tuple[tuple[Stage, ...], Interval]:
    """The stages before the polynomial, and the interval of codes that leaves them."""
    codes = input.interval
    stages: tuple[Stage, ...] = ()
    if scalar.period is not None:
        exact = Fraction(scalar.period) * Fraction(2) ** input_fraction
        whole = exact.denominator == 1 and exact >= 2 and exact.numerator & (exact.numerator - 1) == 0
        if asked and not whole:
            raise InvalidInput(
                f"Period of function {scalar.name!r} must be a power of two of input codes, "
                f"and {scalar.period:g} is {float(exact):g} of them"
            )
        if whole and exact.numerator < codes.hi - codes.lo + 1:
            wrap = Wrap(exact.numerator.bit_length() - 1)
            stages, codes = (wrap,), wrap.interval(codes)
    low, high = scalar.interval
    scale = 2.0**input_fraction
    least = codes.lo if low * scale <= codes.lo else math.ceil(low * scale)
    most = codes.hi if high * scale >= codes.hi else math.floor(high * scale)
    if least > most or least > codes.hi or most < codes.lo:
        raise InvalidInput(
            f"Interval of function {scalar.name!r} must hold an input, and [{low:g}, {high:g}] holds none of format "
            f"{input} with {input_fraction} fraction bits"
        )
    if (least, most) != (codes.lo, codes.hi):
        stages, codes = (*stages, Clamp(least, most)), Interval(least, most)
    return stages, codes


def _symmetry(scalar: Scalar, asked: Symmetry | str, codes: Interval, input_fraction: int) -> Symmetry:
    if not codes.lo < 0 < codes.hi:
        return Symmetry.NONE
    if asked == "auto":
        return (
            scalar.symmetry if scalar.symmetry is not Symmetry.NONE else detect_symmetry(scalar, codes, input_fraction)
        )
    return _choice(Symmetry, asked, "Symmetry")


def _unreachable(problem: Problem, target: float | None) -> str:
    """The sentence that says what the best is."""
    name = problem.reference.name
    least = float(problem.reference.least_error)
    if target is not None and target < least:
        return f"Target of fit {name!r} must be {least:.3f} or more, which rounding to integers costs, not {target:g}"
    count = problem.segments or MOST_SEGMENTS
    limits = f"{count} segment{'s' * (count > 1)} placed by {problem.placement.value}"
    if problem.widths is not None:
        limits += f" with coefficients of {problem.widths} bits"
    table = None if target is None else problem.least(target)
    if table is None:
        return f"Target of fit {name!r} must be within reach, and {limits} reach none"
    codes = np.arange(problem.reference.interval.lo, problem.reference.interval.hi + 1)
    outputs = run_stage(Round(table.grid.shift, problem.reference.output), run_stage(table.polynomial, codes))
    best = float(problem.reference.error(outputs)[0])
    return f"Target of fit {name!r} must be within reach, and {limits} come to {best:.2f} units, not {target:g}"


def _measured(function: Function, scalar: Scalar, problem: Problem, table: Table, before: tuple[Stage, ...]) -> Fit:
    """The fit with its errors, from every input code."""
    codes = every_code(function)
    reduced = codes
    for stage in before:
        reduced = run_stage(stage, reduced)
    known = problem.reference
    values = known.values[reduced - known.interval.lo]
    reference = replace(known, interval=function.input.interval, values=values)
    outputs = evaluate(function, codes)
    error, place = reference.error(outputs)
    return Fit(
        function=function,
        scalar=scalar,
        symmetry=problem.symmetry,
        placement=problem.placement,
        error=float(error),
        worst_code=int(codes[place]),
        joint_step=float(_joint_step(table) / 2**table.grid.shift),
        values=reference.values,
    )


def _joint_step(table: Table) -> Fraction:
    """The greatest step at a joint, zero included where a reflection meets itself, in units of the coefficients."""
    polynomial = table.polynomial
    steps = [0]
    for before, after in zip(polynomial.segments, polynomial.segments[1:], strict=False):
        reached = run_stage(replace(polynomial, segments=(before,), reflection=None), np.array([after.start]))
        steps.append(abs(int(reached[0]) - after.c0))
    first, reflection = polynomial.segments[0], polynomial.reflection
    if reflection is not None and first.start == 0:
        steps.append(abs(reflection.sign * first.c0 + reflection.constant - first.c0))
    return Fraction(max(steps))
