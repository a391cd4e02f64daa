"""The picture of a fit: the function and its integers above, what they differ by below."""

from __future__ import annotations

import numpy as np

from quadrille.algo.functions import Scalar
from quadrille.algo.integer.activation import evaluate, every_code
from quadrille.algo.spec import Function, Polynomial

from .figures import INK, MUTED, sheet, tidy

__all__ = ["fit_png"]

REAL, INTEGER = "#2457a6", "#c2571a"


def fit_png(function: Function, scalar: Scalar) -> bytes:
    """`scalar`, the integer `function` at every input, the joints of its segments, and the error in units, as PNG."""

    codes = every_code(function)
    x, y = codes / 2**function.input_fraction, evaluate(function, codes)
    limits = function.output.interval
    unit = 2.0**function.output_fraction
    real = np.clip([scalar(v) * unit for v in x.tolist()], limits.lo, limits.hi)
    with sheet(7.5, 5.2, dpi=130) as drawn:
        above, below = drawn.figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for axes in (above, below):
            for joint in _joints(function):
                axes.axvline(joint, color=MUTED, linewidth=0.6, linestyle=":")
            tidy(axes)
        above.plot(x, real / unit, color=REAL, linewidth=2.2, alpha=0.6, label="function")
        above.plot(x, y / unit, color=INTEGER, linewidth=0.9, drawstyle="steps-mid", label="integers")
        above.set_title(
            f"{function.name}: {function.input}, {function.input_fraction} fraction bits, to {function.output}, "
            f"{function.output_fraction}",
            loc="left",
            color=INK,
            fontsize=10,
        )
        above.legend(frameon=False)
        below.plot(x, y - real, color=INTEGER, linewidth=0.7)
        below.set_ylabel("error, units in the last place", color=MUTED)
        below.set_xlabel("x; dotted: where a segment starts", color=MUTED)
    return drawn.data


def _joints(function: Function) -> list[float]:
    """Where segments start, on both sides of a reflection, if they lie in the input as it is."""
    first = function.stages[0]
    if not isinstance(first, Polynomial) and first.kind != "clamp":
        return []
    (polynomial,) = (stage for stage in function.stages if isinstance(stage, Polynomial))
    starts = [segment.start for segment in polynomial.segments[1:]]
    if polynomial.reflection is not None:
        starts += [-start for start in starts]
    return [start / 2**function.input_fraction for start in starts]
