"""Waves as functions of integers: those that a node of a Network computes."""

from __future__ import annotations

from functools import lru_cache

from quadrille.algo.functions import fit
from quadrille.algo.spec import Function, IntFormat, Polynomial, Reflection, Round, Segment, Stage, Wrap

__all__ = ["FITTED", "INTEGRAL", "fitted_period", "wave_function"]

PERIOD = 4.0
FITTED = ("sine",)
"""Waves whose function is fitted, so that a model must compute with the function itself to equal its Network."""
INTEGRAL = ("quad", *FITTED)
"""Waves that have a node."""


def wave_function(
    wave: str, source: IntFormat, fraction_bits: int, result: IntFormat, result_fraction: int
) -> Function:
    """The wave of period 4 called `wave`, one of INTEGRAL, in integers.

    The argument has `fraction_bits` fraction bits in the format `source`, the result `result_fraction` in `result`. The
    quadratic wave is wrap, absolute value, one multiplication, round; the sine sin(pi u / 2) is quadratic pieces within
    one unit in the last place.
    """
    stages: tuple[Stage, ...]
    if wave in FITTED:
        stages = fitted_period(fraction_bits, result, result_fraction).stages
    else:
        stages = (
            Polynomial((Segment(0, 0, 1 << (fraction_bits + 1), -1),), reflection=Reflection(-1)),
            Round(2 * fraction_bits - result_fraction, result),
        )
    return Function(wave, source, (Wrap(fraction_bits + 2), *stages), fraction_bits, result_fraction)


@lru_cache
def fitted_period(fraction_bits: int, result: IntFormat, result_fraction: int) -> Function:
    """The fitted sine on one period around 0, whose codes have two bits beside the fraction."""
    argument = IntFormat(fraction_bits + 2, signed=True)
    found = fit(
        "sin", argument, result, input_fraction=fraction_bits, output_fraction=result_fraction, period=PERIOD
    ).function
    stages = tuple(stage for stage in found.stages if not isinstance(stage, Wrap))
    return Function("sine", argument, stages, fraction_bits, result_fraction)
