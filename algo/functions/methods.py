"""Methods for functions of one number beside quadratics: plain tables, pieces of any degree, rotation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import (
    Cordic,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Reflection,
    Round,
    Segment,
    Stage,
    Wrap,
)

from .fit import Fit, fit
from .named import Scalar
from .placement import Placement

__all__ = ["Formats", "Real", "cordic_sine", "fits", "plain_table", "quarter", "worst_error"]

MOST_ROWS = 1500
"""Rows of the largest plain table: beyond, gates grow out of proportion."""

MOST_PIECES = 256

Real = Callable[[float], float]


@dataclass(frozen=True)
class Formats:
    """The formats of a function and their fraction bits."""

    input: IntFormat
    output: IntFormat
    input_fraction: int
    output_fraction: int

    def function(self, name: str, *stages: Stage) -> Function:
        """`stages` between these formats."""
        return Function(name, self.input, stages, self.input_fraction, self.output_fraction)


def worst_error(function: Function, real: Real) -> float:
    """The greatest |y - f(x)| over all input codes, f held to the output's range, in units of y's last place."""
    unit = 2.0**-function.input_fraction
    return _error(function, np.array([real(code * unit) for code in every_code(function).tolist()]))


def _error(function: Function, reals: npt.NDArray[np.float64]) -> float:
    interval = function.output.interval
    exact = np.clip(reals * 2.0**function.output_fraction, interval.lo, interval.hi)
    return float(np.abs(evaluate(function, every_code(function)) - exact).max())


def quarter(fraction: int, offset: int, *pieces: Stage) -> tuple[Stage, ...]:
    """A cosine of period 4 by its quarter: wrap, `|u| - 1`, and `pieces`, which give -sin(pi x / 2) on [-1, 1].

    An `offset` of -1 makes it a sine.
    """
    one = 1 << fraction
    folded = Polynomial((Segment(0, -one, 1),), reflection=Reflection(1))
    return (Wrap(fraction + 2, offset * one), folded, *pieces)


def fits(scalar: Scalar, degree: int, formats: Formats, target: float, *, all_ways: bool = True) -> Iterator[Fit]:
    """Fits of `degree` that may turn out the cheapest: the fewest uniform pieces, and with `all_ways` twice and four
    times as many, whose multiplications are narrower, and the fewest pieces of any width.
    """
    settings: dict[str, Any] = {
        "input": formats.input,
        "output": formats.output,
        "input_fraction": formats.input_fraction,
        "output_fraction": formats.output_fraction,
        "degree": degree,
        "target": target,
    }
    fewest = fit(scalar, placement=Placement.UNIFORM, **settings)
    yield fewest
    if all_ways:
        for factor in (2, 4):
            count = 1 << (fewest.segments * factor - 1).bit_length()
            if count <= MOST_PIECES:
                yield fit(scalar, placement=Placement.UNIFORM, segments=count, **settings)
        yield fit(scalar, placement=Placement.ERROR, **settings)


def plain_table(real: Real, last: int, sign: int, fraction: int, output: IntFormat, output_fraction: int) -> Polynomial:
    """A row for each |x| from 0 to the code `last`, the function rounded; odd with sign -1, even with 1.

    Raises
    ------
    InvalidInput
        If that is more than MOST_ROWS.
    """
    if last >= MOST_ROWS:
        raise InvalidInput(f"Plain table must have at most {MOST_ROWS} rows, not {last + 1}")
    values = [math.floor(real(code / 2**fraction) * 2**output_fraction + 0.5) for code in range(last + 1)]
    limits = output.interval
    rows = (Segment(code, min(max(value, limits.lo), limits.hi)) for code, value in enumerate(values))
    return Polynomial(tuple(rows), reflection=Reflection(sign))


def cordic_sine(fraction: int, output: IntFormat, output_fraction: int, target: float) -> tuple[Stage, ...]:
    """A sine of period 4 at `fraction` bits by rotation: the fewest and narrowest rotations within `target`.

    Raises
    ------
    InvalidInput
        If no number of rotations up to 8 beyond the fraction bits does.
    """
    bits = fraction + 2
    source = IntFormat(bits, signed=True)
    reals = np.sin(np.arange(source.interval.lo, source.interval.hi + 1) * (math.pi / 2 / (1 << fraction)))
    best: tuple[int, tuple[Stage, ...]] | None = None
    for rotations in range(max(output_fraction - 1, 1), output_fraction + 8):
        for guard in range(5):
            unit = 1 << (bits - 2 + guard)
            angles = tuple(round(math.atan(2.0**-i) / (math.pi / 2) * unit) for i in range(rotations))
            for extra in range(1, 6):
                fine = output_fraction + extra
                gain = round(2**fine / math.prod(math.sqrt(1 + 4.0**-i) for i in range(rotations)))
                cost = rotations * (2 * (fine + 2) + bits + guard)
                if best is not None and cost >= best[0]:
                    continue
                stages = (Wrap(bits), Cordic(bits, guard, gain, angles), Round(extra, output))
                if _error(Function("sine", source, stages, fraction, output_fraction), reals) <= target:
                    best = (cost, stages)
    if best is None:
        raise InvalidInput(
            f"Rotations must reach {target:g} units in the last place of {output_fraction} fraction bits"
        )
    return best[1]
