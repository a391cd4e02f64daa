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

from quadrille.algo.spec import (
    Clamp,
    Function,
    Interval,
    IntFormat,
    InvalidInput,
    Product,
    Rectify,
    Round,
    Scale,
    Square,
    Stage,
    Warp,
)

from .methods import Formats, Real, cordic_sine, fits, plain_table, quarter, worst_error
from .named import Scalar, Symmetry

__all__ = ["BASELINES", "Baseline", "Candidate"]

Candidate = tuple[Function, ...]
"""One function, or two of the same input: real and imaginary part."""


_QUARTER = Scalar("quarter", lambda x: -_sine(x), Symmetry.ODD, (-1.0, 1.0))


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
            # What is held beyond the bounds differs from the function by less than this.
            near = target - 2.0**-12
            for found in fits(Scalar(name, real, symmetry, _bounds(formats)), DEGREES[method], formats, near):
                yield (found.function,)
            return
        fraction, finer = formats.input_fraction, formats.output_fraction
        last = next(code for code in range(1 << 20) if math.exp(-((code / 2**fraction) ** 2)) * 2**finer < 0.5)
        table = plain_table(real, last, sign, fraction, formats.output, finer)
        yield (formats.function(name, Clamp(-last, last), table, Round(0, formats.output)),)

    return candidates


def _both_parts(method: str, formats: Formats, target: float) -> Iterator[Candidate]:
    """Candidates for both parts of WIRE, each by pieces of its own."""
    real, imaginary = _direct("wire", _wire), _direct("wire", _wire_imaginary, -1)
    for first, second in zip(real(method, formats, target), imaginary(method, formats, target), strict=False):
        yield first + second


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
    "wire-complex-linear": Baseline((_wire, _wire_imaginary), "linear", _both_parts),
    "wire-complex": Baseline(
        (_wire, _wire_imaginary), "products of linear pieces", lambda *given: wires(*given, parts=2)
    ),
    **{f"finer-{method}": Baseline((_finer,), method, finers) for method in ("cordic", "table", "linear")},
    "relu": Baseline((lambda x: max(x, 0.0),), "comparison", _relu),
}
"""Every baseline by its name: the function, and the method."""
