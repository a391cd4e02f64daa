"""What the periodic quadratics are compared with: sine, Gauss, WIRE, FINER and ReLU by the usual methods.

All are functions of the same codes, of period 4 or width 1 so that no scaling is needed before them:

sine      sin(pi x / 2)                        gauss     exp(-x^2)
wire      cos(pi x / 2) exp(-x^2), the real part, and with sin the imaginary part
finer     sin(pi / 2 (|x| + 1) x)              relu      max(x, 0)

A method gives candidates, each within the target of the real function at every input code (`worst_error`); which of
them is the cheapest is for synthesis to say. Sources: Volder 1959 (CORDIC), SIREN, WIRE and FINER for the functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import (
    Clamp,
    Cordic,
    Function,
    Interval,
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

from .fit import Fit, fit
from .named import Scalar, Symmetry
from .placement import Placement

__all__ = ["BASELINES", "Baseline", "Formats", "cordic_sine", "plain_table", "worst_error"]

MOST_ROWS = 1500
"""Rows of the largest plain table: beyond, gates grow out of proportion."""

MOST_PIECES = 256

Real = Callable[[float], float]
Candidate = tuple[Function, ...]
"""One function, or two of the same input: real and imaginary part."""


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


def _sine(x: float) -> float:
    return math.sin(math.pi / 2 * x)


def _gauss(x: float) -> float:
    return math.exp(-x * x)


def _wire(x: float) -> float:
    return math.cos(math.pi / 2 * x) * math.exp(-x * x)


def _wire_imaginary(x: float) -> float:
    return math.sin(math.pi / 2 * x) * math.exp(-x * x)


def _finer(x: float) -> float:
    return math.sin(math.pi / 2 * (abs(x) + 1) * x)


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


_QUARTER = Scalar("quarter", lambda x: -_sine(x), Symmetry.ODD, (-1.0, 1.0))


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


def _sines(method: str, formats: Formats, fraction: int, target: float) -> Iterator[tuple[Stage, ...]]:
    """Sines of period 4 by `method`, of an angle with `fraction` bits."""
    output, finer = formats.output, formats.output_fraction
    if method == "cordic":
        yield cordic_sine(fraction, output, finer, target)
    elif method == "table":
        table = plain_table(_QUARTER.evaluate, 1 << fraction, -1, fraction, output, finer)
        yield quarter(fraction, -1, table, Round(0, output))
    else:
        angle = Formats(IntFormat(fraction + 2, signed=True), output, fraction, finer)
        for found in fits(_QUARTER, DEGREES[method], angle, target, all_ways=fraction == formats.input_fraction):
            yield quarter(fraction, -1, *found.function.stages)


DEGREES = {"linear": 1, "quadratic": 2}


def sines(method: str, formats: Formats, target: float) -> Iterator[Candidate]:
    """Candidates for the sine."""
    for stages in _sines(method, formats, formats.input_fraction, target):
        yield (formats.function("sine", *stages),)


def finers(method: str, formats: Formats, target: float) -> Iterator[Candidate]:
    """Candidates for FINER: guard bits for the angle, (|x| + 1) x, and a sine that may err by what is left."""
    for guard in (1, 2, 3):
        fraction = formats.input_fraction + guard
        # The angle errs by half a unit at most, and the sine is nowhere steeper than pi / 2.
        left = target - math.pi / 4 * 2.0 ** (formats.output_fraction - fraction)
        if left <= 0.5:
            continue
        try:
            for stages in _sines(method, formats, fraction, left):
                yield (formats.function("finer", Scale(1 << guard, 0), Warp(fraction), *stages),)
        except InvalidInput:
            continue  # with other guard bits it may go


def _bounds(formats: Formats) -> tuple[float, float]:
    """Where exp(-x^2) is held: beyond 4 it is less than 2**-23. Without 4 itself equal pieces stay equal."""
    end = 4 - 2.0**-formats.input_fraction
    return -end, end


def _direct(name: str, real: Real, sign: int = 1) -> Callable[[str, Formats, float], Iterator[Candidate]]:
    """Candidates for a function that vanishes: a plain table as far as it does not, or pieces."""

    def candidates(method: str, formats: Formats, target: float) -> Iterator[Candidate]:
        if method != "table":
            symmetry = Symmetry.EVEN if sign > 0 else Symmetry.ODD
            for found in fits(Scalar(name, real, symmetry, _bounds(formats)), DEGREES[method], formats, target):
                yield (found.function,)
            return
        fraction, finer = formats.input_fraction, formats.output_fraction
        last = next(code for code in range(1 << 20) if math.exp(-((code / 2**fraction) ** 2)) * 2**finer < 0.5)
        table = plain_table(real, last, sign, fraction, formats.output, finer)
        yield (formats.function(name, Clamp(-last, last), table, Round(0, formats.output)),)

    return candidates


def gauss_of_square(method: str, formats: Formats, target: float) -> Iterator[Candidate]:
    """Gauss as it is defined: square, and exp(-t) by pieces; t may err by what the target leaves."""
    del method
    last = (4 << formats.input_fraction) - 1
    square = Square().interval(formats.input.interval.clamp(Interval(-last, last)))
    for guard in (1, 2, 3):
        fraction = formats.output_fraction + guard
        shift = 2 * formats.input_fraction - fraction
        left = target - 2.0 ** -(guard + 1)
        if shift < 0 or left <= 0.5:
            continue
        end = float(math.ceil((formats.output_fraction + 2) * math.log(2)))
        scalar = Scalar("exp", lambda t: math.exp(-t), interval=(0.0, end))
        bits = square.round_shift(shift).hi.bit_length()
        inner = Formats(IntFormat(bits, signed=False), formats.output, fraction, formats.output_fraction)
        for found in fits(scalar, 1, inner, left, all_ways=False):
            yield (formats.function("gauss", Clamp(-last, last), Square(shift), *found.function.stages),)


def wires(method: str, formats: Formats, target: float, parts: int = 1) -> Iterator[Candidate]:
    """WIRE as it is defined: cosine (and sine) times Gauss, each with guard bits, the Gauss shared by both parts."""
    del method
    for guard, error in ((2, 1.0), (3, 2.0)):
        finer = formats.output_fraction + guard
        if 2 * error * 2.0**-guard + 0.5 > target:
            continue
        factor = IntFormat(finer + 2, signed=True)
        bell = Formats(formats.input, factor, formats.input_fraction, finer)
        angle = Formats(IntFormat(formats.input_fraction + 2, signed=True), factor, formats.input_fraction, finer)
        scalar = Scalar("gauss", _gauss, Symmetry.EVEN, _bounds(formats))
        (gauss,) = fits(scalar, 1, bell, error, all_ways=False)
        (pieces,) = fits(_QUARTER, 1, angle, error, all_ways=False)
        waves = [quarter(formats.input_fraction, offset, *pieces.function.stages) for offset in (0, -1)[:parts]]
        round_off = Round(2 * finer - formats.output_fraction, formats.output)
        yield tuple(formats.function("wire", Product(wave, gauss.function.stages), round_off) for wave in waves)


@dataclass(frozen=True)
class Baseline:
    """One method for one function: its real values, and what makes its candidates."""

    reals: tuple[Real, ...]
    method: str
    make: Callable[[str, Formats, float], Iterator[Candidate]]

    def candidates(self, formats: Formats, target: float = 1.0) -> list[Candidate]:
        """Every candidate that is within `target` of the real function at all codes.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        found: list[Candidate] = []
        for candidate in self.make(self.method, formats, target):
            errors = (worst_error(*pair) for pair in zip(candidate, self.reals, strict=True))
            if max(errors) <= target + 1e-9:
                found.append(candidate)
        if not found:
            raise InvalidInput(
                f"Method {self.method} must reach {target:g} units in the last place at "
                f"{formats.output_fraction} fraction bits, and does not"
            )
        return found


def _relu(method: str, formats: Formats, target: float) -> Iterator[Candidate]:
    del method, target
    shift = formats.input_fraction - formats.output_fraction
    scale = () if shift >= 0 else (Scale(1 << -shift, 0),)
    yield (formats.function("relu", Rectify(), *scale, Round(max(shift, 0), formats.output)),)


BASELINES: Mapping[str, Baseline] = {
    **{f"sine-{method}": Baseline((_sine,), method, sines) for method in ("cordic", "table", "linear", "quadratic")},
    "gauss-square": Baseline((_gauss,), "square and linear pieces of exp", gauss_of_square),
    **{
        f"gauss-{method}": Baseline((_gauss,), method, _direct("gauss", _gauss))
        for method in ("table", "linear", "quadratic")
    },
    "wire-product": Baseline((_wire,), "product of linear pieces", wires),
    **{f"wire-{method}": Baseline((_wire,), method, _direct("wire", _wire)) for method in ("table", "linear")},
    "wire-complex": Baseline(
        (_wire, _wire_imaginary), "products of linear pieces", lambda *given: wires(*given, parts=2)
    ),
    **{f"finer-{method}": Baseline((_finer,), method, finers) for method in ("cordic", "table", "linear")},
    "relu": Baseline((lambda x: max(x, 0.0),), "comparison", _relu),
}
"""Every baseline by its name: the function, and the method."""
