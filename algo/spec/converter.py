"""The ADC ladder as a multiplication and a shift, where both give the same code for every sum that can occur."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .errors import InvalidInput
from .formats import Interval
from .linear import Conv2d, Linear

__all__ = ["GREATEST_CONVERTER_SHIFT", "Ladder", "MultiplyShift", "ladders_of", "shared_multiply_shift"]

GREATEST_CONVERTER_SHIFT = 40


@dataclass(frozen=True)
class Ladder:
    """The converter of one column: `code = low + #{ j : P >= thresholds[j] }` for every P in `interval`.

    Raises
    ------
    InvalidInput
        If the thresholds descend.
    """

    thresholds: tuple[int, ...]
    low: int
    interval: Interval

    def __post_init__(self) -> None:
        if sorted(self.thresholds) != list(self.thresholds):
            raise InvalidInput(f"Ladder thresholds must not descend, not {list(self.thresholds)}")

    def code(self, value: int) -> int:
        """The code of the sum `value`."""
        return self.low + sum(value >= threshold for threshold in self.thresholds)

    @cached_property
    def corners(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The points (P, level) that fix the line `f(P) = (P*multiplier + offset) / 2**shift` under the clamp.

        `f(P) >= level` holds at the first list's points and `f(P) < level` at the second's. They are the two sides of
        each threshold inside the interval and the ends of the interval; f rises, so they stand for all P.
        """
        lo, hi = self.interval.lo, self.interval.hi
        at_least: list[tuple[int, int]] = []
        below: list[tuple[int, int]] = []
        for level, threshold in enumerate(self.thresholds, start=self.low + 1):
            if threshold <= lo:
                at_least = [(lo, level)]  # of those passed at the low end only the highest binds
            elif threshold > hi:
                below.append((hi, level))
                break  # of those never reached only the lowest binds
            else:
                at_least.append((threshold, level))
                below.append((threshold - 1, level))
        return at_least, below

    def slopes(self) -> Slopes | None:
        """All slopes `multiplier / 2**shift` for which an integer offset exists, or None.

        For integers the offset exists if and only if every `level*2**shift - multiplier*P` of the first corners is
        less than every one of the second, hence if `slope * (P - Q) > level(P) - level(Q)` for all pairs: an open
        interval of slopes that is the same for every shift. Newton's method finds its ends on the convex function
        `max(level - slope*P) - min(level - slope*Q)`, exactly and in few steps as that is piecewise linear.
        """
        at_least, below = self.corners
        if not at_least or not below:
            return Slopes((-1, 1), None)

        # The greatest P first: of pairs that bind alike it is that with the greatest that counts.
        at_least, below = at_least[::-1], below[::-1]

        def excess(numerator: int, denominator: int) -> tuple[int, int, int]:
            """The function times the denominator, and its slope there as rise and run of the binding pair."""
            over = [level * denominator - numerator * p for p, level in at_least]
            under = [level * denominator - numerator * q for q, level in below]
            high, low = max(over), min(under)
            (p, i), (q, j) = at_least[over.index(high)], below[under.index(low)]
            return high - low, i - j, p - q

        numerator, denominator = 0, 1
        # Of slope 0 the highest level and the lowest bind, each at one point.
        (p, i), (q, j) = at_least[0], below[-1]
        value, rise, run = i - j, i - j, p - q
        if value < 0:
            numerator, denominator = -1, 1  # a constant code: multiplier 0 will do
        while value > 0:
            if run <= 0:
                return None
            numerator, denominator = rise, run
            value, rise, run = excess(numerator, denominator)
        least = (numerator, denominator)
        # A slope greater than the number of levels passes all of them in one step of P.
        numerator, denominator = len(self.thresholds) + 1, 1
        value, rise, run = excess(numerator, denominator)
        if value < 0:
            return Slopes(least, None)
        while value > 0:
            if run >= 0:
                return None
            numerator, denominator = -rise, -run
            value, rise, run = excess(numerator, denominator)
        return Slopes(least, (numerator, denominator))

    def offset(self, multiplier: int, shift: int) -> int | None:
        """The offset nearest to 0 that makes `clamp((P*multiplier + offset) >> shift)` the ladder's code, or None."""
        at_least, below = self.corners
        least = max([(level << shift) - multiplier * p for p, level in at_least], default=None)
        most = min([(level << shift) - 1 - multiplier * q for q, level in below], default=None)
        if least is not None and most is not None and least > most:
            return None
        if least is not None and least > 0:
            return least
        return most if most is not None and most < 0 else 0


@dataclass(frozen=True)
class Slopes:
    """An open interval of slopes between two fractions (numerator, positive denominator); None is no bound."""

    least: tuple[int, int]
    most: tuple[int, int] | None

    def multiplier(self, shift: int) -> int | None:
        """The least multiplier, at least 0, with `multiplier / 2**shift` inside, or None."""
        numerator, denominator = self.least
        multiplier = max(0, (numerator << shift) // denominator + 1)
        if self.most is not None and multiplier * self.most[1] >= self.most[0] << shift:
            return None
        return multiplier


@dataclass(frozen=True)
class MultiplyShift:
    """`code = clamp((P*multipliers[c] + offsets[c]) >> shift, low, low + 2**bits - 1)` for each column c."""

    shift: int
    multipliers: tuple[int, ...]
    offsets: tuple[int, ...]

    @property
    def multiplier_interval(self) -> Interval:
        """The smallest interval that holds every multiplier."""
        return Interval(min(self.multipliers, default=0), max(self.multipliers, default=0))

    @property
    def offset_interval(self) -> Interval:
        """The smallest interval that holds every offset."""
        return Interval(min(self.offsets, default=0), max(self.offsets, default=0))


def shared_multiply_shift(
    ladders: Iterable[Ladder], *, greatest_shift: int = GREATEST_CONVERTER_SHIFT
) -> MultiplyShift | None:
    """Multipliers and offsets that reproduce every ladder with one shift, the least there is; None if there is none.

    The result is exact for every integer in each ladder's interval: what is checked are the two sides of each
    threshold and the ends of the interval, between which the code does not change and the line only rises. Multipliers
    are the least, offsets the nearest to 0, for that shift. Source: [INFERRED].
    """
    ladders = list(ladders)
    slopes: list[Slopes] = []
    shift = 0
    for ladder in ladders:
        found = ladder.slopes()
        if found is None:
            return None
        # A multiplier that serves one shift serves the next one doubled: the column that needs most decides.
        while found.multiplier(shift) is None:
            shift += 1
            if shift > greatest_shift:
                return None
        slopes.append(found)
    multipliers: list[int] = []
    offsets: list[int] = []
    for ladder, found in zip(ladders, slopes, strict=True):
        multiplier = found.multiplier(shift)
        assert multiplier is not None
        offset = ladder.offset(multiplier, shift)
        assert offset is not None
        multipliers.append(multiplier)
        offsets.append(offset)
    return MultiplyShift(shift, tuple(multipliers), tuple(offsets))


def ladders_of(node: Linear | Conv2d, source: Interval) -> tuple[Ladder, ...]:
    """The ladder of each column of `node`, in row-major order of (tile, slice, output), for rows in `source`.

    Raises
    ------
    InvalidInput
        If the node has no ADC.
    """
    if node.adc is None:
        raise InvalidInput(f"Node {node.name!r} must have an ADC to have ladders")
    levels = (1 << node.adc.bits) - 1
    flat = node.adc.thresholds.flat
    return tuple(
        Ladder(tuple(flat[column * levels : (column + 1) * levels]), node.adc.low, interval)
        for column, interval in enumerate(node.column_intervals(source))
    )
