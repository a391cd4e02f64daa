"""Real functions by name, with what a fitter uses of them: symmetry, interval, period.

The values are those of Python's `math` in IEEE double precision, right to a few units of their own last place, some
1e-15 of the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from quadrille.algo.spec import InvalidInput

__all__ = ["NAMES", "Scalar", "Symmetry", "named"]


class Symmetry(Enum):
    """What the negative half of a function is made of."""

    NONE = "none"
    EVEN = "even"
    """f(-x) = f(x)"""
    ODD = "odd"
    """f(-x) = -f(x)"""
    COMPLEMENT = "complement"
    """f(-x) = 1 - f(x)"""
    RAMP = "ramp"
    """f(-x) = f(x) - x"""


@dataclass(frozen=True)
class Scalar:
    """A real function of one number: `evaluate(x)` for x in `interval`; beyond it the value at the end holds.

    `period` is what it repeats after, if it does.
    """

    name: str
    evaluate: Callable[[float], float]
    symmetry: Symmetry = Symmetry.NONE
    interval: tuple[float, float] = (-math.inf, math.inf)
    period: float | None = None

    def __call__(self, x: float) -> float:
        """f(x), with x held at the ends of the interval."""
        return self.evaluate(min(max(x, self.interval[0]), self.interval[1]))


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    power = math.exp(max(x, -745.0))
    return power / (1 + power)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _gelu(x: float) -> float:
    # By erfc: 1 + erf(x / sqrt(2)) loses every digit for negative x.
    return x * 0.5 * math.erfc(-x * math.sqrt(0.5))


def _wrapped(x: float) -> float:
    """`((x + 2) mod 4) - 2`."""
    return math.fmod(math.fmod(x + 2, 4) + 4, 4) - 2


def _quad(x: float) -> float:
    u = _wrapped(x)
    return u * (2 - abs(u))


def _bump(x: float) -> float:
    return x * (2 - abs(x)) if abs(x) < 2 else 0.0


_REALS = (-math.inf, math.inf)
_TURN = 2 * math.pi

_SCALARS = (
    Scalar("sigmoid", _sigmoid, Symmetry.COMPLEMENT),
    Scalar("tanh", math.tanh, Symmetry.ODD),
    Scalar("gelu", _gelu, Symmetry.RAMP),
    Scalar("silu", lambda x: x * _sigmoid(x), Symmetry.RAMP),
    Scalar("exp", math.exp, interval=(-math.inf, 0.0)),
    Scalar("softplus", _softplus, Symmetry.RAMP),
    Scalar("sin", math.sin, Symmetry.ODD, period=_TURN),
    Scalar("cos", math.cos, Symmetry.EVEN, period=_TURN),
    Scalar("gauss", lambda x: math.exp(-x * x), Symmetry.EVEN),
    Scalar("erf", math.erf, Symmetry.ODD),
    Scalar("mish", lambda x: x * math.tanh(_softplus(x))),
    Scalar("reciprocal", lambda x: 1 / x, interval=(1.0, 2.0)),
    Scalar("reciprocal-square-root", lambda x: 1 / math.sqrt(x), interval=(1.0, 4.0)),
    Scalar("quad", _quad, Symmetry.ODD, period=4.0),
    Scalar("quad-cosine", lambda x: _quad(x + 1), Symmetry.EVEN, period=4.0),
    Scalar("bump", _bump, Symmetry.ODD),
    Scalar("parabola", lambda x: max(0.0, 1 - x * x), Symmetry.EVEN),
    Scalar("triangle", lambda x: 1 - abs(_wrapped(x - 1)), Symmetry.ODD, period=4.0),
    Scalar("quad-finer", lambda x: _quad((abs(x) + 1) * x), Symmetry.ODD),
)
_BY_NAME = {scalar.name: scalar for scalar in _SCALARS}

NAMES: tuple[str, ...] = tuple(_BY_NAME)
"""Every named function."""


def named(name: str, *, period: float | None = None) -> Scalar:
    """The function called `name`; with a `period` stretched to repeat after that, as in sin(2 pi x / period).

    exp is that of the negative axis, reciprocal that of [1, 2], reciprocal-square-root that of [1, 4]: each holds the
    value at the end of its interval beyond it. gelu is the exact one, x (1 + erf(x / sqrt(2))) / 2.

    Raises
    ------
    InvalidInput
        If there is no such function, or a period is given for one that has none.
    """
    if name not in _BY_NAME:
        raise InvalidInput(f"Function must be one of {', '.join(NAMES)}, not {name!r}")
    found = _BY_NAME[name]
    if period is None:
        return found
    if found.period is None:
        raise InvalidInput(f"Function {name!r} must repeat to take a period")
    if not (math.isfinite(period) and period > 0):
        raise InvalidInput(f"Period of function {name!r} must be positive, not {period}")
    evaluate, turn = found.evaluate, found.period
    return replace(found, evaluate=lambda x: evaluate(x / period * turn), period=period)
