"""Number formats and intervals: the two values from which every width in the hardware follows."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidInput

__all__ = ["IntFormat", "Interval"]


@dataclass(frozen=True, order=True)
class Interval:
    """All integers from `lo` to `hi`, both included.

    Arithmetic on intervals is exact for independent operands: the result holds every value that can occur and its two
    ends do occur. `[0, 15] + [-1, 1] = [-1, 16]`.

    Raises
    ------
    InvalidInput
        If `lo` is greater than `hi`.
    """

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise InvalidInput(f"Interval must have its low end at or below its high end, not [{self.lo}, {self.hi}]")

    @classmethod
    def hull(cls, *intervals: Interval) -> Interval:
        """The smallest interval that holds all of `intervals`."""
        return cls(min(i.lo for i in intervals), max(i.hi for i in intervals))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.lo + other.lo, self.hi + other.hi)

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        corners = [a * b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        return Interval(min(corners), max(corners))

    def __contains__(self, value: object) -> bool:
        if isinstance(value, Interval):
            return self.lo <= value.lo and value.hi <= self.hi
        return isinstance(value, int) and self.lo <= value <= self.hi

    def sum_of(self, count: int) -> Interval:
        """The interval of a sum of `count` independent values."""
        return Interval(self.lo * count, self.hi * count)

    def shift_left(self, amount: int) -> Interval:
        """Multiplied by `2 ** amount`."""
        return Interval(self.lo << amount, self.hi << amount)

    def round_shift(self, amount: int) -> Interval:
        """After `round_shift(v, amount) = (v + (1 << (amount - 1))) >> amount`, the identity for 0."""
        if amount == 0:
            return self
        half = 1 << (amount - 1)
        return Interval((self.lo + half) >> amount, (self.hi + half) >> amount)

    def clamp(self, other: Interval) -> Interval:
        """After saturation to `other`."""
        return Interval(min(max(self.lo, other.lo), other.hi), min(max(self.hi, other.lo), other.hi))

    @property
    def format(self) -> IntFormat:
        """The narrowest format that holds every value; one bit for the interval [0, 0]."""
        if self.lo >= 0:
            return IntFormat(max(1, self.hi.bit_length()), signed=False)
        return IntFormat(max(max(self.hi, 0).bit_length(), (-self.lo - 1).bit_length()) + 1, signed=True)

    def __str__(self) -> str:
        return f"[{self.lo}, {self.hi}]"


@dataclass(frozen=True, order=True)
class IntFormat:
    """An integer of `bits` bits: unsigned, or signed in two's complement.

    Raises
    ------
    TypeError
        If `bits` is no integer or `signed` is no bool.
    InvalidInput
        If `bits` is not from 1 to 64.
    """

    bits: int
    signed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.bits, int) or isinstance(self.bits, bool):
            raise TypeError(f"Format width must be an integer, not {self.bits!r}")
        if not isinstance(self.signed, bool):
            raise TypeError(f"Format sign must be True or False, not {self.signed!r}")
        if not 1 <= self.bits <= 64:
            raise InvalidInput(f"Format width must be from 1 to 64 bits, not {self.bits}")

    @classmethod
    def parse(cls, text: str) -> IntFormat:
        """The format named `text`: `u4` or `s8`.

        Raises
        ------
        InvalidInput
            If `text` is no such name.
        """
        if 1 < len(text) < 4 and text[0] in "us" and text[1:].isascii() and text[1:].isdigit():
            return cls(int(text[1:]), signed=text[0] == "s")
        raise InvalidInput(f"Format must be written like u4 or s8, not {text!r}")

    @property
    def interval(self) -> Interval:
        """All values of the format."""
        if self.signed:
            return Interval(-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1)
        return Interval(0, (1 << self.bits) - 1)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}"
