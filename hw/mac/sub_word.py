"""An array multiplier in parts: one product of 16 bits, two of 8 or four of 4."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed

from quadrille.algo.spec.mac_schemes import SubWord
from quadrille.algo.spec.precision import WORD_BITS
from quadrille.hw.base import Flag

from .parallel import SLOTS, ParallelMac
from .shell import SHELL_PARAMETERS, Beat, delayed, total_of

__all__ = ["SubWordMac"]


class SubWordMac(ParallelMac):
    """An array multiplier of 16 x 16 bits whose rows are gated: `sum = sum_k a[k] * b[k]`, one beat a cycle.

    Row r of the array is bit r of b times the slot of a that stands as far from the top as the row's slot of b from the
    bottom, so that the products of all slots, w bits wide, meet at the weight 2**(16 - w) and are summed by the array
    itself. `apart`, it is that of the slot of the same number: product s stands at the weight 2**(2*w*s), what the
    negative ones below it borrow is given back, and each of the four slots has a sum of its own,
    `sums[s] = sum_k a[s,k] * b[s,k]`, those that the slots are too wide for 0.

    Parameters
    ----------
    apart : whether each slot has a sum of its own

    Attributes
    ----------
    latency : 4 cycles; interval : 1
    """

    block_name = "sub-word-mac"
    parameters = (*SHELL_PARAMETERS, Flag("apart", False, "whether each slot has a sum of its own"))

    apart: bool
    slots = SubWord.widths

    def __init__(self, *, units: int = 8, accumulator_bits: int = 48, apart: bool = False):
        super().__init__(units=units, accumulator_bits=accumulator_bits, apart=apart)

    @property
    def sums(self) -> int:
        """One, or one for each of four slots."""
        return SubWord(self.apart).sums

    def slot_of(self, beat: Beat) -> Value:
        """The slot of both operands."""
        a, b = beat.operands["a"], beat.operands["b"]
        return Mux(a.slot > b.slot, a.slot, b.slot)

    def unit_product(self, m: Module, beat: Beat, unit: int) -> Value:
        """Sixteen rows, one tree; together, one way out for each slot."""
        a, b = beat.operands["a"], beat.operands["b"]
        slot = Signal(2, name=f"slot_{unit}")
        m.d.comb += slot.eq(self.slot_of(beat))
        words = [self.widened(m, beat.operands[name], beat.word(name, unit), slot, f"{name}_{unit}") for name in "ab"]
        rows: list[Value] = []
        for row in range(WORD_BITS):
            chosen: Value = Const(0, signed(WORD_BITS + 1))
            negative: Value = Const(0, 1)
            for width in self.slots:
                number = row // width
                start = width * number if self.apart else WORD_BITS - width * (number + 1)
                field = words[0][start : start + width]
                fill = (field[-1] & a.signed).replicate(WORD_BITS + 1 - start - width)
                this = slot == SLOTS.index(width)
                chosen = Mux(this, Cat(Const(0, start), field, fill).as_signed(), chosen)
                if row % width == width - 1:
                    negative = Mux(this, b.signed, negative)
            gated = Signal(signed(WORD_BITS + 1), name=f"row_{unit}_{row}")
            m.d.comb += gated.eq(Mux(words[1][row], chosen, 0))
            rows.append(Mux(negative, -gated, gated) << row)
        total = Signal(signed(2 * WORD_BITS + 2), name=f"total_{unit}")
        m.d.comb += total.eq(total_of(rows))
        if self.apart:
            return total[: 2 * WORD_BITS]
        result = total >> (WORD_BITS - self.slots[-1])
        for width in self.slots[:-1]:
            result = Mux(slot == SLOTS.index(width), total >> (WORD_BITS - width), result)
        return result

    def summed(self, m: Module, enable: Value, beat: Beat, products: list[Value]) -> list[Value]:
        """Apart, the field of each slot: where that below is negative, it lacks 1."""
        if not self.apart:
            return super().summed(m, enable, beat, products)
        slot = delayed(m, enable, self.slot_of(beat), "product_slot")
        has_sign = delayed(m, enable, beat.operands["a"].signed | beat.operands["b"].signed, "product_signed")
        sums: list[Value] = []
        for number in range(self.sums):
            terms: list[Value] = []
            for product in products:
                term: Value = Const(0, signed(1))
                for width in self.slots:
                    start = 2 * width * number
                    if start < 2 * WORD_BITS:
                        field = product[start : start + 2 * width]
                        value = Cat(field, field[-1] & has_sign).as_signed()
                        lacks = product[start - 1] & has_sign if start else Const(0, 1)
                        term = Mux(slot == SLOTS.index(width), value + lacks, term)
                terms.append(term)
            sums.append(total_of(terms))
        return sums

    def widened(self, m: Module, operand: Any, word: Value, slot: Value, name: str) -> Value:
        """`word` with -1 and +1 of a binary operand spread over their slots."""
        spread = Signal(WORD_BITS, name=f"spread_{name}")
        m.d.comb += spread.eq(word)
        with m.If(operand.binary), m.Switch(slot):
            for width in self.slots:
                with m.Case(SLOTS.index(width)):
                    parts = [
                        Cat(Const(1, 1), (~word[start]).replicate(width - 1)) for start in range(0, WORD_BITS, width)
                    ]
                    m.d.comb += spread.eq(Cat(*parts))
        return spread
