"""Between which integers a polynomial must stay so that its rounded value is near enough to a real function.

With F output fraction bits and f = value * 2**F, held to the output's range, code y is allowed where
`|y - f| <= target`. With `half = 2**(shift-1)`, `round_shift(v, shift) = y` where
`y * 2**shift - half <= v < y * 2**shift + half`: so v has an interval at every input code, and the polynomial that lies
in all of them rounds to allowed codes only. All in integers: f enters as floor(f * 2**K) and whether anything was left,
which says every comparison exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from quadrille.algo.integer.arithmetic import IntArray
from quadrille.algo.spec import Interval, IntFormat, InvalidInput, Reflection

from .exchange import Reals
from .named import Scalar, Symmetry

__all__ = ["Corridor", "Reference", "detect_symmetry", "reflection_of"]

DEEPEST = 48


@dataclass(frozen=True, eq=False)
class Reference:
    """What the codes of `interval` should have, in units of the output's last place: `values` are held to its range,
    `free` are not.
    """

    name: str
    interval: Interval
    values: Reals
    free: Reals
    output: IntFormat

    @classmethod
    def of(
        cls, scalar: Scalar, interval: Interval, input_fraction: int, output: IntFormat, output_fraction: int
    ) -> Reference:
        """The values of `scalar` at x / 2**input_fraction for every x of `interval`.

        Raises
        ------
        InvalidInput
            If one is not finite.
        """
        unit = 2.0**-input_fraction
        values = np.empty(interval.hi - interval.lo + 1)
        for n, code in enumerate(range(interval.lo, interval.hi + 1)):
            x = code * unit
            try:
                value = float(scalar(x))
            except (ArithmeticError, ValueError):
                value = math.nan
            if not math.isfinite(value):
                raise InvalidInput(
                    f"Function {scalar.name!r} must be finite on [{interval.lo * unit:g}, {interval.hi * unit:g}], "
                    f"and it is not at {x:g}"
                )
            values[n] = value
        free, limits = np.ldexp(values, output_fraction), output.interval
        return cls(scalar.name, interval, np.clip(free, limits.lo, limits.hi), free, output)

    @property
    def depth(self) -> int:
        """K: how many bits below the last place are kept, exactly."""
        return max(0, min(DEEPEST, 60 - self.output.bits))

    def deepened(self) -> tuple[IntArray, IntArray]:
        """floor(f * 2**K), and 1 where that is less than f * 2**K."""
        scaled = np.ldexp(self.values, self.depth)
        floors = np.floor(scaled)
        return floors.astype(np.int64), (scaled != floors).astype(np.int64)

    def allowed(self, target: float) -> tuple[IntArray, IntArray]:
        """The lowest and the highest output code within `target`, which counts to a multiple of 2**-K."""
        floors, rest = self.deepened()
        reach = math.floor(Fraction(target) * 2**self.depth)
        limits = self.output.interval
        lowest, highest = -((reach - floors - rest) >> self.depth), (floors + reach) >> self.depth
        return np.maximum(lowest, limits.lo), np.minimum(highest, limits.hi)

    def error(self, outputs: IntArray) -> tuple[Fraction, int]:
        """The greatest `|y - f|`, exactly, and the place in `values` where it occurs; `outputs` has one y for each."""
        y, f = outputs.astype(np.float64), self.values
        # The difference and what its rounding lost (Knuth's sum of two): together exact, so they decide between equals.
        near = y - f
        moved = near - y
        lost = (y - (near - moved)) - (f + moved)
        lost, near = np.where(near < 0, -lost, lost), np.abs(near)
        worst = int(np.argmax(np.where(near == near.max(), lost, -np.inf)))
        return abs(int(outputs[worst]) - Fraction(float(f[worst]))), worst

    @property
    def least_error(self) -> Fraction:
        """What no integers can go below: the greatest distance of a value from its nearest integer."""
        return self.error(np.floor(self.values + 0.5).astype(np.int64))[0]


@dataclass(frozen=True, eq=False)
class Corridor:
    """The bounds for the argument a of a polynomial, a from `first` on, under one target and one symmetry."""

    reference: Reference
    symmetry: Symmetry
    input_fraction: int
    output_fraction: int
    target: float

    @property
    def first(self) -> int:
        """The least argument."""
        return self.reference.interval.lo if self.symmetry is Symmetry.NONE else 0

    @property
    def count(self) -> int:
        """How many arguments there are."""
        interval = self.reference.interval
        return interval.hi - interval.lo + 1 if self.symmetry is Symmetry.NONE else max(-interval.lo, interval.hi) + 1

    def bounds(self, shift: int) -> tuple[IntArray, IntArray]:
        """The least and the greatest p for each argument, in units of 2**-shift of the last place.

        Where the code at an end of the output is allowed, p may pass that end as far as the function itself does, up to
        eight times the output's codes: it saturates. The least is above the greatest where nothing is allowed.
        """
        reference, limits = self.reference, self.reference.output.interval
        lowest, highest = reference.allowed(self.target)
        beyond, free = 8 << reference.output.bits, reference.free
        under = np.clip(np.floor(free) - 1, limits.lo - beyond, limits.lo - 1).astype(np.int64)
        over = np.clip(np.ceil(free) + 1, limits.hi + 1, limits.hi + beyond).astype(np.int64)
        lowest = np.where(lowest <= limits.lo, under, lowest)
        highest = np.where(highest >= limits.hi, over, highest)
        half = (1 << shift) >> 1
        low, high = (lowest << shift) - half, (highest << shift) + max(half - 1, 0)
        if self.symmetry is Symmetry.NONE:
            return low, high
        reflection = reflection_of(self.symmetry, shift, self.input_fraction, self.output_fraction)
        zero = -reference.interval.lo
        far = np.int64(1) << 60
        folded_low, folded_high = np.full(self.count, -far), np.full(self.count, far)
        right = len(low) - zero
        folded_low[:right], folded_high[:right] = low[zero:], high[zero:]
        # For u < 0: sign * p + constant + slope * a within the bounds at u.
        argument = np.arange(1, zero + 1)
        moved = reflection.constant + reflection.slope * argument
        left_low, left_high = low[zero - 1 :: -1] - moved, high[zero - 1 :: -1] - moved
        if reflection.sign < 0:
            left_low, left_high = -left_high, -left_low
        left = slice(1, zero + 1)
        folded_low[left], folded_high[left] = (
            np.maximum(folded_low[left], left_low),
            np.minimum(folded_high[left], left_high),
        )
        return folded_low, folded_high


def reflection_of(symmetry: Symmetry, shift: int, input_fraction: int, output_fraction: int) -> Reflection:
    """The reflection of a polynomial in units of 2**-(output_fraction + shift)."""
    fraction = output_fraction + shift
    match symmetry:
        case Symmetry.EVEN:
            return Reflection(1)
        case Symmetry.ODD:
            return Reflection(-1)
        case Symmetry.COMPLEMENT:
            return Reflection(-1, constant=1 << fraction)
        case _:
            return Reflection(1, slope=-(1 << (fraction - input_fraction)))


def detect_symmetry(scalar: Scalar, interval: Interval, input_fraction: int) -> Symmetry:
    """The symmetry that the values of `scalar` have at 64 codes of `interval`, to 2**-40 of the greatest."""
    reach = min(-interval.lo, interval.hi)
    if reach < 1:
        return Symmetry.NONE
    codes = sorted({max(1, reach * n // 64) for n in range(1, 65)})
    x = np.array([code * 2.0**-input_fraction for code in codes])
    try:
        right, left = np.array([scalar(v) for v in x]), np.array([scalar(-v) for v in x])
    except (ArithmeticError, ValueError):
        return Symmetry.NONE
    allowance = 2.0**-40 * max(1.0, float(np.abs(right).max()), float(np.abs(left).max()))
    for symmetry, mirrored in (
        (Symmetry.EVEN, right),
        (Symmetry.ODD, -right),
        (Symmetry.COMPLEMENT, 1 - right),
        (Symmetry.RAMP, right - x),
    ):
        if np.abs(left - mirrored).max() <= allowance:
            return symmetry
    return Symmetry.NONE
