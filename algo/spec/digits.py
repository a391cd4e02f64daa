"""Signed digits of radix 4, in which the units of the bit-weight dimension multiply eight-bit operands.

A digit is -2, -1, 0, 1 or 2, so that a product by it is a shift and a negation. Source: Wu et al., HPCA 2025
(arXiv 2503.06342), with the code of EN-T (arXiv 2404.11887).
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidInput
from .precision import WORD_BITS, MacMode, Operand, Scheme

__all__ = ["BYTE", "DIGITS", "DIGIT_BITS", "SignedBytes", "SparseDigits", "ent_digits"]

DIGIT_BITS = 2
DIGITS = 4
BYTE = Operand(8, signed=True)
"""The operands that have so many digits."""


def ent_digits(value: int) -> tuple[int, ...]:
    """The digits of a signed byte in the code EN-T, the lowest first: `value = sum_i digit[i] << 2*i`.

    The magnitude's digits of radix 4 take a carry c each, of which 3 and 4 leave one for the next:
    `c[i+1] = d[i] == 3 or (d[i] >= 2 and c[i])`, `e = (d + c) % 4`, and 0, 1, 2, 3 mean 0, 1, 2, -1; a negative number
    has the negated digits of its magnitude.

    Raises
    ------
    InvalidInput
        If the value is no signed byte.
    """
    BYTE.check(value)
    sign, magnitude, carry = (-1 if value < 0 else 1), abs(value), 0
    digits: list[int] = []
    for _ in range(DIGITS):
        digit = magnitude % 4
        digits.append(sign * (0, 1, 2, -1)[(digit + carry) % 4])
        carry = int(digit == 3 or (digit >= 2 and carry == 1))
        magnitude //= 4
    return tuple(digits)


class SignedBytes(Scheme):
    """Multipliers of signed bytes, two to a word; one beat a cycle. Narrower operands are bytes as well.

    Source: OPT1 and OPT2 of Wu et al. (HPCA 2025), in this shell.
    """

    def check(self, mode: MacMode) -> None:
        """Refuse operands that have values beyond a signed byte."""
        for operand in (mode.a, mode.b):
            if operand.interval.hi > BYTE.interval.hi or operand.interval.lo < BYTE.interval.lo:
                kind = "signed" if operand.signed else "unsigned"
                raise InvalidInput(
                    f"Precision of signed digits must be at most 8 bits signed or 7 unsigned, not {operand.bits} {kind}"
                )

    def slot(self, operand: Operand, mode: MacMode) -> int:
        """A byte."""
        return BYTE.bits

    def elements(self, mode: MacMode) -> int:
        """Two."""
        return WORD_BITS // BYTE.bits

    def cycles(self, mode: MacMode) -> int:
        """One."""
        return 1


@dataclass(frozen=True)
class SparseDigits(SignedBytes):
    """One digit of a word of b a cycle, those that are 0 left out, by the elements of a of `columns` columns.

    A beat takes the cycles of the unit whose word has the most digits, at least one. Source: OPT3 and OPT4C of Wu et
    al. (HPCA 2025); that a word's digits go one after the other into one sum, shifted, is [INFERRED].
    """

    columns: int = 1

    @property
    def sums(self) -> int:
        """One for each column."""
        return self.columns

    def pairs(self, mode: MacMode) -> tuple[tuple[int, int, int], ...]:
        """Of each column, element by element; the words of a column are its own."""
        return tuple((n, n, column) for column in range(self.columns) for n in range(self.elements(mode)))

    def cycles(self, mode: MacMode) -> int:
        """At most all digits of a word."""
        return DIGITS * self.elements(mode)
