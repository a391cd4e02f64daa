"""The periodic quadratics of QuadINR as exact integers, at F input fraction bits and Fo output fraction bits.

With u = ((x + 2) mod 4) - 2, period 4:

quad          phi(x) = u (2 - |u|): a sine of parabolas, odd, its slope continuous, peaks of 1 at 1 and -1 at -1.
              phi(x) = sum over odd n of b_n sin(n pi x / 2), b_n = 32 / (pi^3 n^3): 1.03205, 0.03822, 0.00826, ...
quad-cosine   phi(x + 1), even: a_n = (-1)^((n - 1) / 2) * 32 / (pi^3 n^3) of cos(n pi x / 2).
bump          phi(x) for |x| < 2, 0 beyond: one period, once. No series; its transform is the quadratic's.
parabola      max(0, 1 - x^2): one half wave of quad-cosine, once; the quadratic beside exp(-x^2).
triangle      1 - |((x + 1) mod 4) - 2|, odd, half the derivative of phi(x - 1): the linear member.
              b_n = (-1)^((n - 1) / 2) * 8 / (pi^2 n^2) of sin(n pi x / 2): 0.81057, -0.09006, 0.03242, ...
quad-finer    phi((|x| + 1) x): at x the period is 4 / (2 |x| + 1), so it has no series of its own.

Even harmonics are all 0. The wrap drops high bits and costs nothing. Source: QuadINR (arXiv 2508.14374), FINER for the
variable period; harmonics and the family beyond the first [INFERRED].
"""

from __future__ import annotations

from collections.abc import Callable

from quadrille.algo.spec import (
    Clamp,
    Function,
    IntFormat,
    InvalidInput,
    Polynomial,
    Reflection,
    Round,
    Segment,
    Stage,
    Warp,
    Wrap,
)

__all__ = [
    "WAVES",
    "bump",
    "cosine_wave",
    "parabola",
    "quad_wave",
    "triangle_wave",
    "variable_period_wave",
    "wave",
]


def quad_wave(input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """phi(x) = u (2 - |u|): with U = wrap(X) of F + 2 bits, Y = round_shift(U * (2**(F+1) - |U|), 2F - Fo)."""
    return _quadratic("quad", input, output, input_fraction, output_fraction, Wrap(input_fraction + 2))


def cosine_wave(input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """phi(x + 1): an offset in the wrap."""
    wrap = Wrap(input_fraction + 2, offset=1 << input_fraction)
    return _quadratic("quad-cosine", input, output, input_fraction, output_fraction, wrap)


def bump(input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """phi on [-2, 2], 0 outside: a clamp in the place of the wrap, for phi(2) = phi(-2) = 0."""
    end = 2 << input_fraction
    return _quadratic("bump", input, output, input_fraction, output_fraction, Clamp(-end, end))


def variable_period_wave(input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """phi((|x| + 1) x): one multiply before the wrap, rounded to F fraction bits.

    That rounding meets a slope of up to 2: the result is within a unit of the real one where Fo < F.
    """
    warp, wrap = Warp(input_fraction), Wrap(input_fraction + 2)
    return _quadratic("quad-finer", input, output, input_fraction, output_fraction, warp, wrap)


def parabola(input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """max(0, 1 - x^2): with A = min(|X|, 2**F), Y = round_shift(2**2F - A * A, 2F - Fo)."""
    one = 1 << input_fraction
    pieces = Polynomial((Segment(0, one * one, 0, -1),), reflection=Reflection(1))
    return _built(
        "parabola", input, output, input_fraction, output_fraction, 2 * input_fraction, Clamp(-one, one), pieces
    )


def triangle_wave(input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """The linear member: with U = wrap(X - 2**F), Y = round_shift(2**F - |U|, F - Fo)."""
    one = 1 << input_fraction
    scale = max(0, output_fraction - input_fraction)
    pieces = Polynomial((Segment(0, one << scale, -1 << scale),), reflection=Reflection(1))
    wrap = Wrap(input_fraction + 2, offset=-one)
    return _built("triangle", input, output, input_fraction, output_fraction, input_fraction + scale, wrap, pieces)


def _quadratic(name: str, input: IntFormat, output: IntFormat, fraction: int, finer: int, *before: Stage) -> Function:
    """phi behind the stages `before`."""
    pieces = Polynomial((Segment(0, 0, 2 << fraction, -1),), reflection=Reflection(-1))
    return _built(name, input, output, fraction, finer, 2 * fraction, *before, pieces)


def _built(
    name: str, input: IntFormat, output: IntFormat, fraction: int, output_fraction: int, found: int, *stages: Stage
) -> Function:
    """The function whose polynomial has `found` fraction bits, which Round takes to `output_fraction`."""
    if not 0 <= output_fraction <= found:
        raise InvalidInput(
            f"Output of wave {name!r} must have from 0 to {found} fraction bits, twice those of the input, "
            f"not {output_fraction}"
        )
    return Function(name, input, (*stages, Round(found - output_fraction, output)), fraction, output_fraction)


WAVES: dict[str, Callable[[IntFormat, IntFormat, int, int], Function]] = {
    "quad": quad_wave,
    "quad-cosine": cosine_wave,
    "bump": bump,
    "parabola": parabola,
    "triangle": triangle_wave,
    "quad-finer": variable_period_wave,
}
"""The exact waves by their names in NAMES."""


def wave(name: str, input: IntFormat, output: IntFormat, input_fraction: int, output_fraction: int) -> Function:
    """The exact wave called `name`.

    Raises
    ------
    InvalidInput
        If there is no such wave, or the output has more fraction bits than the exact value.
    """
    if name not in WAVES:
        raise InvalidInput(f"Wave must be one of {', '.join(WAVES)}, not {name!r}")
    return WAVES[name](input, output, input_fraction, output_fraction)
