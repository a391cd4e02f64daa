"""What a scalar function is made of, in integers: stages, each an operation on one number, with its exact equation."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

from .errors import InvalidInput
from .formats import Interval, IntFormat
from .kinds import check_kinds

__all__ = [
    "STAGE_KINDS",
    "WIDEST_VALUE",
    "Clamp",
    "Cordic",
    "Product",
    "Rectify",
    "Round",
    "Scale",
    "Square",
    "Stage",
    "Warp",
    "Wrap",
]

STAGE_KINDS: dict[str, type[Stage]] = {}
"""Every class of stages, by its `kind`; a class enters when it is defined."""

GREATEST_SHIFT = 62

WIDEST_VALUE = IntFormat(62, signed=True).interval
"""What every value must fit, so that 64-bit integers compute it with room for rounding."""


@dataclass(frozen=True)
class Stage:
    """One operation on a number; `round_shift(v, n) = (v + (1 << (n-1))) >> n`, the identity for n = 0."""

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        STAGE_KINDS[cls.kind] = cls

    def __post_init__(self) -> None:
        check_kinds(self, f"stage {self.kind!r}")

    def interval(self, source: Interval) -> Interval:
        """An interval that holds every value that leaves this stage when those of `source` enter it.

        Raises
        ------
        InvalidInput
            If the stage cannot take them.
        """
        raise TypeError(f"{type(self).__name__} must say what leaves it")

    def check_shift(self, noun: str, shift: int) -> None:
        """Refuse a shift that no 64-bit number has."""
        if not 0 <= shift <= GREATEST_SHIFT:
            raise InvalidInput(f"{noun} of stage {self.kind!r} must be from 0 to {GREATEST_SHIFT}, not {shift}")

    def check_products(self, products: Interval) -> Interval:
        """`products`, values before a shift; refused where 64-bit integers would not hold them."""
        if products not in WIDEST_VALUE:
            raise InvalidInput(f"Products of stage {self.kind!r} must fit 62 bits, and lie in {products}")
        return products


@dataclass(frozen=True)
class Clamp(Stage):
    """`y = min(max(x, low), high)`: beyond its interval a function holds the value at the end."""

    kind: ClassVar[str] = "clamp"

    low: int
    high: int

    def interval(self, source: Interval) -> Interval:
        """At most [low, high]."""
        return source.clamp(Interval(self.low, self.high))


@dataclass(frozen=True)
class Rectify(Stage):
    """`y = max(x, 0)`."""

    kind: ClassVar[str] = "rectify"

    def interval(self, source: Interval) -> Interval:
        """The part that is not negative, or 0."""
        return Interval(max(source.lo, 0), max(source.hi, 0))


@dataclass(frozen=True)
class Scale(Stage):
    """`y = round_shift(mantissa * x, shift)`."""

    kind: ClassVar[str] = "scale"

    mantissa: int
    shift: int

    def interval(self, source: Interval) -> Interval:
        """That of the product, shifted."""
        self.check_shift("Shift", self.shift)
        return self.check_products(source * Interval(self.mantissa, self.mantissa)).round_shift(self.shift)


@dataclass(frozen=True)
class Square(Stage):
    """`y = round_shift(x * x, shift)`."""

    kind: ClassVar[str] = "square"

    shift: int = 0

    def interval(self, source: Interval) -> Interval:
        """From 0, or the square of what is nearest to it."""
        self.check_shift("Shift", self.shift)
        ends = (source.lo**2, source.hi**2)
        low = 0 if source.lo <= 0 <= source.hi else min(ends)
        return self.check_products(Interval(low, max(ends))).round_shift(self.shift)


@dataclass(frozen=True)
class Warp(Stage):
    """`y = round_shift(x * (|x| + 2**fraction_bits), fraction_bits)`: (|x| + 1) x where 2**fraction_bits codes are 1.

    The variable period of FINER. [INFERRED]
    """

    kind: ClassVar[str] = "warp"

    fraction_bits: int

    def interval(self, source: Interval) -> Interval:
        """Monotone: from end to end."""
        self.check_shift("Fraction", self.fraction_bits)
        one = 1 << self.fraction_bits
        ends = Interval(source.lo * (abs(source.lo) + one), source.hi * (abs(source.hi) + one))
        return self.check_products(ends).round_shift(self.fraction_bits)


@dataclass(frozen=True)
class Wrap(Stage):
    """`y = ((x + offset + 2**(bits-1)) mod 2**bits) - 2**(bits-1)`: one period of 2**bits codes, around 0."""

    kind: ClassVar[str] = "wrap"

    bits: int
    offset: int = 0

    def interval(self, source: Interval) -> Interval:
        """One period, or what lies in it already."""
        if not 1 <= self.bits <= 64:
            raise InvalidInput(f"Period of stage 'wrap' must be of 1 to 64 bits, not {self.bits}")
        period = IntFormat(self.bits, signed=True).interval
        moved = source + Interval(self.offset, self.offset)
        return moved if moved in period else period


@dataclass(frozen=True)
class Cordic(Stage):
    """The sine of a wrapped angle by rotation; a period is 2**bits codes.

    With q = 2**(bits-2), x is folded into [-q, q]: z = 2q - x for x > q, -2q - x for x < -q, else x. Then, from
    `X = gain, Y = 0, Z = z << guard`, for each i: `s = 1 if Z >= 0 else -1`,
    `X, Y, Z = X - s*(Y >> i), Y + s*(X >> i), Z - s*angles[i]`, arithmetic shifts; the result is Y.
    `gain` is the unit of the result over 1.6468 (the product of sqrt(1 + 4**-i)), `angles[i]` is arctan(2**-i) in
    codes times 2**guard, both rounded. Source: Volder 1959.
    """

    kind: ClassVar[str] = "cordic"

    bits: int
    guard: int
    gain: int
    angles: tuple[int, ...]

    def interval(self, source: Interval) -> Interval:
        """Within the length of the vector: each rotation makes it longer by sqrt(1 + 4**-i), rounding by at most 2."""
        if not 3 <= self.bits <= 48:
            raise InvalidInput(f"Period of stage 'cordic' must be of 3 to 48 bits, not {self.bits}")
        if source not in IntFormat(self.bits, signed=True).interval:
            raise InvalidInput(f"Angles of stage 'cordic' must lie in one period of {self.bits} bits, not in {source}")
        if not self.angles or self.gain < 1 or not 0 <= self.guard <= GREATEST_SHIFT - self.bits:
            raise InvalidInput("Stage 'cordic' must have a gain, guard bits that fit and one angle or more")
        length = self.lengths[-1]
        return Interval(-length, length)

    @property
    def lengths(self) -> tuple[int, ...]:
        """What |X| and |Y| stay within, before the first rotation and after each."""
        found = [self.gain]
        for i in range(len(self.angles)):
            squared = found[-1] ** 2
            found.append(isqrt(squared + (squared >> (2 * i)) + 1) + 3)
        return tuple(found)


@dataclass(frozen=True)
class Product(Stage):
    """`y = left(x) * right(x)`, each a tuple of stages on the same x."""

    kind: ClassVar[str] = "product"

    left: tuple[Stage, ...]
    right: tuple[Stage, ...]

    def interval(self, source: Interval) -> Interval:
        """The product of the intervals."""
        first, second = source, source
        for stage in self.left:
            first = stage.interval(first)
        for stage in self.right:
            second = stage.interval(second)
        return first * second


@dataclass(frozen=True)
class Round(Stage):
    """`y = saturate(round_shift(x, shift), format)`."""

    kind: ClassVar[str] = "round"

    shift: int
    format: IntFormat

    def interval(self, source: Interval) -> Interval:
        """Within the format."""
        self.check_shift("Shift", self.shift)
        return source.round_shift(self.shift).clamp(self.format.interval)
