"""Units of whole digits: partial products in redundant sums, product by product or weight by weight."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Value

from quadrille.algo.spec.digits import DIGIT_BITS, DIGITS
from quadrille.hw.base.compress import popcount

from .digits import BYTES, ROW_BIAS, DigitMac, booth, carry_save, ent, row_of
from .shell import Beat

__all__ = ["CarrySaveMac", "SameWeightMac"]

PLACES = sum(1 << (DIGIT_BITS * place) for place in range(DIGITS))
"""The sum of the weights of all digits."""
GREATEST_ROW = 2 * ROW_BIAS - 1


class CarrySaveMac(DigitMac):
    """Products of signed bytes whose sum stays a sum and a carry: `sum = sum_k a[k] * b[k]`, one addition at the end.

    Each product is four partial products, a by a digit of b in Booth's code of radix 4; those of a unit become two
    rows, and the rows of all units join the sum and the carry, all by full adders, along which no carry runs. After the
    last beat the two are added. Source: OPT1 of Wu et al. (HPCA 2025); that rows are made unsigned by an offset which
    is taken from the sum is [INFERRED].

    Attributes
    ----------
    latency : 3 cycles, and one for each 16 bits of the accumulator; interval : 1
    """

    block_name = "carry-save-mac"

    def recode(self, m: Module, byte: Value, name: str) -> list[Value]:
        """Booth's."""
        return booth(m, byte, name)

    def rows(self, m: Module, beat: Beat, column: int) -> tuple[list[Value], int]:
        """Two of each unit."""
        width = (BYTES * PLACES * (GREATEST_ROW + 1)).bit_length()
        kept: list[Value] = []
        for unit in range(self.units):
            rows: list[Value] = []
            digits = self.digits(beat, unit)
            for element in range(BYTES):
                byte, own = self.byte(beat, unit, element), digits[DIGITS * element : DIGITS * (element + 1)]
                for place, digit in enumerate(own):
                    # Below a row there is room for the 1 that a negative digit lacks one place lower.
                    below = [Const(0, 2 * (place - 1)), own[place - 1][2], Const(0, 1)] if place else []
                    rows.append(Cat(*below, row_of(m, byte, digit, f"product_{unit}_{element}_{place}")))
            lacking = [digits[DIGITS * (element + 1) - 1][2] for element in range(BYTES)]
            top = Cat(lacking[0] ^ lacking[1], lacking[0] & lacking[1])
            rows.append(Cat(Const(0, DIGIT_BITS * (DIGITS - 1)), top))
            kept += carry_save(m, rows, width, f"unit_{unit}")
        return kept, self.units * BYTES * PLACES * ROW_BIAS


class SameWeightMac(DigitMac):
    """Partial products of signed bytes summed up weight by weight: `sum = sum_k a[k] * b[k]`, one addition at the end.

    The digits of b, in the code EN-T, are made once when a beat is taken. Those of one weight of all elements times
    their a are added first, as narrow rows without shifts, and only what they come to, a sum and a carry for each of
    the four weights, is shifted and joins the sum and carry of the dot product, which are added after the last beat.
    Source: OPT2 of Wu et al. (HPCA 2025), with the accumulation of its OPT1.

    Attributes
    ----------
    latency : 3 cycles, and one for each 16 bits of the accumulator; interval : 1
    """

    block_name = "same-weight-mac"

    def recode(self, m: Module, byte: Value, name: str) -> list[Value]:
        """EN-T."""
        return ent(m, byte, name)

    def rows(self, m: Module, beat: Beat, column: int) -> tuple[list[Value], int]:
        """Two of each weight."""
        number = BYTES * self.units
        width = (number * (GREATEST_ROW + 1)).bit_length()
        digits = [self.digits(beat, unit) for unit in range(self.units)]
        kept: list[Value] = []
        for place in range(DIGITS):
            rows: list[Value] = []
            lacking: list[Value] = []
            for unit in range(self.units):
                for element in range(BYTES):
                    digit = digits[unit][DIGITS * element + place]
                    rows.append(row_of(m, self.byte(beat, unit, element), digit, f"product_{unit}_{element}_{place}"))
                    lacking.append(digit[2])
            rows.append(popcount(m, Cat(*lacking), name=f"lacking_{place}"))
            kept += [Cat(Const(0, DIGIT_BITS * place), row) for row in carry_save(m, rows, width, f"weight_{place}")]
        return kept, number * PLACES * ROW_BIAS
