"""The formats in which each named function is usually wanted: the interval that matters, at any number of bits."""

from __future__ import annotations

from dataclasses import dataclass

from quadrille.algo.spec import Function, IntFormat, InvalidInput

from .fit import Fit, fit, worst_error
from .named import named
from .waves import WAVES, wave

__all__ = ["Formats", "Row", "survey", "usual_formats"]


@dataclass(frozen=True)
class Formats:
    """The formats of a function's input and output, with their fraction bits."""

    input: IntFormat
    input_fraction: int
    output: IntFormat
    output_fraction: int


@dataclass(frozen=True)
class _Range:
    """A format less its width: the sign, and how many bits stand before the point."""

    signed: bool
    whole: int

    def format(self, bits: int) -> tuple[IntFormat, int]:
        return IntFormat(bits, signed=self.signed), bits - self.signed - self.whole


def _signed(whole: int) -> _Range:
    return _Range(True, whole)


def _unsigned(whole: int) -> _Range:
    return _Range(False, whole)


# What goes in covers the bend of the function; what comes out holds its values: s.2 is [-4, 4), u.0 is [0, 1).
_RANGES: dict[str, tuple[_Range, _Range]] = {
    "sigmoid": (_signed(3), _unsigned(0)),
    "tanh": (_signed(2), _signed(0)),
    "gelu": (_signed(2), _signed(2)),
    "silu": (_signed(3), _signed(3)),
    "exp": (_signed(3), _unsigned(1)),
    "softplus": (_signed(3), _unsigned(3)),
    "sin": (_signed(2), _signed(1)),
    "cos": (_signed(2), _signed(1)),
    "gauss": (_signed(2), _unsigned(1)),
    "erf": (_signed(2), _signed(0)),
    "mish": (_signed(3), _signed(3)),
    "reciprocal": (_unsigned(1), _unsigned(1)),
    "reciprocal-square-root": (_unsigned(2), _unsigned(1)),
    "quad": (_signed(2), _signed(1)),
    "quad-cosine": (_signed(2), _signed(1)),
    "bump": (_signed(2), _signed(1)),
    "parabola": (_signed(2), _unsigned(1)),
    "triangle": (_signed(2), _signed(1)),
    # Its argument is rounded before a slope of 2: a unit that holds both is twice the input's.
    "quad-finer": (_signed(2), _signed(3)),
}


def usual_formats(name: str, bits: int) -> Formats:
    """The formats of `bits` bits for the function called `name`.

    Raises
    ------
    InvalidInput
        If there is no such function, or `bits` is not from 4 to 20.
    """
    named(name)
    if not 4 <= bits <= 20:
        raise InvalidInput(f"Bits of a function's formats must be from 4 to 20, not {bits}")
    input, output = _RANGES[name]
    return Formats(*input.format(bits), *output.format(bits))


@dataclass(frozen=True)
class Row:
    """One function of a survey: what it costs and how near it is; `fit` is None for an exact wave."""

    name: str
    formats: Formats
    function: Function
    segments: int
    table_bits: int
    error: float
    fit: Fit | None


def survey(bits: int, names: tuple[str, ...] = tuple(_RANGES), *, target: float = 1.0) -> list[Row]:
    """Every function of `names` in its usual formats of `bits` bits: fitted within `target`, or the exact wave.

    The table of a wave is of constants: nothing is looked up.
    """
    rows: list[Row] = []
    for name in names:
        formats = usual_formats(name, bits)
        if name in WAVES:
            function = wave(name, formats.input, formats.output, formats.input_fraction, formats.output_fraction)
            error, _ = worst_error(function, name)
            rows.append(Row(name, formats, function, 1, 0, error, None))
            continue
        fitted = fit(
            name,
            formats.input,
            formats.output,
            input_fraction=formats.input_fraction,
            output_fraction=formats.output_fraction,
            target=target,
        )
        rows.append(Row(name, formats, fitted.function, fitted.segments, fitted.table_bits, fitted.error, fitted))
    return rows
