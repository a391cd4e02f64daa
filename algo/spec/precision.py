"""Operands of any precision, and how the designs of multiply-accumulate units take them in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from .errors import InvalidInput
from .formats import Interval, IntFormat

__all__ = ["GREATEST_PRECISION", "WORD_BITS", "MacMode", "Operand", "Scheme", "rounded_up"]

GREATEST_PRECISION = 16
WORD_BITS = 16
"""Bits of either operand that a unit is given with a beat, whatever its design."""


@dataclass(frozen=True)
class Operand:
    """One side of a product: `bits` from 1 to 16, signed or not; one signed bit is -1 (0) or +1 (1).

    Raises
    ------
    InvalidInput
        If `bits` is not from 1 to 16.
    """

    bits: int
    signed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= GREATEST_PRECISION:
            raise InvalidInput(f"Precision must be from 1 to {GREATEST_PRECISION} bits, not {self.bits}")

    @property
    def binary(self) -> bool:
        """Whether the values are -1 and +1."""
        return self.signed and self.bits == 1

    @property
    def interval(self) -> Interval:
        """All values; of a binary operand 0 is none."""
        return Interval(-1, 1) if self.binary else IntFormat(self.bits, self.signed).interval

    def check(self, value: int) -> None:
        """Refuse a value that the operand has not."""
        if value not in self.interval or (self.binary and value == 0):
            allowed = "-1 or +1" if self.binary else f"in {self.interval}"
            raise InvalidInput(f"Operand of {self.bits} bits must be {allowed}, not {value}")


@dataclass(frozen=True)
class MacMode:
    """The precisions of a dot product."""

    a: Operand
    b: Operand


class Scheme(ABC):
    """How a design takes elements in: as fields of the words of `WORD_BITS` bits that a unit is given with a beat."""

    planes: bool = False
    """Whether a word holds one bit of each of its elements, and a beat comes for each pair of bits."""

    @property
    def descending(self) -> tuple[str, ...]:
        """Sides, "a" or "b", whose elements lie from the top of a word down."""
        return ()

    @property
    def sums(self) -> int:
        """Dot products that a unit can make at the same time."""
        return 1

    def check(self, mode: MacMode) -> None:
        """Refuse a mode that the design has not, by InvalidInput; most have all."""
        del mode

    @abstractmethod
    def slot(self, operand: Operand, mode: MacMode) -> int:
        """Bits of a word between an element and the next."""

    @abstractmethod
    def elements(self, mode: MacMode) -> int:
        """Elements of either operand that a unit takes in a group: a beat, or as many as `beats` says."""

    def beats(self, mode: MacMode) -> int:
        """Beats that bring a group of elements: one, unless the design takes bit planes."""
        return 1

    @abstractmethod
    def cycles(self, mode: MacMode) -> int:
        """Cycles that a group of elements takes; where they depend on the data, at most."""

    def pairs(self, mode: MacMode) -> tuple[tuple[int, int, int], ...]:
        """The products of a group: element of a, element of b, and the sum that they are added to."""
        return tuple((element, element, 0) for element in range(self.elements(mode)))

    def vectors(self, mode: MacMode) -> int:
        """Vectors of either operand that are multiplied at the same time: element e is of vector e % vectors."""
        return 1

    def rate(self, mode: MacMode) -> Fraction:
        """Products of a unit in a cycle; where cycles depend on the data, at least."""
        return Fraction(len(self.pairs(mode)), self.cycles(mode))

    def offsets(self, operand: Operand) -> tuple[tuple[int, int, int], ...]:
        """How an element lies in its slot: pieces (bit of the value, bit of the slot, bits).

        The most significant piece carries the sign on to the width that it has here; the others are unsigned.
        """
        return ((0, 0, WORD_BITS),)


def rounded_up(bits: int, widths: tuple[int, ...]) -> int:
    """The least of `widths`, in rising order, that is at least `bits`; the last if none is."""
    return next((width for width in widths if width >= bits), widths[-1])
